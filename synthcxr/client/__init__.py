"""The Python client of a SynthCXR service, with and without `await`."""

from synthcxr.addresses import DEFAULT_URL
from synthcxr.client.clients import AsyncClient, Client

__all__ = ["DEFAULT_URL", "AsyncClient", "Client"]
