"""How many changed copies ingest finds, how many different patients it joins, and what that costs.

    python benchmarks/near_duplicates.py --data FOLDER   images of your own, one per patient at best
    python benchmarks/near_duplicates.py                 2,000 phantoms

Of some images a copy is made of each kind and looked for among all. A pair found between a copy
and an image that is neither its source nor joined with it counts as false.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from radiographs.duplicates.descriptor import Descriptor, describe
from radiographs.duplicates.near_duplicates import Groups, near_duplicates
from radiographs.phantom import FINDINGS, draw
from radiographs.reading.decoding import decode
from radiographs.reading.sources import FolderSource

RESULTS = Path(__file__).parent / "results" / "near_duplicates.json"
SIDE = 128
Grey = NDArray[np.float32]
Change = Callable[[Grey, np.random.Generator], Grey]


def picture(image: Grey) -> Image.Image:
    """Round to 8 bits."""
    return Image.fromarray(image.clip(0, 255).round().astype(np.uint8))


def grey(image: Image.Image) -> Grey:
    """Return grey values."""
    return np.asarray(image, np.float32)


def resized(image: Grey, height: int, width: int) -> Grey:
    """Resample by cubic interpolation."""
    return grey(picture(image).resize((width, height), Image.Resampling.BICUBIC))


def cropped(image: Grey, *cuts: float) -> Grey:
    """Cut shares off top, bottom, left and right, and bring back to size."""
    top, bottom, left, right = (round(cut * SIDE) for cut in cuts)
    return resized(image[top : SIDE - bottom, left : SIDE - right], SIDE, SIDE)


def framed(image: Grey, share: float, value: float) -> Grey:
    """Shrink into a frame."""
    width = round(share * SIDE)
    inner = resized(image, SIDE - 2 * width, SIDE - 2 * width)
    return np.pad(inner, width, constant_values=value)


def shifted(image: Grey, down: int, right: int) -> Grey:
    """Shift, repeating the edges."""
    wide = np.pad(image, 16, mode="edge")
    return wide[16 - down : 16 - down + SIDE, 16 - right : 16 - right + SIDE]


def boxed(image: Grey, rng: np.random.Generator) -> Grey:
    """Burn a white box into a corner."""
    image = image.copy()
    height, width = int(rng.integers(10, 20)), int(rng.integers(25, 50))
    top, left = (int(rng.choice([2, SIDE - side - 2])) for side in (height, width))
    image[top : top + height, left : left + width] = 255
    return image


def written_on(image: Grey) -> Grey:
    """Burn in a box of text and a side marker."""
    canvas = picture(image)
    pen = ImageDraw.Draw(canvas)
    pen.rectangle([3, 3, 60, 24], fill=0)
    pen.text((5, 4), "PORTABLE", fill=255)
    pen.text((5, 13), "AP 12:31", fill=255)
    pen.text((SIDE - 14, SIDE // 2), "L", fill=255)
    return grey(canvas)


def jpeg(image: Grey) -> Grey:
    """Save as JPEG of quality 20."""
    file = io.BytesIO()
    picture(image).save(file, "JPEG", quality=20)
    return grey(Image.open(file))


def clahe(image: Grey, tiles: int = 8, clip: float = 4) -> Grey:
    """Equalise the histogram of each tile, clipped (Zuiderveld 1994)."""
    side = SIDE // tiles
    levels = image.clip(0, 255).astype(int)
    curves = np.zeros((tiles, tiles, 256))
    for row in range(tiles):
        for column in range(tiles):
            tile = levels[row * side : (row + 1) * side, column * side : (column + 1) * side]
            counts = np.bincount(tile.ravel(), minlength=256).astype(float)
            most = clip * counts.sum() / 256
            counts = np.minimum(counts, most) + np.maximum(counts - most, 0).sum() / 256
            curves[row, column] = 255 * np.cumsum(counts) / counts.sum()
    at = ((np.arange(SIDE) + 0.5) / side - 0.5).clip(0, tiles - 1)
    low = at.astype(int)
    high = np.minimum(low + 1, tiles - 1)
    share = at - low

    def of(rows: NDArray[np.intp], columns: NDArray[np.intp]) -> Grey:
        found: Grey = curves[rows[:, None], columns, levels].astype(np.float32)
        return found

    upper = (1 - share) * of(low, low) + share * of(low, high)
    lower = (1 - share) * of(high, low) + share * of(high, high)
    equalised: Grey = (1 - share[:, None]) * upper + share[:, None] * lower
    return equalised


CHANGES: dict[str, Change] = {
    "none": lambda x, _: x,
    "crop 5 %": lambda x, _: cropped(x, *[0.025] * 4),
    "crop 10 %": lambda x, _: cropped(x, *[0.05] * 4),
    "crop 15 %": lambda x, _: cropped(x, *[0.075] * 4),
    "crop 20 %": lambda x, _: cropped(x, *[0.1] * 4),
    "crop 15 % at the bottom": lambda x, _: cropped(x, 0, 0.15, 0, 0),
    "crop 15 % at a side": lambda x, _: cropped(x, 0, 0, 0.15, 0),
    "crop 0 to 6 % of each side": lambda x, rng: cropped(x, *rng.uniform(0, 0.06, 4)),
    "crop 0 to 12 % of each side": lambda x, rng: cropped(x, *rng.uniform(0, 0.12, 4)),
    "white box": boxed,
    "text and marker": lambda x, _: written_on(x),
    "black frame 3 %": lambda x, _: framed(x, 0.03, 0),
    "black frame 8 %": lambda x, _: framed(x, 0.08, 0),
    "white frame 8 %": lambda x, _: framed(x, 0.08, 255),
    "border 5 % painted over": lambda x, _: np.pad(x[6:-6, 6:-6], 6),
    "border 8 % painted white": lambda x, _: np.pad(x[10:-10, 10:-10], 10, constant_values=255),
    "gamma 0.5": lambda x, _: 255 * (x / 255) ** 0.5,
    "gamma 2.5": lambda x, _: 255 * (x / 255) ** 2.5,
    "contrast halved": lambda x, _: (x - 128) * 0.5 + 110,
    "contrast raised and cut": lambda x, _: (x - 128) * 1.8 + 128,
    "inverted": lambda x, _: 255 - x,
    "CLAHE": lambda x, _: clahe(x),
    "shift 3 %": lambda x, _: shifted(x, 4, -3),
    "shift 5 %": lambda x, _: shifted(x, 6, -5),
    "shift 8 %": lambda x, _: shifted(x, -10, -8),
    "turn 3 degrees": lambda x, _: grey(picture(x).rotate(3, Image.Resampling.BICUBIC)),
    "noise 5 %": lambda x, rng: x + rng.normal(0, 12, x.shape).astype(np.float32),
    "JPEG 20": lambda x, _: jpeg(x),
    "another aspect": lambda x, _: resized(x, 102, SIDE),
    "padded to a wide image": lambda x, _: np.pad(x, ((0, 0), (16, 16))),
    "16 % cut off the width": lambda x, _: x[:, 10:-10],
    "frame, CLAHE and text": lambda x, _: framed(written_on(clahe(x)), 0.05, 0),
    "crop, gamma and box": lambda x, rng: boxed(255 * (cropped(x, *[0.05] * 4) / 255) ** 1.8, rng),
    "inverted, crop and text": lambda x, _: written_on(255 - cropped(x, 0.06, 0.02, 0.03, 0.03)),
}


def images_of(folder: Path | None, num_phantoms: int) -> list[Grey]:
    """Read images, or draw phantoms, of 128 x 128."""
    if folder is None:
        return [
            draw(FINDINGS[k % 4], seed=3, index=k, size=SIDE).pixels.astype(np.float32)
            for k in range(num_phantoms)
        ]
    images = FolderSource(folder).listing().images
    with ThreadPoolExecutor(2) as pool:
        read = pool.map(lambda image: decode((folder / image.name).read_bytes()), images)
        return [resized(x.astype(np.float32), SIDE, SIDE) for x in read]


def searched(descriptors: Descriptor, num_asked: int | None = None) -> NDArray[np.intp]:
    """Find all pairs."""
    return np.concatenate([pairs for _, pairs in near_duplicates(descriptors, num_asked)])


def grouped(descriptors: Descriptor, pairs: NDArray[np.intp]) -> NDArray[np.int64]:
    """Number the groups that pairs join."""
    groups = Groups(len(descriptors))
    for first, second in pairs.tolist():
        groups.join(first, second)
    return groups.numbers()


def wilson(hits: int, num: int, z: float = 1.96) -> list[float]:
    """Return the 95 % interval of a share (Wilson 1927)."""
    share, spread = hits / num, z**2 / num
    middle = (share + spread / 2) / (1 + spread)
    half = z * np.sqrt(share * (1 - share) / num + spread / (4 * num)) / (1 + spread)
    return [round(middle - half, 3), round(middle + half, 3)]


def benchmark(images: list[Grey], num_copied: int) -> dict[str, object]:
    """Search among the images, and for copies of some of them."""
    start = time.process_time()
    described = np.stack([describe(np.asarray(picture(image))) for image in images])
    middle = time.process_time()
    pairs = searched(described)
    end = time.process_time()
    groups = grouped(described, pairs)
    rng = np.random.default_rng(0)
    copied = rng.choice(len(images), num_copied, replace=False)
    kinds: dict[str, object] = {}
    for kind, change in CHANGES.items():
        copies = np.stack([describe(np.asarray(picture(change(images[k], rng)))) for k in copied])
        found = searched(np.concatenate([copies, described]), num_copied)
        found = found[found[:, 1] >= num_copied]
        right = groups[found[:, 1] - num_copied] == groups[copied[found[:, 0]]]
        hits = len(set(found[right, 0].tolist()))
        kinds[kind] = {
            "found": hits,
            "of": num_copied,
            "interval": wilson(hits, num_copied),
            "false_pairs": int((~right).sum()),
        }
        print(f"{kind:30} {hits:4} of {num_copied}, {int((~right).sum())} false")
    sizes = np.bincount(groups)
    return {
        "num_images": len(images),
        "describe_cpu_ms_per_image": round(1e3 * (middle - start) / len(images), 3),
        "search_cpu_seconds": round(end - middle, 2),
        "search_cpu_ms_per_image": round(1e3 * (end - middle) / len(images), 3),
        "num_pairs": len(pairs),
        "num_joined": int(len(images) - len(sizes)),
        "largest_group": int(sizes.max()),
        "kinds": kinds,
    }


def main() -> None:
    """Measure, print and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="a folder of images to use")
    parser.add_argument("--phantoms", type=int, default=2000, help="how many to draw otherwise")
    parser.add_argument("--copied", type=int, default=200, help="images that copies are made of")
    arguments = parser.parse_args()
    images = images_of(arguments.data, arguments.phantoms)
    measured = benchmark(images, arguments.copied)
    print({key: value for key, value in measured.items() if key != "kinds"})
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[arguments.data.name if arguments.data else "phantoms"] = measured
    RESULTS.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
