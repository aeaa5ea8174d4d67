"""`synthcxr version`."""

from __future__ import annotations

from synthcxr.cli.options import Url
from synthcxr.client import Client
from synthcxr.version import __version__


def version(url: Url = None) -> None:
    """Print this program's version and the service's."""
    print(f"client {__version__}", flush=True)
    with Client(url) as client:
        print(f"service {client.version().version} at {client.base_url}")
