"""The Python client of a SynthCXR service, with and without `await`."""

from synthcxr.client.clients import AsyncClient, Client
from synthcxr.tokens import DEFAULT_URL

__all__ = ["DEFAULT_URL", "AsyncClient", "Client"]
