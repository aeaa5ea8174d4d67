"""Statements that the service signed: receipts of deletions, ends of audit logs; checked offline.

Reference: DSSE 1.0, "PAE".
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature

from synthcxr.errors import NotSigned
from synthcxr.package_format import signed_bytes
from synthcxr.signature import key_id_of, load_public_key

RECEIPT_TYPE = "application/vnd.synthcxr.deletion+json"
HEAD_TYPE = "application/vnd.synthcxr.audit-head+json"


@dataclass(frozen=True)
class Statement:
    """What was signed.

    Attributes:
        content: The statement.
        key_id: sha256 of the public key (DER), in hex, that it is said to be signed by.
        confirmed: Whether one of the keys given made the signature; without any, nothing is known
            of it.
    """

    content: Mapping[str, Any]
    key_id: str
    confirmed: bool

    def __str__(self) -> str:
        if self.confirmed:
            return f"signed by key {self.key_id}, which is trusted"
        return f"said to be signed by key {self.key_id}, which was not checked"


def read_statement(
    envelope: Mapping[str, Any], payload_type: str, public_keys: Sequence[bytes]
) -> Statement:
    """Read a signed statement.

    Args:
        envelope: The DSSE envelope.
        payload_type: What the statement must be.
        public_keys: PEM of the keys that the user trusts; without any the signature is not checked.

    Raises:
        NotSigned: It is something else, or none of the keys made the signature.
    """
    try:
        found = envelope["payloadType"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        [line] = envelope["signatures"]
        key_id, signature = line["keyid"], base64.b64decode(line["sig"], validate=True)
        content = json.loads(payload)
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise NotSigned("it is no signed statement of the service") from error
    if found != payload_type or not isinstance(content, dict):
        raise NotSigned(f"it is a statement of another kind: {found}")
    if public_keys:
        trusted = {key_id_of(key): key for key in map(load_public_key, public_keys)}
        if key_id not in trusted:
            raise NotSigned(f"it names key {key_id}, which is not one that you gave")
        try:
            trusted[key_id].verify(signature, signed_bytes(found, payload))
        except InvalidSignature:
            raise NotSigned(f"the signature was not made by key {key_id}") from None
    return Statement(content, str(key_id), confirmed=bool(public_keys))
