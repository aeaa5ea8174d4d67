"""phi2: two images are alike as far as a network that has learned to see copies says so."""

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
from release.similarity.correlation import Correlation
from release.similarity.learned_from import LearnedFrom
from release.similarity.metric import Embedded

VERSION = "copy/2"  # raise it when anything but the weights changes a distance
WEIGHTS = "copy.safetensors"
DESCRIPTION = "copy.json"
_IMAGES_AT_ONCE = 256


class CopyMetric(Correlation):
    """Correlation in an embedding where copies lie near each other.

    Args:
        network: Trained.
        recipe: How.
        learned_from: On which images.
    """

    name = "copy"

    def __init__(self, network: CopyNetwork, recipe: Recipe, learned_from: LearnedFrom) -> None:
        # one layout, whether trained or loaded: the order of sums depends on it
        self._network = network.to(memory_format=torch.channels_last).eval()
        self._recipe = recipe
        self.learned_from = learned_from
        self.digest = _digest(network)

    def embed(self, pixels: Pixels) -> Embedded:
        """Bring images to 64x64, and to unit vectors."""
        vectors = np.empty((len(pixels), self._recipe.num_features), np.float32)
        for start in range(0, len(pixels), _IMAGES_AT_ONCE):
            some = slice(start, start + _IMAGES_AT_ONCE)
            with torch.inference_mode():
                vectors[some] = self._network(as_images(pixels[some])).numpy()
        return Embedded(vectors)

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
    def load(cls, folder: Path) -> CopyMetric:
        """Read what `save` wrote.

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
        metric = cls(network, recipe, LearnedFrom(**about["learned_from"]))
        if metric.digest != about["digest"]:
            raise ValueError(f"The weights in {folder} are not those described. Train them anew.")
        return metric


def train_copy_metric(
    splits: Splits,
    *,
    seed: int = 0,
    recipe: Recipe | None = None,
    watch: Callable[[float], None] = lambda share_done: None,  # noqa: ARG005 - nobody watches
) -> CopyMetric:
    """Train on T and H alike: which image is in which fold has no part in the weights.

    Args:
        splits: The dataset; the utility images are not looked at.
        seed: Draws weights, batches and views.
        recipe: How; as measured when None.
        watch: Called with the share done after each update; may raise to stop.
    """
    recipe = recipe or Recipe()
    pixels = np.concatenate([splits.train.pixels, splits.holdout.pixels])
    patients = np.concatenate([splits.train.patients, splits.holdout.patients])
    by_content = np.argsort([hashlib.sha256(image.tobytes()).digest() for image in pixels])
    network = train(pixels[by_content], patients[by_content], seed, recipe, watch)
    learned_from = LearnedFrom(len(splits.train), len(splits.holdout), 0, splits.fingerprint)
    return CopyMetric(network, recipe, learned_from)


def _digest(network: CopyNetwork) -> str:
    found = hashlib.sha256(VERSION.encode())
    for name, weights in sorted(network.state_dict().items()):
        found.update(f"{name} {tuple(weights.shape)}".encode())
        found.update(weights.contiguous().numpy().tobytes())
    return found.hexdigest()
