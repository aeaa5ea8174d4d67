"""Where features come from: our own classifier, or a network whose file the operator supplies.

Nothing is ever fetched. A TorchScript file is a program: loading it runs what its author wrote, so
it is opened only where the operator's settings call it one.
"""

from __future__ import annotations

import hashlib
import pickle
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from release.data import Pixels
from release.features.classifier import NAME, ImageClassifier, digest, load_classifier, read

INCEPTION_SIDE = 299  # pixels
_NOT_FEATURES = ("fc.", "AuxLogits.")  # layers of the classes and of the auxiliary head


class Extractor(Protocol):
    """Turns images into points of a space in which near images look alike.

    Attributes:
        name: Printed beside every figure that is measured on its features.
        digest: SHA-256 of its weights, in hexadecimal.
        preparation: How images are put before it, in words; printed likewise.
    """

    name: str
    digest: str
    preparation: str

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read images (n, size, size) as points, (n, d)."""


class ClassifierExtractor:
    """The penultimate layer of our own classifier."""

    preparation = "as they are, scaled to [-1, 1]"

    def __init__(self, classifier: ImageClassifier, name: str = NAME) -> None:
        self.name = name
        self.digest = digest(classifier)
        self._classifier = classifier

    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read images (n, size, size) as points, (n, d)."""
        return read(self._classifier, pixels).features


class NetworkExtractor:
    """A network from uint8 images (b, channels, h, w) to features (b, d).

    Images are read one by one, so that what is read of an image does not depend on its neighbours,
    to the last bit.
    """

    def __init__(
        self,
        name: str,
        digest: str,
        network: nn.Module,
        preparation: str,
        num_channels: int,
        device: torch.device,
    ) -> None:
        self.name = name
        self.digest = digest
        self.preparation = preparation
        self._network = network.to(device).eval()
        self._num_channels = num_channels
        self._device = device

    @torch.inference_mode()
    def features(self, pixels: Pixels) -> NDArray[np.float64]:
        """Read images (n, size, size) as points, (n, d)."""
        images = torch.from_numpy(pixels).to(self._device).unsqueeze(1)
        wide = images.expand(-1, self._num_channels, -1, -1)
        found: list[Tensor] = [self._network(image).flatten(1) for image in torch.split(wide, 1)]
        return torch.cat(found).double().cpu().numpy()


class Inception(nn.Module):
    """Torchvision's Inception v3 up to its last pooling: 2,048 features.

    Most published Fréchet distances are of features of this architecture.

    Reference: Szegedy et al. 2016, sections 3 to 6 (arXiv:1512.00567).
    """

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import inception_v3  # takes seconds, and few sets need it

        self.network = inception_v3(weights=None, init_weights=False, aux_logits=False)
        self.network.fc = nn.Identity()

    def forward(self, pixels: Tensor) -> Tensor:
        """Read images (b, 1, h, w), 0 to 255, as features (b, 2048)."""
        side = (INCEPTION_SIDE, INCEPTION_SIDE)
        images = F.interpolate(pixels.float() / 127.5 - 1, side, mode="bilinear")
        features: Tensor = self.network(images.expand(-1, 3, -1, -1))
        return features


def supplied_extractor(
    kind: str, path: Path, name: str, device: torch.device | str = "cpu"
) -> Extractor:
    """Open a network that the operator supplies.

    Args:
        kind: A key of `KINDS`; `torchscript` says that the file's code may run.
        path: Where it lies.
        name: What it is called beside its figures.
        device: Where it is to read images.

    Raises:
        ValueError: There is no such kind, or the file is not of it.
        OSError: It cannot be read.
    """
    if kind not in KINDS:
        raise ValueError(f"There are no extractors of kind {kind!r}, but of {', '.join(KINDS)}.")
    return KINDS[kind](path, name, torch.device(device))


def _classifier(path: Path, name: str, device: torch.device) -> Extractor:  # noqa: ARG001  small
    return ClassifierExtractor(load_classifier(path), name)


def _inception(path: Path, name: str, device: torch.device) -> Extractor:
    network = Inception()
    try:
        tensors = _state_dict(path)
        network.network.load_state_dict(
            {key: tensor for key, tensor in tensors.items() if not key.startswith(_NOT_FEATURES)}
        )
    except (SafetensorError, pickle.UnpicklingError, RuntimeError, AttributeError) as error:
        raise ValueError(
            f"{path.name} holds no weights of torchvision's inception_v3: expected its state dict, "
            f"as .safetensors or as torch.save writes it. {str(error).splitlines()[0]}"
        ) from error
    preparation = (
        f"scaled bilinearly to {INCEPTION_SIDE} px and to [-1, 1], the same in all three channels"
    )
    return NetworkExtractor(name, _file_digest(path), network, preparation, 1, device)


def _state_dict(path: Path) -> Mapping[str, Tensor]:
    """Read tensors by name; no code of the file is run."""
    if path.suffix == ".safetensors":
        return load_file(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns of a program before it refuses
        tensors: Mapping[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return tensors


def _torchscript(path: Path, name: str, device: torch.device) -> Extractor:
    """Open a program, in the form in which torch-fidelity and StyleGAN's metrics hand Inception on.

    It takes uint8 (b, 3, h, w) and resizes and scales as it was trained to.
    """
    with warnings.catch_warnings():
        # torch would rather have torch.export, in which nobody hands Inception around yet
        warnings.simplefilter("ignore", FutureWarning)
        try:
            network = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
        except RuntimeError as error:
            raise ValueError(f"{path.name} is no TorchScript file.") from error
    preparation = "as they are, 0 to 255, the same in all three channels; the rest is the network's"
    return NetworkExtractor(name, _file_digest(path), network, preparation, 3, device)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


KINDS: Mapping[str, Callable[[Path, str, torch.device], Extractor]] = {
    "inception_v3": _inception,
    "torchscript": _torchscript,
    "image_classifier": _classifier,
}
