"""How many images a second the whole ingest takes in, beside what decoding alone allows.

    python benchmarks/ingest.py                 2,000 phantoms as 224 px PNG
    python benchmarks/ingest.py --data FOLDER   your own images

The limit is Pillow reading and decoding the same files with as many threads, measured in the
same run, turn about with the ingest. Their ratio is worth more than either figure: it holds
on a busy machine too.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from radiographs.ingest import FolderSource, IngestOptions, run
from radiographs.phantom import FINDINGS, draw
from radiographs.splits.keyed_hash import KEY_BYTES

TARGET_IMAGES_PER_SECOND = 1000
RESULTS = Path(__file__).parent / "results" / "ingest.json"


class Measurement(NamedTuple):
    """Time that some images took."""

    wall_seconds: float
    cpu_seconds: float


def measure(work: Callable[[], object]) -> Measurement:
    """Run once, by the clock on the wall and by the processor's."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Measurement(time.perf_counter() - wall, time.process_time() - cpu)


def draw_images(folder: Path, num_images: int, mode: str) -> None:
    """Write phantoms as 224 px PNG, a folder per finding."""
    for index in range(num_images):
        label = FINDINGS[index % len(FINDINGS)]
        (folder / label).mkdir(exist_ok=True)
        pixels = draw(label, seed=0, index=index, size=224).pixels
        Image.fromarray(pixels).convert(mode).save(folder / label / f"{index:06d}.png")


def decode_alone(files: list[Path], num_workers: int) -> None:
    """Read and decode every image to grey, keeping nothing."""

    def decode(path: Path) -> None:
        with Image.open(path) as image:
            image.convert("L")

    with ThreadPoolExecutor(num_workers) as pool:
        for _ in pool.map(decode, files):
            pass


def ingest_into_nowhere(folder: Path, options: IngestOptions) -> None:
    """Ingest, and throw the store away."""
    with tempfile.TemporaryDirectory() as store:
        run(FolderSource(folder), Path(store), options)


def benchmark(
    folder: Path, *, image_size: int, num_workers: int, repeats: int
) -> dict[str, object]:
    """Measure ingest and limit, turn about."""
    files = [path for path in sorted(folder.rglob("*.png")) if path.is_file()]
    options = IngestOptions(bytes(KEY_BYTES), image_size=image_size, num_workers=num_workers)
    whole, limit = [], []
    for _ in range(repeats):
        limit.append(measure(lambda: decode_alone(files, num_workers)))
        whole.append(measure(lambda: ingest_into_nowhere(folder, options)))
    shares = [one.wall_seconds / all_.wall_seconds for one, all_ in zip(limit, whole, strict=True)]
    return {
        "num_images": len(files),
        "image_size": image_size,
        "num_threads": num_workers,
        "num_cores": os.cpu_count(),
        "repeats": repeats,
        "ingest_images_per_second": [round(len(files) / run.wall_seconds) for run in whole],
        "ingest_cpu_ms_per_image": [round(1e3 * run.cpu_seconds / len(files), 3) for run in whole],
        "decode_images_per_second": [round(len(files) / run.wall_seconds) for run in limit],
        "decode_cpu_ms_per_image": [round(1e3 * run.cpu_seconds / len(files), 3) for run in limit],
        "share_of_limit": [round(share, 3) for share in shares],
        "target_images_per_second": TARGET_IMAGES_PER_SECOND,
    }


def main() -> None:
    """Measure, print a table and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of PNG images to use instead")
    parser.add_argument("--images", type=int, default=2000, help="how many phantoms to draw")
    parser.add_argument("--mode", choices=["L", "RGB"], default="L", help="how to save phantoms")
    parser.add_argument("--image-size", type=int, default=128, help="side of a stored image")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as drawn:
        if arguments.data is None:
            draw_images(Path(drawn), arguments.images, arguments.mode)
        results = benchmark(
            arguments.data or Path(drawn),
            image_size=arguments.image_size,
            num_workers=arguments.threads,
            repeats=arguments.repeats,
        )
    results["images"] = "given" if arguments.data else f"224 px phantoms, {arguments.mode}"
    for name, value in results.items():
        shown = (
            f"{statistics.median(value):>10} (median of {value})"
            if isinstance(value, list)
            else f"{value!s:>10}"
        )
        print(f"{name:28}{shown}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
