"""Ways in which a set is honest, leaks, or cannot be judged, and what the gate must say of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.proofs.trial import Trial
from benchmarks.proofs.world import Design, Euclidean, World
from release.data import Pixels, class_weights
from release.fidelity.validity import Validity
from release.gate.context import Candidate, History
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.positive_controls import PositiveControl
from release.gate.result import GateResult
from release.stats.estimate import Estimate

PART = "made-up worlds"
FIRST_SEED = 1000
NUM_PLANTED = 200
RARE = (0.83, 0.12, 0.05)  # shares of the classes: of 400 patients held out, 20 of the rarest
FAR_APART = 2.0


@dataclass(frozen=True)
class Case:
    """One kind of set.

    Attributes:
        name: What it is, for the table.
        expected: What the gate must say: `passed`, or a verdict, with its code unless any will do.
        make: Draws the set.
        design: How many patients there are.
        earlier: Draws an earlier release, which must have passed.
        num_worlds: In how many worlds it is tried.
        shares: Of the classes in the set, where they are other than among the patients.
        policy: What is demanded.
    """

    name: str
    expected: str
    make: Callable[[World], Pixels]
    design: Design = field(default_factory=Design)
    earlier: Callable[[World], Pixels] | None = None
    num_worlds: int = 10
    shares: tuple[float, ...] | None = None
    policy: Policy = field(default_factory=Policy)


def examined(case: Case, seed: int) -> GateResult:
    """Make a world, draw a set in it and evaluate it."""
    world = World(seed, case.design)
    gate = Gate(world.splits, [Euclidean()], case.policy)
    earlier = None
    if case.earlier is not None:
        earlier = case.earlier(world)
        before = evaluated(gate, world, earlier, weights(case, world, len(earlier)))
        if not before.verdict.released:
            return before
        earlier = earlier[before.kept]
    images = case.make(world)
    history = History() if earlier is None else History(gate.compare(earlier))
    return evaluated(gate, world, images, weights(case, world, len(images)), history)


def evaluated(
    gate: Gate,
    world: World,
    images: Pixels,
    class_weights: NDArray[np.float64],
    history: History | None = None,
) -> GateResult:
    """Evaluate a set whose validity is given as good, with one kind of positive control."""
    controls = [gate.measure(planted(world))]
    return gate.evaluate(Candidate(images, class_weights, VALID), controls, history)


def weights(case: Case, world: World, num_images: int) -> NDArray[np.float64]:
    """Classes in the shares of a set; of none where they are those of the patients."""
    num_classes = len(world.splits.classes)
    if case.shares is None:
        return np.zeros((num_images, num_classes))
    labels = np.repeat(
        np.arange(len(case.shares)), np.rint(np.array(case.shares) * num_images).astype(int)
    )
    return class_weights(labels, num_classes)


def planted(world: World) -> PositiveControl:
    """Training images under a little noise."""
    images = world.splits.train.pixels[:NUM_PLANTED].astype(np.int64)
    noise = world.rng.integers(-1, 2, images.shape)
    return PositiveControl("noise", np.clip(images + noise, 0, 255).astype(np.uint8), required=True)


def _exactly(value: float) -> Estimate:
    return Estimate(value, value, value)


VALID = Validity(
    kid=_exactly(0.2),
    kid_floor=_exactly(0.03),
    kid_ceiling=_exactly(9.6),
    agreement=_exactly(0.9),
    real_accuracy=_exactly(0.92),
    chance=_exactly(1 / 3),
)


def balanced(world: World) -> Pixels:
    """Draw as many images of each class, also where patients of one are rare."""
    num = world.design.images // 3
    return np.concatenate([world.honest(label)[:num] for label in range(3)])


SMALL = Design(trained=1100, audit=400, images=1000)
WITH_RARE = Design(trained=1500, audit=400, images=999, shares=RARE, apart=FAR_APART)
TWO_OF_35 = Design(images=35)
OF_35 = replace(Policy(), max_mdcr=0.2)  # so few images alone say little of copies
CASES = (
    Case("honest, the null hypothesis", "passed", World.honest, SMALL, num_worlds=200),
    Case("honest, at design size", "passed", World.honest, num_worlds=20),
    Case("1 % near copies", "refused(memorises)", lambda world: world.copying(0.01)),
    Case("five patients in 1 %", "refused(memorises)", lambda world: world.leaking(5, 0.01)),
    Case(
        "honest, two images of each patient",
        "passed",
        World.honest,
        replace(SMALL, images_each=2),
        num_worlds=50,
    ),
    Case("honest, but all too typical", "passed", World.typical, SMALL, num_worlds=50),
    Case("Gaussian mixture learned from T", "refused(membership)", World.learned, num_worlds=20),
    Case(
        "honest, of the rarest class alone",
        "inconclusive(power)",
        lambda world: world.honest(2),
        WITH_RARE,
        num_worlds=50,
        shares=(0.0, 0.0, 1.0),
    ),
    Case(
        "honest, classes balanced though one is rare",
        "passed",
        balanced,
        WITH_RARE,
        num_worlds=50,
        shares=(1 / 3, 1 / 3, 1 / 3),
    ),
    Case(
        "copies of 16 training images",
        "refused(memorises)",
        lambda world: world.copying(1.0, noise=0.2),
        Design(trained=16, images=500),
    ),
    Case(
        "every image drawn 15 % towards T",
        "refused",
        lambda world: world.drawn_towards(1.0, 0.15),
        SMALL,
    ),
    Case(
        "the second of two sets of 35, all nearer to T than to H",
        "refused(cumulative)",
        World.siding,
        TWO_OF_35,
        earlier=World.siding,
        policy=OF_35,
    ),
    Case("noise", "inconclusive(validity)", World.noise, SMALL),
    Case(
        "honest, 60 patients held out",
        "inconclusive(power)",
        World.honest,
        replace(SMALL, audit=60),
    ),
)


def trials() -> Iterator[Trial]:
    """List the sets, each of a world of its own."""
    for case in CASES:
        for seed in range(FIRST_SEED, FIRST_SEED + case.num_worlds):
            yield Trial(PART, case.name, case.expected, seed, partial(examined, case, seed))
