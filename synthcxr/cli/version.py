"""`synthcxr version`."""

from __future__ import annotations

from importlib.metadata import version as installed_version

from synthcxr.cli.options import Url
from synthcxr.client import DEFAULT_URL, Client


def version(url: Url = DEFAULT_URL) -> None:
    """Print this program's version and the service's."""
    print(f"client {installed_version('synthcxr')}", flush=True)
    with Client(url) as client:
        print(f"service {client.version().get('version')} at {client.base_url}")
