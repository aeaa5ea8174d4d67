"""Checks a downloaded set against its manifest, its sums and its signature; offline.

Every file is named by `SHA256SUMS` and by the manifest, both are signed, and nothing lies between
the files.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from synthcxr.errors import SetNotVerified, SetProblem
from synthcxr.package_format import (
    ATTESTATION,
    IMAGE_KINDS,
    LABELS,
    MANIFEST,
    MANIFEST_FORMAT,
    METADATA,
    PUBLIC_KEY,
    SUMS,
    read_sums,
)
from synthcxr.repacking import repack
from synthcxr.signature import check_signature
from synthcxr.verified_set import Description, SetImage, VerifiedSet

# What zipfile, json and our own reading raise of bytes that are not what they should be.
_UNREADABLE = (
    zipfile.BadZipFile,
    AttributeError,
    EOFError,
    KeyError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)

Line = Mapping[str, Any]  # of the manifest's files


def verify_set(path: Path, public_keys: Sequence[bytes] = ()) -> VerifiedSet:
    """Check that a set holds exactly what its manifest names, byte for byte, and who signed it.

    Args:
        path: A ZIP made by the service.
        public_keys: PEM of the keys that the user trusts. Without any, a set signed by the key it
            brings is accepted, and `Signature.confirmed` is False.

    Raises:
        SetNotVerified: A file is missing, added or altered, the labels are not those of the
            manifest, the signature does not hold, or the ZIP cannot be read; `problem` says
            which.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            _require_stored(path, archive)
            manifest = json.loads(archive.read(MANIFEST))
            if manifest["format"] != MANIFEST_FORMAT:
                detail = f"its manifest is not of the format {MANIFEST_FORMAT}"
                raise SetNotVerified(SetProblem.UNREADABLE, path, detail)
            return _verified(path, archive, manifest, public_keys)
    except FileNotFoundError:
        raise
    except _UNREADABLE as error:
        detail = f"not a readable synthetic set: {error}"
        raise SetNotVerified(SetProblem.UNREADABLE, path, detail) from error


def describe(image: Line) -> str:
    """Say in words what an image of no class was drawn from.

    Args:
        image: Its line in the manifest.
    """
    weights = image["weights"]
    of = " + ".join(f"{weight:g} {label}" for label, weight in weights.items())
    if image["kind"] == "interpolation":
        of = next(iter(weights)) if len(weights) == 1 else of
        ends = (image[f"{end}_seed_hash"] for end in ("from", "to"))
        return "{}, from seed {:.12} to {:.12}".format(of, *ends)
    return str(of)


def _verified(
    path: Path,
    archive: zipfile.ZipFile,
    manifest: Mapping[str, Any],
    public_keys: Sequence[bytes],
) -> VerifiedSet:
    """Check every file, the labels, the signature and that nothing lies between the files."""
    lines: Sequence[Line] = manifest["files"]
    digests, nothing_else = repack(path, archive)
    for name in (SUMS, ATTESTATION, PUBLIC_KEY):
        if name not in digests:
            raise SetNotVerified(SetProblem.MISSING_FILE, path, f"{name} is not in the ZIP")
    summed = _without(digests, (SUMS, ATTESTATION, PUBLIC_KEY))
    _compare(path, read_sums(archive.read(SUMS)), summed, named_in=SUMS)
    listed = {line["path"]: line["sha256"] for line in lines}
    _compare(path, listed, _without(summed, (MANIFEST,)), named_in=MANIFEST)
    for line in lines:
        if archive.getinfo(line["path"]).file_size != line["bytes"]:
            detail = f"{line['path']} has not the size that its manifest names"
            raise SetNotVerified(SetProblem.ALTERED_FILE, path, detail)
    images = [(line["path"], line) for line in lines if line["kind"] in IMAGE_KINDS]
    _check_labels(path, archive, images)
    _check_metadata(path, archive, images)
    signature = check_signature(
        path,
        archive.read(ATTESTATION),
        {name: digests[name] for name in (MANIFEST, SUMS)},
        archive.read(PUBLIC_KEY),
        public_keys,
    )
    if not nothing_else:
        detail = "something was altered between the files of the ZIP"
        raise SetNotVerified(SetProblem.ALTERED_ARCHIVE, path, detail)
    described = Description.of(manifest)
    return VerifiedSet(path, tuple(_image(*each) for each in images), signature, described)


def _require_stored(path: Path, archive: zipfile.ZipFile) -> None:
    """Refuse compressed files and overlapping ones, which a forged set may unpack without end."""
    for found in archive.infolist():
        if found.compress_type != zipfile.ZIP_STORED:
            detail = f"{found.filename} is not stored as sets store their files"
            raise SetNotVerified(SetProblem.ALTERED_ARCHIVE, path, detail)
    if sum(found.file_size for found in archive.infolist()) > path.stat().st_size:
        detail = "its files share bytes, so that it would unpack to more than it holds"
        raise SetNotVerified(SetProblem.ALTERED_ARCHIVE, path, detail)


def _compare(
    path: Path, named: Mapping[str, str], present: Mapping[str, str], *, named_in: str
) -> None:
    """Refuse a ZIP whose files are not those, with those digests, that one of them names."""
    where = "the manifest" if named_in == MANIFEST else named_in
    for name in sorted(named.keys() - present.keys()):
        detail = f"{name} is in {where} but not in the ZIP"
        raise SetNotVerified(SetProblem.MISSING_FILE, path, detail)
    for name in sorted(present.keys() - named.keys()):
        detail = f"{name} is in the ZIP but not in {where}"
        raise SetNotVerified(SetProblem.EXTRA_FILE, path, detail)
    for name, digest in named.items():
        if present[name] != digest:
            detail = f"{name} is not the file that {where} names"
            raise SetNotVerified(SetProblem.ALTERED_FILE, path, detail)


def _check_labels(path: Path, archive: zipfile.ZipFile, images: Iterable[tuple[str, Line]]) -> None:
    expected = {name: line["label"] for name, line in images if line["kind"] == "class"}
    rows = {row["file"]: row["label"] for row in _rows(archive.read(LABELS))}
    _require_same_labels(path, LABELS, rows, expected)


def _check_metadata(
    path: Path, archive: zipfile.ZipFile, images: Iterable[tuple[str, Line]]
) -> None:
    expected = {name: (line.get("label", ""), line["kind"]) for name, line in images}
    rows = {row["file_name"]: (row["label"], row["kind"]) for row in _rows(archive.read(METADATA))}
    _require_same_labels(path, METADATA, rows, expected)


def _require_same_labels(
    path: Path, table: str, found: Mapping[str, Any], expected: Mapping[str, Any]
) -> None:
    if found != expected:
        detail = f"{table} does not say what the manifest says"
        raise SetNotVerified(SetProblem.LABELS_DIFFER, path, detail)


def _image(name: str, line: Line) -> SetImage:
    label = line["label"] if line["kind"] == "class" else None
    mixed = describe(line) if label is None else None
    return SetImage(name, label, line["kind"], mixed, line["sha256"])


def _without(digests: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    return {name: digest for name, digest in digests.items() if name not in names}


def _rows(text: bytes) -> csv.DictReader[str]:
    return csv.DictReader(io.StringIO(text.decode()))
