"""Whose word a set is: its attestation, checked offline.

References: in-toto attestation framework, Statement v1; DSSE 1.0, "PAE"; RFC 8032 (Ed25519).
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from synthcxr.errors import SetNotVerified, SetProblem
from synthcxr.package_format import PAYLOAD_TYPE, signed_bytes, statement

INVALID = SetProblem.SIGNATURE_INVALID


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
            return f"signed by key {self.key_id}, which is trusted"
        return f"signed by key {self.key_id}, which nobody has confirmed"


def check_signature(
    path: Path,
    envelope: bytes,
    digests: Mapping[str, str],
    embedded: bytes,
    given: Sequence[bytes],
) -> Signature:
    """Check that a set's attestation is signed and names the set's files.

    Args:
        path: The set, for messages.
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
    inside = load_public_key(embedded)
    trusted = (
        {key_id_of(key): key for key in map(load_public_key, given)}
        if given
        else {key_id_of(inside): inside}
    )
    if key_id != key_id_of(inside):
        raise SetNotVerified(INVALID, path, f"the public key inside is not {key_id}, which signed")
    if key_id not in trusted:
        detail = f"it is signed by key {key_id}, which is not the one you gave"
        raise SetNotVerified(SetProblem.FOREIGN_SIGNATURE, path, detail)
    try:
        trusted[key_id].verify(signature, signed_bytes(content["payloadType"], payload))
    except InvalidSignature:
        detail = f"the signature was not made by key {key_id}"
        raise SetNotVerified(INVALID, path, detail) from None
    if content["payloadType"] != PAYLOAD_TYPE or not _attests(json.loads(payload), digests):
        raise SetNotVerified(INVALID, path, "what was signed is not what the ZIP holds")
    return Signature(key_id, confirmed=bool(given))


def _attests(said: Mapping[str, object], digests: Mapping[str, str]) -> bool:
    """Say whether a statement is a release of ours and names exactly these files."""
    return all(said.get(name) == value for name, value in statement(digests).items())


def load_public_key(pem: bytes) -> Ed25519PublicKey:
    """Read a public key (PEM).

    Raises:
        ValueError: It is no Ed25519 key.
    """
    try:
        key = load_pem_public_key(pem)
    except UnsupportedAlgorithm as error:
        raise ValueError("The public key is of an unknown kind.") from error
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("The public key is not an Ed25519 key.")  # noqa: TRY004 - a wrong value
    return key


def key_id_of(key: Ed25519PublicKey) -> str:
    """Name a key: sha256 of its DER form, in hex."""
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()
