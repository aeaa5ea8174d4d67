"""What need not be found twice: the same real images, metric and policy give the same arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]


class Memory(Protocol):
    """Keeps arrays about the real images, as private as these are."""

    def recall(self, name: str, find: Callable[[], Arrays]) -> Arrays:
        """Return what is kept under a name; find it, and keep it, where nothing is.

        Args:
            name: Says all that the arrays depend on.
            find: Finds them.
        """


class Forgetful:
    """Keeps nothing."""

    def recall(self, name: str, find: Callable[[], Arrays]) -> Arrays:  # noqa: ARG002 - no name is known
        """Find the arrays."""
        return find()
