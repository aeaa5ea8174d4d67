"""API keys: who may use the service, and for what."""

from __future__ import annotations

from collections.abc import Sequence

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.flow import Flow, Stream
from synthcxr.client.wire import Call, Wire, get, pages, path_of, read, send
from synthcxr.resources import ApiKey, IssuedKey


def create_key(
    wire: Wire, name: str, scopes: Sequence[str], *, expires_in_days: int | None = None
) -> Flow[IssuedKey]:
    """Make an API key; needs the scope admin, and every scope that it gives.

    Args:
        name: For people.
        scopes: What it allows.
        expires_in_days: By default it ends when it is revoked.

    Returns:
        The key with its secret, which the service does not show again.
    """
    body = {"name": name, "scopes": list(scopes), "expires_in_days": expires_in_days}
    # without an Idempotency-Key, under which a secret would have to be kept
    return read(wire, IssuedKey, Call("POST", path_of("keys"), json=body))


def list_keys(wire: Wire) -> Stream[ApiKey]:
    """List the API keys, newest first, those that ended too."""
    return pages(wire, ApiKey, get("keys"))


def get_key(wire: Wire, key_id: str) -> Flow[ApiKey]:
    """Read what is known of an API key."""
    return read(wire, ApiKey, get("keys", key_id))


def rotate_key(wire: Wire, key_id: str, *, grace_seconds: int = 0) -> Flow[IssuedKey]:
    """Give an API key a new secret.

    Args:
        key_id: The key.
        grace_seconds: How long the present secret is accepted beside the new one.
    """
    body = {"grace_seconds": grace_seconds}
    return read(wire, IssuedKey, Call("POST", path_of("keys", key_id, "rotate"), json=body))


def revoke_key(wire: Wire, key_id: str) -> Flow[None]:
    """End an API key now, for good."""
    yield from send(wire, Call("DELETE", path_of("keys", key_id)))


class Keys(Group):
    """API keys."""

    create = Answer(create_key)
    list = Items(list_keys)
    get = Answer(get_key)
    rotate = Answer(rotate_key)
    revoke = Answer(revoke_key)


class AsyncKeys(AsyncGroup):
    """API keys."""

    create = AsyncAnswer(create_key)
    list = AsyncItems(list_keys)
    get = AsyncAnswer(get_key)
    rotate = AsyncAnswer(rotate_key)
    revoke = AsyncAnswer(revoke_key)
