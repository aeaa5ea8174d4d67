"""The public keys that sets are signed with, and which service answers."""

from __future__ import annotations

from synthcxr.client.flow import Flow
from synthcxr.client.wire import Wire, get, read
from synthcxr.resources import ServiceVersion, SigningKey, SigningKeys


def signing_keys(wire: Wire) -> Flow[list[SigningKey]]:
    """Read the public keys that sets are signed with, the current one first."""
    return (yield from read(wire, SigningKeys, get("signing-keys"))).items


def version(wire: Wire) -> Flow[ServiceVersion]:
    """Read the service's version."""
    return read(wire, ServiceVersion, get("version"))
