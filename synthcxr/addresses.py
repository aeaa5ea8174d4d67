"""Addresses of services: which are the same, and which are on this machine."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx

DEFAULT_URL = "http://127.0.0.1:8765"


def is_same_service(url: str, other: str) -> bool:
    """Say whether two addresses have the same scheme, host and port."""
    import httpx

    try:
        return _origin(httpx.URL(url)) == _origin(httpx.URL(other))
    except httpx.InvalidURL:
        return False


def is_loopback(url: str) -> bool:
    """Say whether an address means this machine.

    Raises:
        httpx.InvalidURL: It is no address.
    """
    import httpx

    host = httpx.URL(url).host
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)
