"""One of the processes of a training on several devices: `python -m workers.train.rank`.

Its leader starts it, with the environment of torchrun and the assignment on standard input.
"""

from __future__ import annotations

import os
import sys

from workers.runtime.parent_death import die_with_parent


def main() -> None:
    """Train along with the leader, to the end or until it is gone."""
    die_with_parent()
    assigned = sys.stdin.read()
    if not assigned:  # the leader died before it could say
        return

    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    from models.training.distributed import joined
    from workers.runtime.device import prepare_torch
    from workers.train.distributed import TIMEOUT, rank_device, ready_key
    from workers.train.spec import TrainingSpec

    rank, num_ranks = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    prepare_torch(int(os.environ["OMP_NUM_THREADS"]))
    assignment = TrainingSpec.of_json(assigned)
    device = rank_device(rank, num_ranks)
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    store = TCPStore(host, port, num_ranks, is_master=False, timeout=TIMEOUT)
    store.set(ready_key(rank), "")
    with joined(store, rank, num_ranks, device) as team:
        for _ in assignment.training(device, team).run():
            pass


if __name__ == "__main__":
    main()
