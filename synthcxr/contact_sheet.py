"""A picture of a set at a glance: a row of its images per class, mixture and way between seeds."""

from __future__ import annotations

import zipfile
from pathlib import Path

from synthcxr.errors import MissingPackage
from synthcxr.verified_set import VerifiedSet

NUM_COLUMNS = 12
MIN_TILE_PIXELS = 128
LABEL_HEIGHT = 26
GAP = 4


def write_contact_sheet(synthetic_set: VerifiedSet, destination: Path) -> None:
    """Draw the first images of each kind, enlarged by a whole number and not otherwise changed.

    Args:
        synthetic_set: A set whose ZIP was checked.
        destination: PNG to write.

    Raises:
        MissingPackage: Pillow is not installed.
    """
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise MissingPackage("A contact sheet", "pillow") from error

    with zipfile.ZipFile(synthetic_set.path) as archive:
        rows: list[tuple[str, list[Image.Image]]] = []
        groups = [*synthetic_set.files_by_label.items(), *synthetic_set.unlabelled_files.items()]
        for title, names in groups:
            tiles = []
            for name in names[:NUM_COLUMNS]:
                with archive.open(name) as file, Image.open(file) as image:
                    factor = max(1, MIN_TILE_PIXELS // image.width)
                    size = (image.width * factor, image.height * factor)
                    tiles.append(image.convert("L").resize(size, Image.Resampling.NEAREST))
            rows.append((f"{title} ({len(names)} in the set)", tiles))

    tile_width, tile_height = rows[0][1][0].size
    row_height = LABEL_HEIGHT + tile_height + GAP
    num_columns = max(len(tiles) for _, tiles in rows)
    sheet = Image.new(
        "L", (num_columns * (tile_width + GAP) + GAP, len(rows) * row_height + GAP), 255
    )
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    for row, (title, tiles) in enumerate(rows):
        top = GAP + row * row_height
        draw.text((GAP, top + 2), title, fill=0, font=font)
        for column, tile in enumerate(tiles):
            sheet.paste(tile, (GAP + column * (tile_width + GAP), top + LABEL_HEIGHT))
    destination.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(destination)
