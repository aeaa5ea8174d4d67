"""Fits the network to windows, on the CPU and the same each time."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.burned_in_text.windows_of_scenes import TEXT, Windows
from radiographs.burned_in_text.network import STRIDES, Weights
from radiographs.burned_in_text.windows import COLUMNS, ROWS

CHANNELS = (12, 20, 32)
HIDDEN = 48
BATCH = 512
LEARNING_RATE = 3e-3


class Network(nn.Module):
    """The network of `radiographs.burned_in_text.network`, with gradients."""

    def __init__(self) -> None:
        super().__init__()
        widths = (1, *CHANNELS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(a, b, 3, stride)
            for a, b, stride in zip(widths, CHANNELS, STRIDES, strict=False)
        )
        with torch.no_grad():
            size = self._features(torch.zeros(1, 1, ROWS, COLUMNS)).shape[1]
        self.hidden, self.output = nn.Linear(size, HIDDEN), nn.Linear(HIDDEN, 1)

    def forward(self, windows: Tensor) -> Tensor:
        """Score windows, (n, ROWS, COLUMNS)."""
        features = F.dropout(self._features(windows[:, None]), 0.2, self.training)
        scores: Tensor = self.output(F.relu(self.hidden(features)))
        return scores[:, 0]

    def _features(self, x: Tensor) -> Tensor:
        for convolution in self.convolutions:
            x = F.relu(convolution(x))
        return x.permute(0, 2, 3, 1).flatten(1)

    def weights(self) -> Weights:
        """Return the weights by the names and shapes under which they are stored."""
        named: dict[str, Tensor] = {}
        for layer, convolution in enumerate(self.convolutions):
            named[f"convolution{layer}"] = convolution.weight.permute(2, 3, 1, 0)
            named[f"offset{layer}"] = convolution.bias
        named |= {"hidden": self.hidden.weight.T, "hidden_offset": self.hidden.bias}
        named |= {"output": self.output.weight.T, "output_offset": self.output.bias}
        return {name: each.detach().contiguous().numpy() for name, each in named.items()}


def fit(windows: Windows, num_epochs: int, seed: int = 0) -> Network:
    """Fit the network; the same windows and seed give the same weights on one machine."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = Network()
    pixels, truth = (
        torch.from_numpy(windows.pixels),
        torch.from_numpy(windows.truth == TEXT).float(),
    )
    num_updates = num_epochs * (len(truth) // BATCH)
    optimiser = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, num_updates)
    for _ in range(num_epochs):
        order = torch.from_numpy(rng.permutation(len(truth)))
        for chosen in order[: len(order) // BATCH * BATCH].split(BATCH):
            batch = _augmented(pixels[chosen].float(), rng)
            loss = F.binary_cross_entropy_with_logits(network(batch), truth[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    return network.eval()


def _augmented(windows: Tensor, rng: np.random.Generator) -> Tensor:
    """Mirror and invert at random: text stays text."""
    if rng.random() < 0.5:
        windows = windows.flip(2)
    if rng.random() < 0.5:
        windows = windows.flip(1)
    signs = torch.from_numpy(rng.choice([-1.0, 1.0], len(windows))).float()
    return windows * signs[:, None, None]
