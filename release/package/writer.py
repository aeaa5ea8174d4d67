"""The package: images and all that is said of them in one ZIP; same request, same bytes.

    images/<class>/<index>.png   unlabelled/<kind>s/<index>.png   npz/  wds/  dicom/
    report.html and further documents   labels.csv   metadata.csv   croissant.json
    manifest.json   SHA256SUMS   attestation.intoto.jsonl   signing-key.pem

`manifest.json` describes every file before it, `SHA256SUMS` these and the manifest, and the
attestation signs both.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from release.package.archive import Archive
from release.package.attestation import Signer, attestation
from release.package.croissant import croissant
from release.package.formats.dicom import DicomFormat
from release.package.formats.extra import ExtraFormat
from release.package.formats.npz import NpzFormat
from release.package.formats.webdataset import WebDatasetFormat
from release.package.manifest import Description, PackagedImage, hashed_seed, listed, manifest
from release.package.png import png
from release.package.tables import labels_csv, metadata_csv
from release.sample_spec import SampleSpec
from synthcxr.package_format import (
    ATTESTATION,
    CROISSANT,
    LABELS,
    MANIFEST,
    METADATA,
    PUBLIC_KEY,
    SUMS,
    write_sums,
)

FORMATS: Mapping[str, type[ExtraFormat]] = {  # beside PNG
    "npz": NpzFormat,
    "webdataset": WebDatasetFormat,
    "dicom": DicomFormat,
}


@dataclass(frozen=True)
class Contents:
    """All that goes into a package beside the images.

    Attributes:
        description: What the manifest says of the set.
        classes: All labels of the model, in the order that numbers them.
        documents: Further files by name, such as `report.html` and `DATASET_CARD.md`.
        formats: What the images are copied into besides PNG, of `FORMATS`.
        hashing_key: Hashes seeds; see `release.package.manifest.hashed_seed`.
        signer: Signs the attestation.
    """

    description: Description
    classes: Sequence[str]
    hashing_key: bytes
    signer: Signer
    documents: Mapping[str, bytes] = field(default_factory=dict)
    formats: frozenset[str] = frozenset()


def write_package(
    path: Path, images: Iterable[tuple[NDArray[np.uint8], SampleSpec]], contents: Contents
) -> bytes:
    """Write a package, in constant memory but for its table of contents.

    An exception leaves an unfinished file for the caller to drop.

    Args:
        path: The ZIP to make; its folder needs room for the images of `formats` as well.
        images: Pixels, (h, w), and origin of each image that is released, in order.
        contents: What goes with them.

    Returns:
        The manifest's bytes.

    Raises:
        ValueError: A document takes a name of ours.
    """
    _require_free_names(contents.documents)
    with Archive(path) as archive, tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        packaged = _write_images(archive, images, contents, Path(scratch))
        labels = archive.write(LABELS, labels_csv(packaged))
        metadata = archive.write(METADATA, metadata_csv(packaged))
        for name, data in sorted(contents.documents.items()):
            archive.write(name, data)
        archive.write(CROISSANT, croissant(contents.description, labels, metadata))
        content = manifest(contents.description, _lines(packaged, archive, contents.hashing_key))
        table = archive.write(MANIFEST, content)
        sums = archive.write(SUMS, write_sums((each.path, each.sha256) for each in archive.members))
        signed = attestation(contents.description, (table, sums), contents.signer)
        archive.write(ATTESTATION, signed)
        archive.write(PUBLIC_KEY, contents.signer.public_pem)
    return content


def _write_images(
    archive: Archive,
    images: Iterable[tuple[NDArray[np.uint8], SampleSpec]],
    contents: Contents,
    scratch: Path,
) -> list[PackagedImage]:
    extras = [
        FORMATS[name](archive, contents.description, contents.classes, scratch)
        for name in sorted(contents.formats)
    ]
    packaged = []
    for index, (pixels, origin) in enumerate(images):
        data = png(pixels)
        member = archive.write(f"{origin.folder}/{index:06}.png", data)
        image = PackagedImage(index, origin, member)
        for extra in extras:
            extra.add(image, pixels, data)
        packaged.append(image)
    for extra in extras:
        extra.close()
    return packaged


def _lines(images: list[PackagedImage], archive: Archive, key: bytes) -> Iterator[dict[str, Any]]:
    """List the images in their order, then all else."""
    hashed = partial(hashed_seed, key)
    for image in images:
        yield listed(image.member, image.origin.described(hashed))
    paths = {image.member.path for image in images}
    kinds = {extra.folder: name for name, extra in FORMATS.items()}
    for member in archive.members:
        if member.path not in paths:
            folder, inside, _ = member.path.partition("/")
            yield listed(member, {"kind": kinds[folder] if inside else "document"})


def _require_free_names(documents: Mapping[str, bytes]) -> None:
    ours = {LABELS, METADATA, CROISSANT, MANIFEST, SUMS, ATTESTATION, PUBLIC_KEY}
    taken = sorted(name for name in documents if name in ours or "/" in name)
    if taken:
        raise ValueError(f"A document cannot be called {taken[0]}: the package writes that itself.")
