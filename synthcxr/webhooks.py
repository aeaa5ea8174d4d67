"""Check messages that a SynthCXR service sends to a webhook (Standard Webhooks 1.0).

from synthcxr.webhooks import verify

message = verify(request.headers, request.body, secret)
print(message.type, message.data)
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from synthcxr.errors import WebhookNotVerified

TOLERANCE_SECONDS = 300.0
SHORTEST_KEY_BYTES = 24  # of the specification
_PREFIX = "whsec_"
_VERSION = "v1"
_SECONDS = re.compile(r"[0-9]{1,12}")
_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")


class Headers(Protocol):
    """Headers of a request, as any framework has them: a dict or what is like one."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Return names and values."""


@dataclass(frozen=True)
class WebhookMessage:
    """A message that the service has signed.

    Attributes:
        id: The same at every attempt: who has seen it before leaves the message aside.
        type: Such as `job.succeeded` or `set.released`.
        timestamp: When it happened.
        data: Identifiers, states and codes.
    """

    id: str
    type: str
    timestamp: datetime
    data: dict[str, Any]


def verify(
    headers: Headers,
    body: bytes | str,
    secret: str | Sequence[str],
    *,
    tolerance_seconds: float = TOLERANCE_SECONDS,
    now: float | None = None,
) -> WebhookMessage:
    """Return a message, if one of some secrets has signed it just now.

    Signatures are compared in constant time.

    Args:
        headers: Of the request; their names in any case.
        body: Of the request, byte for byte as it came.
        secret: `whsec_...`, or several of which one has to fit.
        tolerance_seconds: How far the message's time may be from this machine's.
        now: Seconds since 1970; by default this machine's time.

    Raises:
        WebhookNotVerified: A header is missing, the message is too old or from the future, no
            signature fits, or what is signed is no message.
        ValueError: A secret is not one that the service made: it is empty, cut short or no base64.
    """
    keys = [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]
    message_id, timestamp, signatures = _signed_headers(headers)
    moment = time.time() if now is None else now
    if not _SECONDS.fullmatch(timestamp):
        raise WebhookNotVerified("The header webhook-timestamp is no number of seconds.")
    if abs(moment - int(timestamp)) > tolerance_seconds:
        raise WebhookNotVerified(
            f"The message is not from the last {tolerance_seconds:g} seconds, or a clock is wrong."
        )
    try:
        content = body.encode() if isinstance(body, str) else bytes(body)
        signed = b".".join([message_id.encode(), timestamp.encode(), content])
    except UnicodeEncodeError:
        raise WebhookNotVerified("The header webhook-id, or the body, is no text.") from None
    expected = [hmac.digest(key, signed, "sha256") for key in keys]
    given = [_signature(each) for each in signatures.split(" ")]
    fits = [hmac.compare_digest(ours, theirs) for ours in expected for theirs in given]
    if not any(fits):
        raise WebhookNotVerified("No signature of the message fits the secret.")
    return _message(message_id, content)


def _signed_headers(headers: Headers) -> tuple[str, str, str]:
    found = {name.lower(): value for name, value in headers.items()}
    missing = [name for name in _HEADERS if name not in found]
    if missing:
        raise WebhookNotVerified(f"The header {missing[0]} is missing.")
    message_id, timestamp, signatures = (found[name] for name in _HEADERS)
    return message_id, timestamp, signatures


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:  # also what is not ASCII
        key = b""
    if len(key) < SHORTEST_KEY_BYTES:  # anybody could sign with an empty one
        raise ValueError("A secret is `whsec_` and base64, all of it, as the service showed it.")
    return key


def _signature(text: str) -> bytes:
    """Read one signature; what is of another version or none at all fits nothing."""
    version, _, encoded = text.partition(",")
    try:
        return base64.b64decode(encoded, validate=True) if version == _VERSION else b""
    except ValueError:  # also what is not ASCII
        return b""


def _message(message_id: str, content: bytes) -> WebhookMessage:
    try:
        found = json.loads(content)
        moment = datetime.fromisoformat(found["timestamp"])
        return WebhookMessage(message_id, str(found["type"]), moment, dict(found["data"]))
    except (ValueError, KeyError, TypeError) as error:
        raise WebhookNotVerified("What is signed is no message of SynthCXR.") from error
