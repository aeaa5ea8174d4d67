"""Folders of files that are given by name; their images hold no pixels."""

from __future__ import annotations

from collections.abc import Mapping

from radiographs.reading.listing import Listing

PNG = b"\x89PNG\r\n\x1a\n"


def images(*names: str) -> dict[str, bytes]:
    return dict.fromkeys(names, PNG)


def classes(**counts: int) -> dict[str, bytes]:
    return images(*(f"{label}/{k}.png" for label, n in counts.items() for k in range(n)))


def table(*rows: str) -> bytes:
    return "".join(f"{row}\n" for row in rows).encode()


def labelled(header: str, *cells: str, count: int = 16) -> Mapping[str, bytes]:
    """Return 0.png, 1.png, ... and a labels.csv: row k is one of the cells, formatted with k."""
    rows = [cells[k % len(cells)].format(k=k) for k in range(count)]
    return {**images(*(f"{k}.png" for k in range(count))), "labels.csv": table(header, *rows)}


def labels(listing: Listing) -> dict[str, str]:
    return {image.name: image.label for image in listing.images}


def codes(listing: Listing) -> list[str]:
    return [warning.code for warning in listing.warnings]
