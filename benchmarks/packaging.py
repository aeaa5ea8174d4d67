"""What it costs to stage, package and verify a set of 10,000 images of 64 px.

    python -m benchmarks.packaging

Each phase runs in a process of its own that is held to one core, so that its peak memory is its
own; pages of the staged images that the system keeps mapped count towards it. Each format is
packaged beside the PNG files, whose cost is in it.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from radiographs.phantom import FINDINGS, draw
from release.package.manifest import Description
from release.package.spool import StagedImages
from release.package.writer import Contents, write_package
from release.sample_spec import ClassSample
from service.adapters.signing_keys import KeyRing
from synthcxr.verification import verify_set

IMAGE_SIZE = 64
NUM_PHANTOMS = 500  # drawn; the set repeats them, shifted
BATCH = 8
RESULTS = Path(__file__).parent / "results" / "packaging.json"
FORMATS: dict[str, frozenset[Any]] = {
    "png": frozenset(),
    "npz": frozenset({"npz"}),
    "webdataset": frozenset({"webdataset"}),
    "dicom": frozenset({"dicom"}),
}
_KIB = 2**10
_MIB = 2**20


def draw_phantoms(path: Path) -> None:
    """Draw the images that the set is made of."""
    labels = [FINDINGS[index % len(FINDINGS)] for index in range(NUM_PHANTOMS)]
    drawn = [
        draw(label, seed=0, index=index, size=IMAGE_SIZE).pixels
        for index, label in enumerate(labels)
    ]
    np.save(path, np.stack(drawn))


def stage(raw: Path, phantoms: Path, num_images: int) -> None:
    """Stage images as a generation does, a micro-batch at a time."""
    drawn = np.load(phantoms)
    staged = StagedImages(raw, IMAGE_SIZE)
    for start in range(0, num_images, BATCH):
        chosen = np.arange(start, min(start + BATCH, num_images)) % NUM_PHANTOMS
        staged.append(np.roll(drawn[chosen], start // NUM_PHANTOMS, axis=-1))


def contents(folder: Path, formats: frozenset[Any]) -> Contents:
    """Describe a set as a generation does."""
    content: dict[str, Any] = {
        "synthetic_set_id": "syn_" + "0" * 26,
        "notice": "Phantoms.",
        "service_version": "0",
        "versions": {},
        "request": {},
        "dataset": {"version": "0" * 64, "class_counts": {}},
        "model": {
            "id": "mdl_" + "0" * 26,
            "family": "none",
            "image_size": IMAGE_SIZE,
            "config_sha256": "0" * 64,
            "snapshot_sha256": "0" * 64,
            "differential_privacy": None,
        },
        "sampler": {},
        "classes": {},
        "unlabelled": {},
        "gate": {},
        "earlier_releases": [],
        "examination": {"number": 1, "at_most": 50},
        "utility": None,
        "limitations": [],
    }
    signer = KeyRing(folder).current()
    description = Description.model_validate(content)
    return Contents(description, FINDINGS, b"k" * 32, signer, formats=formats)


def package(folder: Path, raw: Path, num_images: int, name: str) -> None:
    """Write the set, with one format beside PNG."""
    pixels: NDArray[np.uint8] = np.memmap(
        raw, np.uint8, "r", shape=(num_images, IMAGE_SIZE, IMAGE_SIZE)
    )
    images = (
        (image, ClassSample(FINDINGS[index % len(FINDINGS)], index))
        for index, image in enumerate(pixels)
    )
    write_package(folder / f"{name}.zip", images, contents(folder, FORMATS[name]))


def measured(work: Callable[..., object], *arguments: object) -> dict[str, float]:
    """Run once in a process of its own on one core; seconds, and memory beyond its imports."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_measure, args=(sender, work, arguments))
    process.start()
    result: dict[str, float] = receiver.recv()
    process.join()
    return result


def _measure(sender: Any, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak of the imports
    before = _memory_kib("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    work(*arguments)
    seconds = time.perf_counter() - wall, time.process_time() - cpu
    grown = _memory_kib("VmHWM") - before
    sender.send(
        {
            "wall_seconds": round(seconds[0], 2),
            "cpu_seconds": round(seconds[1], 2),
            "peak_memory_mib": round(grown / _KIB, 1),
        }
    )


def _memory_kib(name: str) -> int:
    """Read a line of this process's status; unlike `ru_maxrss` it knows nothing of the parent."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1])


def benchmark(folder: Path, num_images: int) -> dict[str, Any]:
    """Measure every phase."""
    from benchmarks.evaluation.machine import conditions  # torch, which no measured process needs

    raw = folder / "images.raw"
    draw_phantoms(folder / "phantoms.npy")
    results: dict[str, Any] = {
        **conditions(),
        "load_average": round(os.getloadavg()[0], 1),
        "num_images": num_images,
        "image_size": IMAGE_SIZE,
        "stage": measured(stage, raw, folder / "phantoms.npy", num_images),
        "staged_mib": round(raw.stat().st_size / _MIB, 1),
    }
    for name in FORMATS:
        path = folder / f"{name}.zip"
        written = measured(package, folder, raw, num_images, name)
        verified = measured(verify_set, path)
        size = round(path.stat().st_size / _MIB, 1)
        results[name] = {"package": written, "verify": verified, "zip_mib": size}
    return results


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--folder", type=Path, help="where to write; by default a temporary one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        results = benchmark(Path(folder), arguments.images)
    print(json.dumps(results, indent=2))
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
