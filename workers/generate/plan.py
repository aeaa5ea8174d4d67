"""From a generate request to the images of its set, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import count

from models.sampling import Draw
from models.seeding import Between, image_seed
from release.sample_spec import ClassSample, InterpolatedSample, MixtureSample, SampleSpec
from service.domain.requests import GenerateRequest


def plan_samples(request: GenerateRequest) -> list[SampleSpec]:
    """List what each image of a set is drawn from: classes first, then mixtures, then ways.

    Image k draws from `image_seed(seed, k)`, so what is added behind it does not change it. The
    images of a way draw from the seeds the request names: its ends are the images of those seeds.
    """
    return list(_specs(request))


def to_draw(image: SampleSpec, classes: Sequence[str]) -> Draw:
    """Return what the model draws for an image of the plan."""
    match image:
        case ClassSample(label, seed):
            return Draw({classes.index(label): 1.0}, seed)
        case MixtureSample(weights, seed):
            return Draw(_by_index(weights, classes), seed)
        case InterpolatedSample(weights, from_seed, to_seed, position):
            return Draw(_by_index(weights, classes), Between(from_seed, to_seed, position))
    raise AssertionError(f"no such spec: {image}")


def _specs(request: GenerateRequest) -> Iterator[SampleSpec]:
    seeds = (image_seed(request.seed, index) for index in count())
    for label, number in request.class_counts.items():
        for _ in range(number):
            yield ClassSample(label, next(seeds))
    for mixture in request.mixtures:
        for _ in range(mixture.count):
            yield MixtureSample(mixture.weights, next(seeds))
    for way in request.interpolate:
        last = way.steps - 1
        for step in range(way.steps):
            yield InterpolatedSample(way.class_weights, way.from_seed, way.to_seed, step / last)


def _by_index(weights: Mapping[str, float], classes: Sequence[str]) -> dict[int, float]:
    return {classes.index(label): weight for label, weight in weights.items()}
