"""How many changed copies ingest finds, how many different patients it joins, and what that costs.

    python -m benchmarks.near_duplicates --data FOLDER   images of your own, one per patient at best
    python -m benchmarks.near_duplicates                 2,000 phantoms

Of some images a copy is made of each kind and looked for among all, with the copies of the others.
A pair found between a copy and an image that is neither its source nor joined with it counts as
false. With `--side 64` the images are shrunk first. A FOLDER/manifest.csv with the columns `path`
and `near_duplicate_group` is compared with what is joined. The cost for 100,000 images is measured
on blends of pairs of images: some of them are asked about, and the rest is proportional.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import json
import time
import zlib
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.changed_copies import COMBINED, FURTHER, NAMED, Change, Grey, picture, resized
from radiographs.duplicates.descriptor import Descriptor, describe
from radiographs.duplicates.groups import Groups
from radiographs.duplicates.near_duplicates import near_duplicates
from radiographs.phantom import FINDINGS, draw
from radiographs.reading.decoding import decode
from radiographs.reading.sources import FolderSource

RESULTS = Path(__file__).parent / "results" / "near_duplicates.json"
SIDE = 128
FAMILIES: dict[str, dict[str, Change]] = {
    "named": NAMED,
    "combined": COMBINED,
    "further": FURTHER,
}
_ASKED = (256, 1280)  # images asked about where the cost for many is measured


def images_of(folder: Path | None, num_phantoms: int) -> tuple[list[str], list[Grey]]:
    """Read images, or draw phantoms, of 128 x 128, with their names."""
    if folder is None:
        drawn = (draw(FINDINGS[k % 4], seed=3, index=k, size=SIDE) for k in range(num_phantoms))
        images = [phantom.pixels.astype(np.float32) for phantom in drawn]
        return [str(k) for k in range(num_phantoms)], images
    listed = FolderSource(folder).listing().images
    with ThreadPoolExecutor(2) as pool:
        read = pool.map(lambda image: decode((folder / image.name).read_bytes()), listed)
        return [image.name for image in listed], [
            resized(x.astype(np.float32), SIDE, SIDE) for x in read
        ]


def described(images: list[Grey]) -> Descriptor:
    """Describe images as ingest does."""
    return np.stack([describe(np.asarray(picture(image))) for image in images])


def searched(descriptors: Descriptor, num_asked: int | None = None) -> NDArray[np.intp]:
    """Find all pairs."""
    return np.concatenate([found.pairs for found in near_duplicates(descriptors, num_asked)])


def grouped(num_images: int, pairs: NDArray[np.intp]) -> NDArray[np.int64]:
    """Number the groups that pairs join."""
    groups = Groups(num_images)
    for first, second in pairs.tolist():
        groups.join(first, second)
    return groups.numbers()


def wilson(hits: int, num: int, z: float = 1.96) -> list[float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, spread = hits / num, z**2 / num
    middle = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / num + spread / (4 * num)) / (1 + spread)
    return [round(middle - half, 3), round(middle + half, 3)]


def recall(
    images: list[Grey],
    base: Descriptor,
    groups: NDArray[np.int64],
    num_copied: int,
    families: list[str],
) -> dict[str, dict[str, object]]:
    """Look for copies of some images among all, kind by kind."""
    copied = np.random.default_rng(0).choice(len(images), num_copied, replace=False)
    kinds: dict[str, dict[str, object]] = {}
    for family in families:
        kinds[family] = {}
        for kind, change in FAMILIES[family].items():
            rng = np.random.default_rng(zlib.crc32(kind.encode()))
            copies = described([change(images[k], rng) for k in copied])
            found = searched(np.concatenate([copies, base]), num_copied)
            found = found[found[:, 1] >= num_copied]
            right = groups[found[:, 1] - num_copied] == groups[copied[found[:, 0]]]
            hits = len(set(found[right, 0].tolist()))
            kinds[family][kind] = {
                "found": hits,
                "of": num_copied,
                "interval": wilson(hits, num_copied),
                "false_pairs": int((~right).sum()),
            }
            print(f"{kind:32} {hits:4} of {num_copied}, {int((~right).sum())} false", flush=True)
    return kinds


def agreement_with_manifest(
    folder: Path, names: list[str], pairs: NDArray[np.intp], groups: NDArray[np.int64]
) -> dict[str, int]:
    """Compare what is joined with the groups that a manifest names."""
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        named = {row["path"]: row["near_duplicate_group"] for row in csv.DictReader(file)}
    together = defaultdict(list)
    for k, name in enumerate(names):
        if named[name]:
            together[named[name]].append(k)
    known = [pair for of in together.values() for pair in itertools.combinations(of, 2)]
    return {
        "pairs_of_the_manifest": len(known),
        "of_these_joined": sum(bool(groups[a] == groups[b]) for a, b in known),
        "pairs_beyond_the_manifest": len({tuple(pair) for pair in pairs.tolist()} - set(known)),
    }


def cost_for(num_images: int, base: Descriptor) -> dict[str, float]:
    """Measure the cost for many images by that of asking about some of them."""
    rng = np.random.default_rng(0)
    one, other = (base[rng.integers(0, len(base), num_images)] for _ in range(2))
    many = one // 2 + np.roll(other // 2, 3, axis=2)
    seconds = []
    for num_asked in _ASKED:
        start = time.process_time()
        searched(many, num_asked)
        seconds.append(time.process_time() - start)
    each = (seconds[1] - seconds[0]) / (_ASKED[1] - _ASKED[0])
    return {
        "num_images": num_images,
        "search_cpu_ms_per_image": round(1e3 * each, 3),
        "search_cpu_seconds": round(seconds[0] + each * (num_images - _ASKED[0]), 1),
    }


def benchmark(
    names: list[str],
    images: list[Grey],
    folder: Path | None,
    num_copied: int,
    families: list[str],
) -> dict[str, object]:
    """Search among the images, and for copies of some of them."""
    start = time.process_time()
    base = described(images)
    middle, clock = time.process_time(), time.perf_counter()
    pairs = searched(base)
    end, seconds = time.process_time(), time.perf_counter() - clock
    groups = grouped(len(base), pairs)
    sizes = np.bincount(groups)
    measured: dict[str, object] = {
        "num_images": len(images),
        "image_side": len(images[0]),
        "describe_cpu_ms_per_image": round(1e3 * (middle - start) / len(images), 3),
        "search_cpu_seconds": round(end - middle, 2),
        "search_cpu_ms_per_image": round(1e3 * (end - middle) / len(images), 3),
        "search_wall_seconds": round(seconds, 2),
        "num_pairs": len(pairs),
        "num_joined": int(len(images) - len(sizes)),
        "largest_group": int(sizes.max()),
        "cost_for_many": cost_for(100_000, base),
    }
    if folder and (folder / "manifest.csv").exists():
        measured["manifest"] = agreement_with_manifest(folder, names, pairs, groups)
    print(measured, flush=True)
    return measured | {"kinds": recall(images, base, groups, num_copied, families)}


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of images to use")
    parser.add_argument("--phantoms", type=int, default=2000, help="how many to draw otherwise")
    parser.add_argument("--copied", type=int, default=200, help="images that copies are made of")
    parser.add_argument("--side", type=int, default=SIDE, help="shrink the images to this first")
    parser.add_argument("--families", nargs="*", choices=FAMILIES, default=list(FAMILIES))
    arguments = parser.parse_args()
    names, images = images_of(arguments.data, arguments.phantoms)
    if arguments.side != SIDE:
        images = [resized(image, arguments.side, arguments.side) for image in images]
    measured = benchmark(names, images, arguments.data, arguments.copied, arguments.families)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    title = arguments.data.name if arguments.data else "phantoms"
    title += "" if arguments.side == SIDE else f" at {arguments.side} px"
    results[title] = measured
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
