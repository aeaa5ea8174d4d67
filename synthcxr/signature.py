"""Whose word a set is: its attestation, checked offline.

References: in-toto attestation framework, Statement v1; DSSE 1.0, "PAE"; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from synthcxr.errors import SetNotVerified, SetProblem

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://synthcxr.org/release/v1"


@dataclass(frozen=True)
class Signature:
    """A signature that fits what was signed.

    Attributes:
        key_id: sha256 of the public key (DER), in hex.
        confirmed: Whether the user gave this key; otherwise it is only the one the ZIP brings.
    """

    key_id: str
    confirmed: bool

    def __str__(self) -> str:
        if self.confirmed:
            return f"signed by key {self.key_id}, which you gave"
        return f"signed by key {self.key_id}, which you have not confirmed"


def check_signature(
    envelope: bytes, digests: Mapping[str, str], embedded: bytes, given: Sequence[bytes]
) -> Signature:
    """Check that a set's attestation is signed and names the set's files.

    Args:
        envelope: The DSSE envelope, one line of JSON.
        digests: sha256 of each file that the attestation must name.
        embedded: The public key that the ZIP brings (PEM).
        given: Public keys that the user trusts (PEM); where there are any, they alone decide.

    Raises:
        SetNotVerified: `foreign_signature`: none of the keys given made it. `signature_invalid`:
            it fits no key, or what it signs is not what the ZIP holds.
        ValueError: It is no envelope, or a key is no Ed25519 key.
    """
    content = json.loads(envelope)
    payload = base64.b64decode(content["payload"], validate=True)
    [line] = content["signatures"]
    key_id, signature = line["keyid"], base64.b64decode(line["sig"], validate=True)
    keys = {_id(key): key for key in map(_load, given or [embedded])}
    if key_id not in keys:
        raise SetNotVerified(*_unknown_key(key_id, given))
    try:
        keys[key_id].verify(signature, _signed_bytes(content["payloadType"], payload))
    except InvalidSignature:
        raise SetNotVerified(
            SetProblem.SIGNATURE_INVALID, f"the signature was not made by key {key_id}"
        ) from None
    if given and _id(_load(embedded)) != key_id:
        raise SetNotVerified(
            SetProblem.SIGNATURE_INVALID, "the public key inside is not the one that signed"
        )
    _check_statement(json.loads(payload), content["payloadType"], digests)
    return Signature(key_id, confirmed=bool(given))


def _unknown_key(key_id: str, given: Sequence[bytes]) -> tuple[SetProblem, str]:
    if given:
        return SetProblem.FOREIGN_SIGNATURE, f"signed by key {key_id}, which is not the one given"
    return SetProblem.SIGNATURE_INVALID, f"the public key inside is not key {key_id}, which signed"


def _check_statement(statement: object, payload_type: str, digests: Mapping[str, str]) -> None:
    expected = {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "subject": [
            {"name": name, "digest": {"sha256": digest}} for name, digest in digests.items()
        ],
    }
    found = statement if isinstance(statement, dict) else {}
    if payload_type != PAYLOAD_TYPE or any(found.get(key) != expected[key] for key in expected):
        raise SetNotVerified(
            SetProblem.SIGNATURE_INVALID, "what was signed is not what the ZIP holds"
        )


def _signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """Write type and payload as the bytes that are signed (DSSE 1.0, "PAE")."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _load(pem: bytes) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError("The public key is of an unknown kind.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("The public key is not an Ed25519 key.")  # noqa: TRY004 - a wrong value
    return key


def _id(key: Ed25519PublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
