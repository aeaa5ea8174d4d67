"""What a package of the service is, for the side that writes it and the side that checks it.

The names of its files, the rules of its ZIP and of its signature. The standard library alone.

References: in-toto attestation framework, Statement v1; DSSE 1.0, "PAE".
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping

MANIFEST = "manifest.json"
LABELS = "labels.csv"
METADATA = "metadata.csv"
CROISSANT = "croissant.json"
SUMS = "SHA256SUMS"
ATTESTATION = "attestation.intoto.jsonl"
PUBLIC_KEY = "signing-key.pem"

MANIFEST_FORMAT = "synthcxr-manifest/1"
IMAGE_KINDS = ("class", "mixture", "interpolation")  # of the manifest's lines

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://synthcxr.org/release/v1"

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the first that a ZIP can name
_READABLE = 0o644 << 16
_UNIX = 3


def plain_member(path: str, num_bytes: int) -> zipfile.ZipInfo:
    """Describe a file of the ZIP so that neither clock nor host leaves a trace.

    Args:
        path: Its name in the ZIP.
        num_bytes: Its size, which decides whether its header is that of a large file.
    """
    member = zipfile.ZipInfo(path, _FIRST_DATE)
    member.compress_type = zipfile.ZIP_STORED
    member.create_system = _UNIX
    member.external_attr = _READABLE
    member.file_size = num_bytes
    return member


def statement(digests: Mapping[str, str]) -> dict[str, object]:
    """Return the in-toto statement about files, without the predicate.

    Args:
        digests: sha256 of each file, by name.
    """
    subjects = [{"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()]
    return {"_type": STATEMENT_TYPE, "subject": subjects, "predicateType": PREDICATE_TYPE}


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """Write type and payload as the bytes that are signed (DSSE 1.0, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def write_sums(digests: Iterable[tuple[str, str]]) -> bytes:
    """List names and their sha256 as `sha256sum --check` reads them."""
    return "".join(f"{digest}  {name}\n" for name, digest in digests).encode()


def read_sums(text: bytes) -> dict[str, str]:
    """Read what `write_sums` wrote, sha256 by name.

    Raises:
        ValueError: It is no list of sums.
    """
    pairs = (line.split("  ", 1) for line in text.decode().splitlines())
    return {name: digest for digest, name in pairs}
