"""Where features come from: our own classifier, or a network whose file the operator supplies.

Nothing is ever fetched. A TorchScript file is a program: loading it runs what its author wrote, so
it is refused unless the operator's settings say that files of this kind are trusted.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from release.classifier import FILMS_AT_ONCE, FilmClassifier, read
from release.classifier_files import NAME, digest, load_classifier
from release.films import Pixels


class Extractor(Protocol):
    """Turns films into points of a space in which near films look alike.

    Attributes:
        name: Printed beside every figure that is measured on its features.
        digest: SHA-256 of its weights, in hexadecimal.
    """

    name: str
    digest: str

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read films (n, size, size) as points, (n, d)."""


class ClassifierExtractor:
    """The penultimate layer of our own classifier."""

    def __init__(self, classifier: FilmClassifier) -> None:
        self.name = NAME
        self.digest = digest(classifier)
        self._classifier = classifier

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read films (n, size, size) as points, (n, d)."""
        return read(self._classifier, pixels).features


class TorchScriptExtractor:
    """A network from a TorchScript file: from uint8 (b, 3, h, w) to features (b, d).

    This is the form in which torch-fidelity and StyleGAN's metrics pass Inception on; the network
    resizes and scales as it was trained to. Grey films are repeated over the three channels.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self.digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with warnings.catch_warnings():
            # torch would rather have torch.export, in which nobody hands Inception around yet
            warnings.simplefilter("ignore", FutureWarning)
            network = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        self._network = network.eval()

    @torch.inference_mode()
    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read films (n, size, size) as points, (n, d)."""
        batches = torch.split(torch.from_numpy(pixels).unsqueeze(1), FILMS_AT_ONCE)
        found = [self._network(batch.expand(-1, 3, -1, -1)).flatten(1) for batch in batches]
        return torch.cat(found).double().numpy()


def supplied_extractor(path: Path, *, trust_torchscript: bool = False) -> Extractor:
    """Open a network that the operator supplies.

    Args:
        path: A `.safetensors` file of our own classifier, or a TorchScript file (`.pt`, `.ts`).
        trust_torchscript: Whether the operator has said that TorchScript files may run.

    Raises:
        ValueError: The file is of another kind, or it would run code and is not trusted.
    """
    if path.suffix == ".safetensors":
        return ClassifierExtractor(load_classifier(path))
    if path.suffix not in {".pt", ".ts"}:
        raise ValueError(f"{path.name} is neither .safetensors nor TorchScript (.pt, .ts).")
    if not trust_torchscript:
        raise ValueError(
            f"{path.name} is TorchScript, which runs code when it is loaded. Use a .safetensors "
            "file, or say in the settings that you trust TorchScript files."
        )
    return TorchScriptExtractor(path)
