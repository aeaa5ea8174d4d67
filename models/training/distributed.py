"""The processes that train one model together, each on a device of its own.

A batch is cut into shards, and a shard's randomness depends on its number alone. So a process that
walks all shards in turn makes the same training, within rounding, as one process for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import Store

T = TypeVar("T")


class ProcessGroup(Protocol):
    """What a training asks of the processes it runs in.

    Attributes:
        num_shards: Into how many parts each batch is cut.
        shards: The parts that this process walks.
        is_leader: Whether this process is rank 0, which writes files and whose clock counts.
    """

    num_shards: int
    shards: Sequence[int]
    is_leader: bool

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Add up each tensor over all processes, in place."""

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Give every process the leader's tensors, in place."""

    def broadcast_value(self, value: T) -> T:
        """Return the leader's value."""


class SingleProcess:
    """One process, which walks all shards in turn."""

    is_leader = True

    def __init__(self, num_shards: int = 1) -> None:
        self.num_shards = num_shards
        self.shards: Sequence[int] = range(num_shards)

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Leave the tensors: there is one process."""

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Leave the tensors: there is one process."""

    def broadcast_value(self, value: T) -> T:
        """Return the value of the only process."""
        return value


class TorchProcessGroup:
    """One process for each shard, joined by torch.distributed; made by `join_process_group`."""

    def __init__(self, rank: int, num_ranks: int) -> None:
        self.num_shards = num_ranks
        self.shards: Sequence[int] = [rank]
        self.is_leader = rank == 0

    def all_reduce(self, tensors: Sequence[Tensor]) -> None:
        """Add up in one exchange."""
        if not tensors:
            return
        together = torch.cat([tensor.detach().flatten().float() for tensor in tensors])
        dist.all_reduce(together)
        parts = torch.split(together, [tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def broadcast(self, tensors: Sequence[Tensor]) -> None:
        """Send the leader's bytes."""
        for tensor in tensors:
            sent = tensor.detach().contiguous().flatten().view(torch.uint8)
            dist.broadcast(sent, src=0)
            tensor.copy_(sent.view(tensor.dtype).view_as(tensor))

    def broadcast_value(self, value: T) -> T:
        """Send the leader's value."""
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]


@contextmanager
def join_process_group(
    store: Store, rank: int, num_ranks: int, device: torch.device
) -> Iterator[TorchProcessGroup]:
    """Meet the other processes; part from them at the end of the block.

    Args:
        store: Where they meet, a `torch.distributed.TCPStore`.
        rank: This process's number; 0 leads.
        num_ranks: How many there are.
        device: What this process computes on.

    Raises:
        RuntimeError: Here or in any exchange: a process was lost.
    """
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    dist.init_process_group(backend, store=store, rank=rank, world_size=num_ranks)
    try:
        yield TorchProcessGroup(rank, num_ranks)
    finally:
        dist.destroy_process_group()
