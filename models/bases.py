"""The bases that the package ships: snapshots trained on phantoms alone; imports no torch.

A base is named for its family and its image size, such as `base:ldm-64`, and lies in a folder of
that name beside this file. `make base` trains them anew (`benchmarks/train_bases.py`).
"""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).with_name("base_snapshots")
PREFIX = "base"
_DESCRIPTION = "snapshot.json"


def name_of(family: str, image_size: int) -> str:
    """Return what the base of a family and an image size is called, whether there is one or not."""
    return f"{PREFIX}:{family}-{image_size}"


def base_names(family: str | None = None) -> list[str]:
    """List the bases that are shipped, of one family or of all, smaller images first."""
    found = []
    for description in FOLDER.glob(f"*/{_DESCRIPTION}"):
        of_family, _, size = description.parent.name.partition("-")
        if family in (None, of_family):
            found.append((of_family, int(size)))
    return [name_of(*each) for each in sorted(found)]


def base_for(family: str, image_size: int) -> str | None:
    """Return the base that suits a family and an image size best.

    Its own size, else the largest that is smaller, else the smallest; None where the family has
    none. Where sizes differ fewer layers fit, see `models.warm_start`.
    """
    sizes = [int(name.rpartition("-")[2]) for name in base_names(family)]
    if not sizes:
        return None
    not_larger = [size for size in sizes if size <= image_size]
    return name_of(family, max(not_larger) if not_larger else min(sizes))


def folder_of(name: str) -> Path:
    """Return the folder of a base that is shipped.

    Raises:
        ValueError: There is no such base.
    """
    if name not in base_names():
        raise ValueError(f"There is no {name!r}, only {', '.join(base_names()) or 'no base'}.")
    return FOLDER / name.removeprefix(f"{PREFIX}:")
