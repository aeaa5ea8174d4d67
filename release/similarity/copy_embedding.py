"""A learned embedding in which copies of an image lie near each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from release.data import Pixels, Splits
from release.similarity.copy_network import CopyNetwork
from release.similarity.copy_training import Recipe, as_images, train
from release.similarity.knn import Vectors
from release.similarity.metric import CorrelationMetric, LearnedFrom

VERSION = "copy/3"  # raise it when anything but the weights changes a distance
WEIGHTS = "copy.safetensors"
DESCRIPTION = "copy.json"


class CopyMetric(CorrelationMetric):
    """Correlation in an embedding where copies lie near each other.

    Args:
        network: Trained.
        recipe: The settings it was trained with.
        learned_from: The images it was trained on.
        device: Where it embeds and compares images.
    """

    name = "copy"

    def __init__(
        self,
        network: CopyNetwork,
        recipe: Recipe,
        learned_from: LearnedFrom,
        device: torch.device | str = "cpu",
    ) -> None:
        self._recipe = recipe
        self.learned_from = learned_from
        self.digest = _digest(network)
        self.device = torch.device(device)
        # one layout, whether trained or loaded: the order of sums depends on it
        laid_out = network.to(memory_format=torch.channels_last)
        self._network = laid_out.to(self.device).eval()

    def _embed(self, pixels: Pixels) -> Vectors:
        """Bring images to 64x64, and to unit vectors."""
        with torch.inference_mode():
            vectors: Vectors = self._network(as_images(pixels).to(self.device)).cpu().numpy()
        return vectors

    def save(self, folder: Path) -> None:
        """Write the weights and what they are into an existing folder."""
        weights = self._network.state_dict()
        save_file({key: each.contiguous() for key, each in weights.items()}, folder / WEIGHTS)
        about = {
            "version": VERSION,
            "recipe": asdict(self._recipe),
            "learned_from": asdict(self.learned_from),
            "digest": self.digest,
        }
        (folder / DESCRIPTION).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, device: torch.device | str = "cpu") -> CopyMetric:
        """Read what `save` wrote.

        Args:
            folder: Where it lies.
            device: Where it is to embed and compare images.

        Raises:
            OSError: A file is missing.
            ValueError: It is of another version, or the weights are not those described.
        """
        about = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        if about["version"] != VERSION:
            raise ValueError(
                f"{folder} holds {about['version']}; {VERSION} is read. Train it anew."
            )
        fields = about["recipe"]
        recipe = Recipe(**{**fields, "widths": tuple(fields["widths"])})
        network = CopyNetwork(recipe.widths, recipe.num_features)
        network.load_state_dict(load_file(folder / WEIGHTS))
        metric = cls(network, recipe, LearnedFrom(**about["learned_from"]), device)
        if metric.digest != about["digest"]:
            raise ValueError(f"The weights in {folder} are not those described. Train them anew.")
        return metric


def train_copy_metric(
    splits: Splits,
    *,
    seed: int = 0,
    recipe: Recipe | None = None,
    on_progress: Callable[[float], None] = lambda share: None,  # noqa: ARG005 - nobody asks
) -> CopyMetric:
    """Train on training and holdout images alike: the weights do not depend on which is which.

    Args:
        splits: The dataset; the test images are not used.
        seed: Draws weights, batches and views.
        recipe: The settings; as measured when None.
        on_progress: Called with the share done after each update.
    """
    recipe = recipe or Recipe()
    pixels = np.concatenate([splits.train.pixels, splits.holdout.pixels])
    patients = np.concatenate([splits.train.patients, splits.holdout.patients])
    by_content = np.argsort([hashlib.sha256(image.tobytes()).digest() for image in pixels])
    network = train(pixels[by_content], patients[by_content], seed, recipe, on_progress)
    learned_from = LearnedFrom(len(splits.train), len(splits.holdout), 0, splits.fingerprint)
    return CopyMetric(network, recipe, learned_from)


def _digest(network: CopyNetwork) -> str:
    found = hashlib.sha256(VERSION.encode())
    for name, weights in sorted(network.state_dict().items()):
        found.update(f"{name} {tuple(weights.shape)}".encode())
        found.update(weights.contiguous().numpy().tobytes())
    return found.hexdigest()
