"""Models of every family, trained on phantoms: on few images, on many, and made to replay some."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.proofs.phantoms import NUM_TRAINED, SIZE, Bench, division
from benchmarks.proofs.trial import Trial
from models.config import Circumstances
from models.family import ImageSpec
from models.presets import resolve_config
from models.registry import FAMILIES, sampler_class
from models.sampling import sample_pixels
from models.seeding import image_seed
from models.snapshot import Snapshot, new_model
from models.training.loop import Training
from models.training.plan import Budget
from models.training_images import TrainingImages
from radiographs.phantom import FINDINGS
from release.data import LabelledImages
from release.gate.control_transforms import CONTROL_TRANSFORMS
from release.gate.result import GateResult
from release.gate.set_neighbours import SetNeighbours

PART = "trained models"
SMALLEST, SMALL = 16, 200  # images that a model memorises
NUM_IMAGES = 1500  # of a set
NUM_IMAGES_OF_MEMORISER = 500
REPLAYED = 0.01
NUM_LEAKED = 5  # patients
NUM_SEEDS = {("vae", SMALLEST): 3, ("vae", NUM_TRAINED): 6}


@dataclass(frozen=True)
class Recipe:
    """How a model is trained.

    Attributes:
        num_images: That it sees.
        config: Where it departs from the preset.
        preset: By which it begins.
    """

    num_images: int
    config: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "tiny"


SMALL_VAE = {"beta": 0.05, "num_latents": 64}
SMALL_GAN = {"num_latents": 64, "generator_width": 32, "discriminator_width": 32}
SMALL_LDM = {
    "autoencoder_channels": 32,
    "autoencoder_share": 0.3,
    "autoencoder_batch_size": 16,
    "gaussian_components": 64,
    "denoiser_channels": (32, 64),
    "batch_size": 16,
}
RECIPES = {  # by family and number of images
    ("vae", SMALLEST): Recipe(1200 * 16, SMALL_VAE),
    ("gan", SMALLEST): Recipe(3200, SMALL_GAN),
    ("ldm", SMALLEST): Recipe(6400, SMALL_LDM),
    ("vae", SMALL): Recipe(1200 * 16, SMALL_VAE),
    ("gan", SMALL): Recipe(6400, SMALL_GAN),
    ("ldm", SMALL): Recipe(12800, SMALL_LDM),
    ("vae", NUM_TRAINED): Recipe(24_000, preset="standard"),
    ("gan", NUM_TRAINED): Recipe(10_000, preset="standard"),
    ("ldm", NUM_TRAINED): Recipe(20_000, {"fast_share": 0.0}, "standard"),
}


@cache
def bench(num_trained: int) -> Bench:
    """Divide the phantoms once for each number of images trained on."""
    return Bench(division(num_trained))


def trained(family: str, num_trained: int, seed: int) -> Snapshot:
    """Train a model on all of T."""
    images = bench(num_trained).splits.train
    recipe = RECIPES[family, num_trained]
    given = Circumstances(SIZE, len(images))
    config = resolve_config(family, recipe.preset, recipe.config, given)
    model = new_model(family, config.model_dump(), ImageSpec(SIZE, len(FINDINGS)), seed)
    known = TrainingImages(images.pixels, images.labels)
    for _ in Training(model, known, Budget(images=recipe.num_images), seed=seed).run():
        pass
    return Snapshot(family, FINDINGS, model)


def drawn(family: str, num_trained: int, seed: int) -> LabelledImages:
    """Train a model and draw a set, as many images of each class."""
    num_images = NUM_IMAGES if num_trained == NUM_TRAINED else NUM_IMAGES_OF_MEMORISER
    labels = np.arange(num_images) % len(FINDINGS)
    sampler = sampler_class(family)()
    seeds = [image_seed(seed, index) for index in range(num_images)]
    snapshot = trained(family, num_trained, seed)
    pixels = np.concatenate(list(sample_pixels(snapshot.model, labels.tolist(), seeds, sampler)))
    return LabelledImages(pixels, labels, np.arange(num_images))


@cache
def seen(family: str, num_trained: int, seed: int) -> tuple[LabelledImages, list[SetNeighbours]]:
    """Draw a set and look at it in three parts: two that replayed images may replace, and the rest.

    So what the gate saw of the rest serves every set that differs in these parts alone.
    """
    images = drawn(family, num_trained, seed)
    ends = [0, num_of(REPLAYED), num_of(2 * REPLAYED), len(images)]
    gate = bench(num_trained).gate
    return images, [gate.compare(images.pixels[a:b]) for a, b in pairwise(ends)]


def num_of(share: float) -> int:
    """Count the images that are a share of a set."""
    return round(share * NUM_IMAGES)


def as_drawn(family: str, num_trained: int, seed: int) -> GateResult:
    """Examine a set as the model drew it."""
    images, parts = seen(family, num_trained, seed)
    return bench(num_trained).examined(images, SetNeighbours.concatenated(parts))


def replaying(family: str, share: float) -> GateResult:
    """Examine an honest model's set in which each image is, by that chance, a training image."""
    images = bench(NUM_TRAINED).splits.train
    rng = np.random.default_rng(round(1000 * share))
    return _with(family, images.where(rng.choice(len(images), num_of(share))))


def leaking(family: str) -> GateResult:
    """Examine an honest model's set of which 1 % are near duplicates of five patients' images."""
    trained = bench(NUM_TRAINED).splits.train
    rng = np.random.default_rng(NUM_LEAKED)
    leaked = trained.where(rng.choice(len(trained), NUM_LEAKED, replace=False))
    leaked = leaked.where(np.arange(num_of(REPLAYED)) % NUM_LEAKED)
    kinds = rng.choice(len(CONTROL_TRANSFORMS), len(leaked))
    changed = [
        CONTROL_TRANSFORMS[kind].apply(image[None], seed)
        for seed, (kind, image) in enumerate(zip(kinds, leaked.pixels, strict=True))
    ]
    return _with(family, replace(leaked, pixels=np.concatenate(changed)))


def _with(family: str, put: LabelledImages) -> GateResult:
    """Examine an honest model's set with other images in place of its first ones."""
    images, parts = seen(family, NUM_TRAINED, 0)
    unreplaced = parts[1:] if len(put) == num_of(REPLAYED) else parts[2:]
    judge = bench(NUM_TRAINED)
    whole = LabelledImages(
        np.concatenate([put.pixels, images.pixels[len(put) :]]),
        np.concatenate([put.labels, images.labels[len(put) :]]),
        images.patients,
    )
    compared = SetNeighbours.concatenated([judge.gate.compare(put.pixels), *unreplaced])
    return judge.examined(whole, compared)


def trials() -> Iterator[Trial]:
    """List all sets, those of one division after the other."""
    for num, case in ((SMALLEST, "on 16 images"), (SMALL, "on 200 images, memorised")):
        for family in FAMILIES:
            for seed in range(NUM_SEEDS.get((family, num), 1)):
                examine = partial(as_drawn, family, num, seed)
                yield Trial(PART, f"{family} {case}", "refused", seed, examine)
    for family in FAMILIES:
        for seed in range(NUM_SEEDS.get((family, NUM_TRAINED), 1)):
            examine = partial(as_drawn, family, NUM_TRAINED, seed)
            yield Trial(PART, f"{family} on 2,000 images", "passed", seed, examine)
        for share in (REPLAYED, 2 * REPLAYED):
            case = f"{family} on 2,000 images, replaying {100 * share:.0f} %"
            yield Trial(PART, case, "refused", 0, partial(replaying, family, share))
        case = f"{family} on 2,000 images, five patients in 1 %"
        yield Trial(PART, case, "refused", 0, partial(leaking, family))
