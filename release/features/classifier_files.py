"""Files of classifiers: weights as safetensors, described in JSON in their header."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from release.features.classifier import ImageClassifier

NAME = "image-classifier"
RECIPE = 2  # raise it when anything in the architecture or its training changes what is learned
_DESCRIPTION = "synthcxr"  # the key of our JSON in the header


def digest(classifier: ImageClassifier) -> str:
    """Name a classifier by its recipe and weights, SHA-256 in hexadecimal."""
    hashed = hashlib.sha256(json.dumps(_description(classifier), sort_keys=True).encode())
    for name, weights in sorted(classifier.state_dict().items()):
        hashed.update(f"{name} {weights.dtype} {tuple(weights.shape)}\n".encode())
        hashed.update(weights.contiguous().numpy().tobytes())
    return hashed.hexdigest()


def save_classifier(path: Path, classifier: ImageClassifier) -> None:
    """Write the weights as safetensors, with a description in JSON in their header.

    Weights are derived from the images, so the file is as private as they are.
    """
    weights = {name: tensor.contiguous() for name, tensor in classifier.state_dict().items()}
    save_file(weights, path, {_DESCRIPTION: json.dumps(_description(classifier))})


def load_classifier(path: Path) -> ImageClassifier:
    """Read what `save_classifier` wrote; no code of the file is run.

    Raises:
        ValueError: The file is no classifier of this recipe.
    """
    try:
        with safe_open(path, "pt") as opened:
            described = json.loads((opened.metadata() or {}).get(_DESCRIPTION, "{}"))
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - no dict
    except SafetensorError as error:
        raise ValueError(f"{path.name} is no safetensors file: {error}") from error
    if (described.get("name"), described.get("recipe")) != (NAME, RECIPE):
        raise ValueError(f"{path.name} holds no {NAME} of recipe {RECIPE}: train it again.")
    classifier = ImageClassifier(int(described["num_classes"]))
    classifier = classifier.to(memory_format=torch.channels_last)
    classifier.load_state_dict(weights)
    return classifier.eval()


def _description(classifier: ImageClassifier) -> dict[str, str | int]:
    return {"name": NAME, "recipe": RECIPE, "num_classes": classifier.head.out_features}
