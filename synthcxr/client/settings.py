"""How a client reaches its service: address, certificates, proxy, headers."""

from __future__ import annotations

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

import httpx

from synthcxr.addresses import is_loopback
from synthcxr.client.wire import proxy_variables
from synthcxr.errors import BadCertificates, BadProxy, ServiceUnreachable
from synthcxr.version import __version__

Verify = bool | str | Path | ssl.SSLContext


class HttpSettings(TypedDict):
    """What both clients of httpx are made with."""

    base_url: str
    headers: Mapping[str, str]
    verify: bool | ssl.SSLContext
    proxy: str | None
    timeout: httpx.Timeout
    follow_redirects: bool
    trust_env: bool


def http_settings(
    base_url: str,
    headers: Mapping[str, str] | None,
    verify: Verify | None,
    proxy: str | None,
    timeout_seconds: float,
) -> HttpSettings:
    """Return what a client of httpx is made with; see `Client` for the arguments.

    Raises:
        BadCertificates: The certificates to trust cannot be read.
        httpx.InvalidURL: The address is none.
    """
    return HttpSettings(
        base_url=base_url,
        headers={"User-Agent": f"synthcxr/{__version__}", **(headers or {})},
        verify=trusted(verify),
        proxy=proxy,
        timeout=httpx.Timeout(timeout_seconds, connect=5.0),
        follow_redirects=False,  # a token is for this service alone
        # A proxy named in the environment cannot reach a service on this very machine.
        trust_env=not is_loopback(base_url),
    )


def trusted(verify: Verify | None) -> bool | ssl.SSLContext:
    """Read the certificates to trust.

    Raises:
        BadCertificates: They cannot be read.
    """
    if verify is None:
        verify = os.environ.get("SYNTHCXR_CA_BUNDLE") or True
    if not isinstance(verify, str | Path):
        return verify
    place = Path(verify)
    try:
        if place.is_dir():
            return ssl.create_default_context(capath=str(place))
        return ssl.create_default_context(cafile=str(place))
    except OSError as error:  # ssl.SSLError is one
        raise BadCertificates(place, error.strerror or str(error)) from error


@contextmanager
def usable(base_url: str, proxy: str | None) -> Iterator[None]:
    """Put into our words what httpx raises of an address or a proxy that cannot be used."""
    try:
        yield
    except httpx.InvalidURL as error:
        raise ServiceUnreachable(base_url, str(error)) from error
    except (ImportError, ValueError) as error:
        reason = "SOCKS needs the package socksio" if isinstance(error, ImportError) else str(error)
        raise BadProxy(["the option"] if proxy else proxy_variables(), reason) from error
