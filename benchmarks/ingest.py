"""How many images a second the whole ingest takes in, and what each costs, by kind of file.

    python benchmarks/ingest.py                 2,000 phantoms as 224 px PNG, 300 as 2,000 px DICOM
    python benchmarks/ingest.py --data FOLDER   your own images

Processor time is measured beside the time on the clock, in the ingest and in its decoding
processes: it holds on a busy machine too. The search for near-duplicates, which depends on what
the images show, is also given by itself. For PNG the limit is Pillow reading and decoding the same
files with as many threads, measured turn about with the ingest.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

from radiographs.ingest import FolderSource, IngestOptions, ingest
from radiographs.phantom import FINDINGS, draw
from radiographs.splits.keyed_hash import KEY_BYTES

TARGETS = {"png": 1000, "dicom": 150}  # images a second on two cores
DEFAULT_NUMBERS = {"png": 2000, "dicom": 300}
RESULTS = Path(__file__).parent / "results" / "ingest.json"
_DICOM_SIDE, _PHANTOM_SIDE = 2000, 250


class Measurement(NamedTuple):
    """What some images took.

    Args:
        wall_seconds: By the clock.
        cpu_seconds: Of this process.
        decoding_cpu_seconds: Of the processes that it started.
        search_cpu_seconds: Of this process's time, what the search for near-duplicates took.
    """

    wall_seconds: float
    cpu_seconds: float
    decoding_cpu_seconds: float
    search_cpu_seconds: float


def cpu_seconds(whose: int) -> float:
    """Return the processor time used so far by this process or by its children that ended."""
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def measure(work: Callable[[], float]) -> Measurement:
    """Run work that returns its search time, and say what it took."""
    wall = time.perf_counter()
    own, children = (cpu_seconds(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    search = work()
    return Measurement(
        time.perf_counter() - wall,
        cpu_seconds(resource.RUSAGE_SELF) - own,
        cpu_seconds(resource.RUSAGE_CHILDREN) - children,
        search,
    )


def draw_png(path: Path, label: str, index: int) -> None:
    """Write a phantom as 224 px PNG."""
    pixels = draw(label, seed=0, index=index, size=224).pixels
    Image.fromarray(pixels).save(path.with_suffix(".png"))


def draw_dicom(path: Path, label: str, index: int) -> None:
    """Write a phantom as uncompressed DICOM of 2,000 px and 12 bits, with grain and a window."""
    drawn = draw(label, seed=0, index=index, size=_PHANTOM_SIDE).pixels.astype(np.uint16) * 16
    enlarged = np.kron(drawn, np.ones((_DICOM_SIDE // _PHANTOM_SIDE,) * 2, np.uint16))
    grain = np.random.default_rng(index).integers(0, 16, enlarged.shape, np.uint16)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian
    made.SOPClassUID = uid.DigitalXRayImageStorageForPresentation
    made.SOPInstanceUID = f"1.2.{index + 1}"
    made.Modality, made.BodyPartExamined, made.PatientID = "DX", "CHEST", str(index)
    made.Rows, made.Columns = enlarged.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 16, 12, 11, 0
    made.WindowCenter, made.WindowWidth = 2048, 4096
    made.PixelData = (enlarged + grain).tobytes()
    made.save_as(path.with_suffix(".dcm"), enforce_file_format=True)


@contextmanager
def drawn(kind: str, num_images: int) -> Iterator[Path]:
    """Draw phantoms into a folder of their own, a folder per finding."""
    with tempfile.TemporaryDirectory() as folder:
        for index in range(num_images):
            label = FINDINGS[index % len(FINDINGS)]
            (Path(folder) / label).mkdir(exist_ok=True)
            path = Path(folder) / label / f"{index:06d}"
            (draw_png if kind == "png" else draw_dicom)(path, label, index)
        yield Path(folder)


def decode_alone(files: list[Path], num_workers: int) -> float:
    """Read and decode every image to grey, keeping nothing."""

    def decode(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("L")

    with ThreadPoolExecutor(num_workers) as pool:
        for _ in pool.map(decode, files):
            pass
    return 0.0


def ingest_into_nowhere(folder: Path, options: IngestOptions) -> float:
    """Ingest, and throw the store away; return the processor time of the search for copies.

    The search begins after the last image was decoded, and ends as the store begins to be written.
    """
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as store:
        before = time.process_time()
        for step in ingest(FolderSource(folder), Path(store), options):
            is_decoded = step.phase == "decoding" and step.images_seen == step.total_images
            now = time.process_time()
            seconds["decoded" if is_decoded else step.phase] += now - before
            before = now
    return seconds["duplicates"]


def benchmark(
    folder: Path, *, image_size: int, num_workers: int, repeats: int
) -> dict[str, object]:
    """Measure the ingest of a folder and, for PNG, its limit, turn about."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    options = IngestOptions(bytes(KEY_BYTES), image_size=image_size, num_workers=num_workers)
    whole, limit = [], []
    for _ in range(repeats):
        if files[0].suffix == ".png":
            limit.append(measure(lambda: decode_alone(files, num_workers)))
        whole.append(measure(lambda: ingest_into_nowhere(folder, options)))

    def each(values: list[float]) -> list[float]:
        return [round(1e3 * value / len(files), 3) for value in values]

    return {
        "num_images": len(files),
        "image_size": image_size,
        "num_threads": num_workers,
        "num_cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "images_per_second": [round(len(files) / run.wall_seconds) for run in whole],
        "cpu_ms_per_image": each([run.cpu_seconds + run.decoding_cpu_seconds for run in whole]),
        "of_these_in_decoding_processes": each([run.decoding_cpu_seconds for run in whole]),
        "of_these_searching_for_copies": each([run.search_cpu_seconds for run in whole]),
        "pillow_alone_cpu_ms_per_image": each([run.cpu_seconds for run in limit]),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main() -> None:
    """Measure, print a table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of images to use instead")
    parser.add_argument("--kind", choices=sorted(TARGETS), action="append", help="both by default")
    parser.add_argument("--images", type=int, help="how many phantoms to draw")
    parser.add_argument("--image-size", type=int, default=128, help="side of a stored image")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    asked = {
        "image_size": arguments.image_size,
        "num_workers": arguments.threads,
        "repeats": arguments.repeats,
    }
    results: dict[str, dict[str, object]] = {}
    if arguments.data is not None:
        results["given"] = benchmark(arguments.data, **asked)
    for kind in [] if arguments.data else arguments.kind or list(TARGETS):
        with drawn(kind, arguments.images or DEFAULT_NUMBERS[kind]) as folder:
            results[kind] = benchmark(folder, **asked)
        results[kind]["target_images_per_second"] = TARGETS[kind]
    for kind, measured in results.items():
        print(kind)
        for name, value in measured.items():
            median = (
                f" (median {statistics.median(value)})" if isinstance(value, list) and value else ""
            )
            print(f"  {name:34}{value!s}{median}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
