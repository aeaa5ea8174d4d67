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

ATTESTATION = "attestation.intoto.jsonl"
PUBLIC_KEY = "signing-key.pem"
SUMS = "SHA256SUMS"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://synthcxr.org/release/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"


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
    statement: dict[str, Any] = {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": member.path, "digest": {"sha256": member.sha256}} for member in subjects
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "synthetic_set_id": description["synthetic_set_id"],
            "service_version": description["service_version"],
            "gate": description["gate"],
        },
    }
    payload = _json(statement)
    signature = signer.sign(pre_authentication_encoding(PAYLOAD_TYPE, payload))
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": signer.id, "sig": base64.b64encode(signature).decode()}],
    }
    return _json(envelope) + b"\n"


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Write type and payload as the bytes that are signed (DSSE 1.0, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sha256sums(members: Iterable[Member]) -> bytes:
    """List digests as `sha256sum --check` reads them."""
    return "".join(f"{member.sha256}  {member.path}\n" for member in members).encode()


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
