"""Finds the image that a table means, however the table spells its path.

A table may name images by stem, in another case, in the other form of Unicode, by the path on the
machine it was made on, by Windows' slashes, or from inside or outside a wrapping folder. An image
is taken where exactly one fits.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from radiographs.reading.file_kinds import is_image_name, plain, without_image_suffix


class Match(NamedTuple):
    """An image that a path means.

    Args:
        name: Its name in the tree.
        is_exact: Whether the path is spelt as the name is.
    """

    name: str
    is_exact: bool


class ImageNames:
    """The images of a tree, to be found by path.

    Args:
        names: Their paths in the tree.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)
        self._by_file: dict[str, list[str]] = defaultdict(list)
        self._by_stem: dict[str, list[str]] = defaultdict(list)
        for name in names:
            file = _key(name).rpartition("/")[2]
            self._by_file[file].append(name)
            self._by_stem[without_image_suffix(file)].append(name)

    def find(self, path: str, folder: str, label: str = "") -> Match | None:
        """Find the image that a path means.

        Args:
            path: As a table spells it, with `/`, printable.
            folder: Where the table lies, with a slash behind; images below it come first.
            label: Of the image, if known: where several fit, the one in a folder of this name.
        """
        for place in (folder + path, f"{folder}images/{path}"):
            if place in self._names:
                return Match(place, True)
        *folders, file = _key(path).split("/")
        for fitting in filter(None, self._fitting(file)):
            below = [name for name in fitting if name.startswith(folder)] or fitting
            best = _nearest(below, folders)
            if len(best) > 1 and label:
                best = [name for name in best if plain(label) in map(plain, name.split("/")[:-1])]
            return Match(best[0], False) if len(best) == 1 else None
        return None

    def fits_any(self, path: str) -> bool:
        """Say whether a path may mean an image, or one of several."""
        return any(self._fitting(_key(path).rpartition("/")[2]))

    def _fitting(self, file: str) -> list[list[str]]:
        """Return the images of this file name, of this stem, and of this name's stem."""
        stem = without_image_suffix(file)
        found = [self._by_file.get(file, []), self._by_stem.get(file, [])]
        if is_image_name(file):
            found.append(self._by_stem.get(stem, []))
        return found


def _nearest(names: list[str], folders: list[str]) -> list[str]:
    """Keep the names whose folders agree furthest, from the file upwards."""
    if len(names) < 2:
        return names
    shared = [_num_shared(_key(name).split("/")[:-1], folders) for name in names]
    return [name for name, number in zip(names, shared, strict=True) if number == max(shared)]


def _num_shared(first: list[str], second: list[str]) -> int:
    pairs = zip(reversed(first), reversed(second), strict=False)
    return next(
        (k for k, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second))
    )


def _key(path: str) -> str:
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", path).casefold()
