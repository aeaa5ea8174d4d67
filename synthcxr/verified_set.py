"""A synthetic set whose every byte was checked, and its images: as files, arrays, a table."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synthcxr.errors import SetNotVerified, SetProblem
from synthcxr.signature import Signature

if TYPE_CHECKING:
    import pandas as pd

    from synthcxr.arrays import Arrays, Tensors


@dataclass(frozen=True)
class SetImage:
    """What is known of one image of a set.

    Attributes:
        file: Its name in the ZIP.
        label: Its class; None where it is of none.
        kind: class, mixture or interpolation.
        drawn_from: In words, the mixture or the way between two seeds; None for one of a class.
        sha256: Of its PNG, in hexadecimal.
    """

    file: str
    label: str | None
    kind: str
    drawn_from: str | None
    sha256: str


@dataclass(frozen=True)
class Description:
    """What a set says of itself, in its manifest, which is signed.

    Attributes:
        set_id: Its identifier.
        model_id: What drew it.
        class_counts: Images that were asked for, per class.
        verdict: Of the gate, in words, as `passed` or `inconclusive(power)`.
        released: Whether that is a release; a set for research inside an institution is none.
    """

    set_id: str | None
    model_id: str | None
    class_counts: Mapping[str, int]
    verdict: str
    released: bool

    @classmethod
    def of(cls, manifest: Mapping[str, Any]) -> Description:
        """Read it from a manifest; what that does not say fits nothing that is asked for."""
        verdict = manifest.get("gate", {}).get("verdict", {})
        return cls(
            set_id=manifest.get("synthetic_set_id"),
            model_id=manifest.get("model", {}).get("id"),
            class_counts=manifest.get("request", {}).get("class_counts", {}),
            verdict=verdict.get("text", "of no verdict"),
            released=verdict.get("outcome") in ("passed", "passed_filtered"),
        )


@dataclass(frozen=True)
class VerifiedSet:
    """What a checked ZIP holds.

    Attributes:
        path: The ZIP.
        contents: Its images, in the manifest's order.
        signature: Whose word it is.
        description: What was signed of the set as a whole.
    """

    path: Path
    contents: tuple[SetImage, ...]
    signature: Signature
    description: Description

    @property
    def num_images(self) -> int:
        """Number of images in the set."""
        return len(self.contents)

    @property
    def classes(self) -> tuple[str, ...]:
        """Its classes, in the manifest's order."""
        return tuple(self.files_by_label)

    @property
    def files_by_label(self) -> dict[str, list[str]]:
        """Names of its images in the ZIP, per class."""
        return _grouped((image.label, image.file) for image in self.contents)

    @property
    def unlabelled_files(self) -> dict[str, list[str]]:
        """Names of the images that are of no class, per mixture or way between two seeds."""
        return _grouped((image.drawn_from, image.file) for image in self.contents)

    @property
    def trust(self) -> str:
        """Say in words whose word the set is."""
        return str(self.signature)

    def images(self) -> Iterator[tuple[SetImage, bytes]]:
        """Read the images, one by one.

        Yields:
            What is known of an image, and its PNG, which is the one that was checked.

        Raises:
            SetNotVerified: The ZIP was changed since it was checked.
        """
        with zipfile.ZipFile(self.path) as archive:
            for image in self.contents:
                png = archive.read(image.file)
                if hashlib.sha256(png).hexdigest() != image.sha256:
                    detail = f"{image.file} was changed since the set was checked"
                    raise SetNotVerified(SetProblem.ALTERED_FILE, self.path, detail)
                yield image, png

    def numpy(self) -> Arrays:
        """Decode all images into one array; needs numpy and Pillow.

        Returns:
            `images`, (n, h, w), uint8 or uint16 as stored, and `labels`, (n,), strings that are
            empty for images of no class.

        Raises:
            MissingPackage: numpy or Pillow is not installed.
            SetNotVerified: The ZIP was changed since it was checked.
        """
        from synthcxr.arrays import as_arrays

        return as_arrays(self)

    def torch(self) -> Tensors:
        """Decode all images into one tensor; needs torch, numpy and Pillow.

        Returns:
            `images`, (n, 1, h, w), float32 in [0, 1]; `labels`, (n,), int64 places in `classes`, -1
            for images of no class; and `classes`.

        Raises:
            MissingPackage: torch, numpy or Pillow is not installed.
            SetNotVerified: The ZIP was changed since it was checked.
        """
        from synthcxr.arrays import as_tensors

        return as_tensors(self)

    def table(self) -> pd.DataFrame:
        """List the images as a table, a row for each in the manifest's order; needs pandas.

        Returns:
            Columns `file`, `label`, `kind`, `drawn_from` and `sha256`.

        Raises:
            MissingPackage: pandas is not installed.
        """
        from synthcxr.arrays import as_table

        return as_table(self)


def _grouped(pairs: Iterator[tuple[str | None, str]]) -> dict[str, list[str]]:
    """Collect files by what they are of; those of nothing are left out."""
    groups: dict[str, list[str]] = {}
    for of, file in pairs:
        if of is not None:
            groups.setdefault(of, []).append(file)
    return groups
