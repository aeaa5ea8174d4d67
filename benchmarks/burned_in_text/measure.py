"""How much drawn text the detector finds, and how often it finds some where there is none.

    make bench-text                           on phantoms
    make bench-text DATA=FOLDER FONTS=FOLDER  on your images, in fonts of your own

Names, dates and numbers are drawn in white, black or grey, with a box and without, anywhere in the
image. DATA may be given several folders, comma-separated. Real images may have text of their own:
those in which the detector finds some are listed in the file that `--found` names, one a line; put
`text`, `unreadable` or `none` and a tab before each, give the file as `--looked-at`, and the false
finds are counted. Such a file has the names of your images, so keep it where they are.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.burned_in_text.distractors import with_distractors
from benchmarks.burned_in_text.lettering import FONTS, Lettering, random_text, write
from benchmarks.burned_in_text.scenes import with_markers
from benchmarks.evaluation.machine import conditions
from radiographs.burned_in_text.detector import find_text
from radiographs.burned_in_text.masking import mask
from radiographs.errors import UnreadableImage
from radiographs.phantom import FINDINGS, draw
from radiographs.reading.decoding import decode
from release.stats.intervals import share

Grey = NDArray[np.uint8]
Fonts = tuple[Path | None, ...]

RESULTS = Path(__file__).parents[1] / "results" / "burned_in_text.json"
NUM_DRAWN = 200
NUM_EMPTY = 1000
CAP_HEIGHTS = (4, 5, 6, 8, 12, 20, 30)
CONTRASTS = (10, 15, 20, 30, 40, 60)
TURNS = {"5 degrees": 5.0, "a quarter turn": 90.0, "upside down": 180.0}
THREE_GLYPHS = ("LEE", "KIM", "DOE", "117")
LEAST_CONTRAST = 40  # grey levels of 255 that drawn text differs by, but where it is varied
LEAST_HEIGHT = 6.0  # pixels of a capital, likewise


def rate(found: Iterable[bool]) -> dict[str, Any]:
    """Count, with Wilson's interval."""
    answers = list(found)
    if not answers:
        return {"found": 0, "of": 0}
    interval = share(sum(answers), len(answers))
    return {
        "found": sum(answers),
        "of": len(answers),
        "interval": [round(interval.low, 4), round(interval.high, 4)],
    }


def phantom(index: int, size: int) -> Grey:
    """Draw a chest that the detector has not learned from."""
    return draw(FINDINGS[index % len(FINDINGS)], seed=11, index=index, size=size).pixels


def with_text(
    image: Grey,
    rng: np.random.Generator,
    fonts: Fonts,
    height: float | None = None,
    contrast: float | None = None,
    angle: float = 0.0,
    text: str | None = None,
) -> Grey | None:
    """Draw a line of text that is inside of the image and legible; None where none fits.

    Args:
        image: The image.
        rng: Draws the text, its place and its look.
        fonts: To draw in; None among them for Pillow's own.
        height: Of a capital, in pixels; None for 6 pixels to 5 % of the image's longer side.
        contrast: Grey levels that the text differs by from the mean of where it lies; None for
            white, black or any grey that differs by LEAST_CONTRAST or more, half of them in a box.
        angle: To which it is turned.
        text: What is drawn; None for a name, a date or a number of at least four glyphs.
    """
    tallest = max(0.05 * max(image.shape), LEAST_HEIGHT + 2)
    for _ in range(100):
        tall = height or float(np.exp(rng.uniform(np.log(LEAST_HEIGHT), np.log(tallest))))
        left, top = (float(rng.uniform(0, 0.9) * side) for side in image.shape[::-1])
        style = _style(image, rng, fonts, tall, contrast, (left, top), angle)
        least = LEAST_CONTRAST if contrast is None else 0.6 * contrast
        line = text or random_text(rng)
        drawn, glyphs = write(image, line, (left, top), style, least)
        if glyphs.legible.all() and len(glyphs.legible) >= min(len(line), 4):
            return drawn
    return None


def _style(
    image: Grey,
    rng: np.random.Generator,
    fonts: Fonts,
    height: float,
    contrast: float | None,
    at: tuple[float, float],
    angle: float,
) -> Lettering:
    font = fonts[rng.integers(len(fonts))]
    if contrast is not None:
        left, top = int(at[0]), int(at[1])
        around = image[top : top + int(2 * height) + 1, left : left + int(8 * height) + 1].mean()
        sign = 1 if around < 128 else -1
        return Lettering(font, height, int(around + sign * contrast), angle=angle)
    grey = int(rng.choice([255, 255, 0, 0, rng.integers(0, 256)]))
    box = int(rng.choice([0, 255, 255 - grey])) if rng.random() < 0.5 else None
    return Lettering(font, height, grey, box, angle)


def found_on(
    images: Iterable[Grey], seed: int, fonts: Fonts, **how: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw text on images; count where it is found, and where some is left after masking."""
    found, left = [], []
    for index, image in enumerate(images):
        drawn = with_text(image, np.random.default_rng([seed, index]), fonts, **how)
        if drawn is not None:
            boxes = find_text(drawn)
            found.append(bool(boxes))
            left.append(bool(boxes) and bool(find_text(mask(drawn, boxes))))
    return rate(found), rate(left)


def on_phantoms(num_drawn: int, num_empty: int, fonts: Fonts) -> dict[str, Any]:
    """Measure all that drawn chests allow."""
    rng = np.random.default_rng(3)
    sizes = [int(np.exp(rng.uniform(np.log(128), np.log(512)))) for _ in range(num_drawn)]
    found, left = found_on((phantom(k, size) for k, size in enumerate(sizes)), 1, fonts)

    def varied(seed: int, **how: Any) -> dict[str, Any]:
        images = (phantom(1000 * seed + k, 256) for k in range(num_drawn // 2))
        return found_on(images, seed, fonts, **how)[0]

    return {
        "found": found,
        "found_after_masking": left,
        "by_cap_height": {str(h): varied(10 + k, height=h) for k, h in enumerate(CAP_HEIGHTS)},
        "by_contrast": {
            str(c): varied(30 + k, height=12, contrast=c) for k, c in enumerate(CONTRASTS)
        },
        "turned": {
            name: varied(50 + k, height=12, angle=a) for k, (name, a) in enumerate(TURNS.items())
        },
        "three_glyphs": {
            text: varied(60 + k, height=12, text=text) for k, text in enumerate(THREE_GLYPHS)
        },
        "false": {
            name: rate(bool(find_text(image)) for image in empty(num_empty, kind))
            for kind, name in enumerate(("bare", "with L, R, AP and the like", "with drawn wires"))
        },
    }


def empty(num_images: int, kind: int) -> Iterator[Grey]:
    """Draw chests without text: bare, with markers, or with wires, combs, rings and arrows."""
    for index in range(num_images):
        rng = np.random.default_rng([4, kind, index])
        image = phantom(100_000 + index, int(rng.choice([64, 128, 224, 256])))
        if kind == 1:
            image, _ = with_markers(image, rng, 1 + int(rng.integers(2)), (None, *FONTS))
        yield with_distractors(image, rng) if kind == 2 else image


def real(folders: list[Path]) -> Iterator[tuple[Path, Grey]]:
    """Read the images of some folders; what is no image is passed over."""
    for path in sorted(path for folder in folders for path in folder.rglob("*") if path.is_file()):
        try:
            pixels = decode(path.read_bytes())
        except UnreadableImage:
            continue
        yield path, pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def on_real_images(
    folders: list[Path], num_drawn: int, fonts: Fonts, found: Path | None, looked_at: Path | None
) -> dict[str, Any]:
    """Draw text on real images, and look at all of them as they are."""
    with_some, without = [], []
    for path, image in real(folders):
        (with_some if find_text(image) else without).append(path)
    if found:
        found.write_text("".join(f"{path}\n" for path in with_some), encoding="utf-8")
    chosen = np.random.default_rng(5).permutation(len(without))[:num_drawn]
    images = (decode(without[k].read_bytes()) for k in chosen)
    drawn, left = found_on((_eight_bits(image) for image in images), 2, fonts)
    counted: dict[str, Any] = {
        "images": len(with_some) + len(without),
        "found_in": len(with_some),
        "drawn": drawn,
        "drawn_found_after_masking": left,
    }
    if looked_at:
        truth = dict(_judged(looked_at))
        kinds = Counter(truth[path] for path in with_some)
        num_false, num_text = kinds["none"], kinds["text"] + kinds["unreadable"]
        counted["looked_at"] = dict(kinds)
        counted["false"] = rate([True] * num_false + [False] * len(without))
        counted["of_these_text"] = num_text
    return counted


def _judged(path: Path) -> Iterator[tuple[Path, str]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        kind, _, name = line.partition("\t")
        yield Path(name), kind


def _eight_bits(pixels: NDArray[Any]) -> Grey:
    return pixels if pixels.dtype == np.uint8 else (pixels >> 8).astype(np.uint8)


def cost() -> dict[str, float]:
    """Measure the processor's time for one image without text, in milliseconds."""
    times = {}
    for size, repeats in ((224, 200), (2000, 10)):
        image = np.asarray(Image.fromarray(phantom(0, min(size, 500))).resize((size, size)))
        find_text(image)
        start = time.process_time()
        for _ in range(repeats):
            find_text(image)
        times[str(size)] = round(1e3 * (time.process_time() - start) / repeats, 3)
    return times


def main() -> None:
    """Measure and write the results."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="", help="folders of real images, comma-separated")
    parser.add_argument("--fonts", type=Path, help="a folder of TrueType fonts to draw in")
    parser.add_argument("--found", type=Path, help="file to list the real images with text in")
    parser.add_argument("--looked-at", type=Path, help="the same list, judged by eye")
    parser.add_argument("--drawn", type=int, default=NUM_DRAWN)
    parser.add_argument("--empty", type=int, default=NUM_EMPTY)
    arguments = parser.parse_args()
    given = tuple(sorted(arguments.fonts.rglob("*.ttf"))) if arguments.fonts else FONTS
    fonts: Fonts = (None, *given)
    measured: dict[str, Any] = {"fonts": sorted({path.stem for path in given})}
    if arguments.data:
        folders = [Path(name) for name in arguments.data.split(",")]
        measured |= on_real_images(
            folders, arguments.drawn, fonts, arguments.found, arguments.looked_at
        )
    else:
        measured |= on_phantoms(arguments.drawn, arguments.empty, fonts)
        measured |= {"machine": conditions(), "milliseconds": cost()}
    print(json.dumps(measured, indent=2))
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results |= {"least_contrast": LEAST_CONTRAST, "least_cap_height": LEAST_HEIGHT}
    results["real" if arguments.data else "phantoms"] = measured
    RESULTS.write_text(json.dumps(results, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
