"""The signed statement that these files are what the service released.

An in-toto statement names the files by digest and says what is attested; a DSSE envelope carries it
with an Ed25519 signature over its exact bytes. `SHA256SUMS` and `manifest.json` each name all other
files by digest, so signing both signs the whole package.

References: in-toto attestation framework, Statement v1; DSSE 1.0, "PAE"; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, Protocol

from release.package.archive import Member
from release.package.manifest import Description
from synthcxr.package_format import PAYLOAD_TYPE, signed_bytes, statement


class Signer(Protocol):
    """Holds a private Ed25519 key.

    Attributes:
        id: sha256 of the public key (DER, SubjectPublicKeyInfo), in hex.
        public_pem: The public key as PEM.
    """

    @property
    def id(self) -> str: ...  # noqa: D102 - described above

    @property
    def public_pem(self) -> bytes: ...  # noqa: D102 - described above

    def sign(self, message: bytes) -> bytes:
        """Return the signature, 64 bytes."""


def attestation(description: Description, subjects: Iterable[Member], signer: Signer) -> bytes:
    """Sign what a package holds.

    Args:
        description: Of the set; its id, version and gate are attested.
        subjects: The files that name all others by digest.
        signer: Whose word it is.

    Returns:
        A DSSE envelope, one line of JSON.
    """
    predicate = {
        "synthetic_set_id": description.synthetic_set_id,
        "service_version": description.service_version,
        "gate": dict(description.gate),
    }
    named = {member.path: member.sha256 for member in subjects}
    payload = _json({**statement(named), "predicate": predicate})
    signature = signer.sign(signed_bytes(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer.id, "sig": base64.b64encode(signature).decode()}],
    }
    return _json(envelope) + b"\n"


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
