"""The models a process keeps loaded, so that the next set of the same model starts at once."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Self

import torch
from cachetools import LRUCache

from models.device_memory import give_back_memory
from models.snapshot import Snapshot, load_snapshot
from service.settings import Settings


class ModelCache:
    """Loaded snapshots, the least recently used of which makes way for a new one.

    Sampling changes nothing of a model, so a set is the same from a kept one.

    Args:
        max_models: How many are kept; 0 keeps none.
        max_bytes: How large their weights may be together.
    """

    def __init__(self, max_models: int, max_bytes: int) -> None:
        self._max_models = max_models
        self._kept: LRUCache[tuple[str, torch.device], tuple[Snapshot, int]] = LRUCache(
            max_bytes, getsizeof=lambda kept: kept[1]
        )
        self._weights: dict[tuple[str, torch.device], Path] = {}

    @classmethod
    @cache
    def of(cls, settings: Settings) -> Self:
        """Return the cache of this process."""
        return cls(settings.max_warm_models, settings.max_warm_model_bytes)

    def __len__(self) -> int:
        return len(self._kept)

    def snapshot(self, weights: Path, sha256: str, device: torch.device) -> Snapshot:
        """Return a model, loaded now if it is not kept.

        Args:
            weights: Where the snapshot's weights lie, its description beside them.
            sha256: Checksum of both.
            device: Where it is to sample.

        Raises:
            OSError: A file is missing.
        """
        self._drop_deleted()
        key = (sha256, device)
        if key in self._kept:
            return self._kept[key][0]
        num_bytes = weights.stat().st_size
        fits = self._max_models > 0 and num_bytes <= self._kept.maxsize
        if fits:
            self._make_room(num_bytes)
        snapshot = load_snapshot(weights.parent, device)
        if fits:
            self._kept[key] = snapshot, num_bytes
            self._weights[key] = weights
        return snapshot

    def clear(self) -> None:
        """Let go of every model and give their memory back to the device."""
        self._kept.clear()
        give_back_memory()

    def _drop_deleted(self) -> None:
        """Let go of what was deleted from the disk."""
        for key in [*self._kept]:
            if not self._weights[key].exists():
                del self._kept[key]

    def _make_room(self, num_bytes: int) -> None:
        """Drop models before the new one is loaded, so that both are never in memory."""
        kept = self._kept
        while len(kept) >= self._max_models or kept.currsize + num_bytes > kept.maxsize:
            kept.popitem()
