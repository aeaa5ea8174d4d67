"""A cache of arrays that depend on the real images alone: they serve every set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class ArrayCache(Protocol):
    """Keeps arrays about the real images, as private as these are."""

    def get(self, key: str, compute: Callable[[], Arrays]) -> Arrays:
        """Return what is cached under a key; compute and cache it where nothing is.

        Args:
            key: Names all that the arrays depend on.
            compute: Computes them.
        """


class NullCache:
    """Caches nothing."""

    def get(self, key: str, compute: Callable[[], Arrays]) -> Arrays:  # noqa: ARG002 - no key is known
        """Compute the arrays."""
        return compute()
