import torch
from torch import nn

from models.diffusion.guidance import EARLY, EarlySnapshot


def test_snapshot_follows_the_beginning_and_then_stays() -> None:
    live = nn.Linear(1, 1)
    snapshot = EarlySnapshot(live)
    for update in range(100):
        nn.init.constant_(live.weight, update / 100)
        snapshot.follow(live, fraction=update / 100)
    weight = float(snapshot.network.weight.detach())
    assert 0.8 * EARLY < weight < EARLY
    assert float(snapshot.num_updates) == EARLY * 100 + 1


def test_first_update_is_taken_whole() -> None:
    live = nn.Linear(1, 1)
    snapshot = EarlySnapshot(live)
    nn.init.constant_(live.weight, 3.0)
    snapshot.follow(live, fraction=0.0)
    assert torch.equal(snapshot.network.weight, live.weight)
