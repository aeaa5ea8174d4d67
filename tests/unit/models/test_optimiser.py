"""The optimiser steps as torch's does, and imports no compiler for it."""

import subprocess
import sys

import pytest
import torch

from models.optimiser import EagerAdamW

TRAIN = """
import sys
import numpy as np
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.snapshot import new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from release.data import LabelledImages
from release.features.classifier_training import train_classifier
from release.gate.control_transforms import CONTROL_TRANSFORMS
from release.report.contact_sheets import contact_sheet

pixels = np.random.default_rng(0).integers(0, 256, (24, 64, 64), np.uint8)
labels = np.arange(24) % 2
for family in ("vae", "gan", "ldm"):
    config = resolve_config(family, "tiny", {}, Circumstances(64)).model_dump(mode="json")
    model = new_model(family, config, ImageSpec(64, 2), seed=0)
    list(Training(model, TrainingImages(pixels, labels), Budget(images=1), seed=0).run())
train_classifier(LabelledImages(pixels, labels, np.arange(24)), 2, 0, 4)
contact_sheet(pixels, 8)
for control in CONTROL_TRANSFORMS:
    control.apply(pixels, 0)
print("torch._dynamo" in sys.modules)
"""


def updated(optimiser: type[torch.optim.AdamW], *, fused: bool) -> list[torch.Tensor]:
    """Train a layer for a while, from its stored state after the first step."""
    torch.manual_seed(0)
    layer, x = torch.nn.Linear(5, 3), torch.randn(4, 5)
    options = {"lr": 0.1, "betas": (0.5, 0.9), "weight_decay": 0.2, "fused": fused}
    stepping = optimiser(layer.parameters(), **options)
    for index in range(4):
        stepping.zero_grad()
        layer(x).square().mean().backward()
        stepping.step()
        if index == 0:
            state = stepping.state_dict()
            stepping = optimiser(layer.parameters(), **options)
            stepping.load_state_dict(state)
    return [parameter.detach() for parameter in layer.parameters()]


@pytest.mark.parametrize("fused", [False, True])
def test_every_update_is_that_of_torch(fused: bool) -> None:
    ours, theirs = (updated(each, fused=fused) for each in (EagerAdamW, torch.optim.AdamW))
    assert all(map(torch.equal, ours, theirs))


def test_no_training_imports_a_compiler_nor_what_shows_and_tries_its_images() -> None:
    ran = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"
