"""Ways in which a set is honest, leaks, or cannot be judged, and what the gate must say of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.proofs.simulation import Design, Euclidean, Simulation
from benchmarks.proofs.trial import Trial
from release.data import Pixels, class_weights
from release.fidelity.validity import Validity
from release.gate.context import Candidate, History
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.positive_controls import PositiveControl
from release.gate.result import GateResult
from release.stats.estimate import Estimate

PART = "simulated datasets"
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
        num_simulations: How often it is simulated.
        shares: Of the classes in the set, where they are other than among the patients.
        policy: What is demanded.
    """

    name: str
    expected: str
    make: Callable[[Simulation], Pixels]
    design: Design = field(default_factory=Design)
    earlier: Callable[[Simulation], Pixels] | None = None
    num_simulations: int = 10
    shares: tuple[float, ...] | None = None
    policy: Policy = field(default_factory=Policy)


def examined(case: Case, seed: int) -> GateResult:
    """Make a simulation, draw a set in it and evaluate it."""
    simulation = Simulation(seed, case.design)
    gate = Gate(simulation.splits, [Euclidean()], case.policy)
    earlier = None
    if case.earlier is not None:
        earlier = case.earlier(simulation)
        before = evaluated(gate, simulation, earlier, weights(case, simulation, len(earlier)))
        if not before.verdict.released:
            return before
        earlier = earlier[before.kept]
    images = case.make(simulation)
    history = History() if earlier is None else History(gate.compare(earlier))
    return evaluated(gate, simulation, images, weights(case, simulation, len(images)), history)


def evaluated(
    gate: Gate,
    simulation: Simulation,
    images: Pixels,
    class_weights: NDArray[np.float64],
    history: History | None = None,
) -> GateResult:
    """Evaluate a set whose validity is given as good, with one kind of positive control."""
    controls = [gate.measure(planted(simulation))]
    return gate.evaluate(Candidate(images, class_weights, VALID), controls, history)


def weights(case: Case, simulation: Simulation, num_images: int) -> NDArray[np.float64]:
    """Classes in the shares of a set; of none where they are those of the patients."""
    num_classes = len(simulation.splits.classes)
    if case.shares is None:
        return np.zeros((num_images, num_classes))
    labels = np.repeat(
        np.arange(len(case.shares)), np.rint(np.array(case.shares) * num_images).astype(int)
    )
    return class_weights(labels, num_classes)


def planted(simulation: Simulation) -> PositiveControl:
    """Training images under a little noise."""
    images = simulation.splits.train.pixels[:NUM_PLANTED].astype(np.int64)
    noise = simulation.rng.integers(-1, 2, images.shape)
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


def balanced(simulation: Simulation) -> Pixels:
    """Draw as many images of each class, also where patients of one are rare."""
    num = simulation.design.images // 3
    return np.concatenate([simulation.honest(label)[:num] for label in range(3)])


SMALL = Design(trained=1100, audit=400, images=1000)
WITH_RARE = Design(trained=1500, audit=400, images=999, shares=RARE, apart=FAR_APART)
TWO_OF_35 = Design(images=35)
OF_35 = replace(Policy(), max_mdcr=0.2)  # so few images alone say little of copies
CASES = (
    Case("honest, the null hypothesis", "passed", Simulation.honest, SMALL, num_simulations=200),
    Case("honest, at design size", "passed", Simulation.honest, num_simulations=20),
    Case("1 % near copies", "refused(memorises)", lambda simulation: simulation.copying(0.01)),
    Case(
        "five patients in 1 %", "refused(memorises)", lambda simulation: simulation.leaking(5, 0.01)
    ),
    Case(
        "honest, two images of each patient",
        "passed",
        Simulation.honest,
        replace(SMALL, images_each=2),
        num_simulations=50,
    ),
    Case("honest, but all too typical", "passed", Simulation.typical, SMALL, num_simulations=50),
    Case(
        "Gaussian mixture learned from T",
        "refused(membership)",
        Simulation.learned,
        num_simulations=20,
    ),
    Case(
        "honest, of the rarest class alone",
        "inconclusive(power)",
        lambda simulation: simulation.honest(2),
        WITH_RARE,
        num_simulations=50,
        shares=(0.0, 0.0, 1.0),
    ),
    Case(
        "honest, classes balanced though one is rare",
        "passed",
        balanced,
        WITH_RARE,
        num_simulations=50,
        shares=(1 / 3, 1 / 3, 1 / 3),
    ),
    Case(
        "copies of 16 training images",
        "refused(memorises)",
        lambda simulation: simulation.copying(1.0, noise=0.2),
        Design(trained=16, images=500),
    ),
    Case(
        "every image drawn 15 % towards T",
        "refused",
        lambda simulation: simulation.drawn_towards(1.0, 0.15),
        SMALL,
    ),
    Case(
        "the second of two sets of 35, all nearer to T than to H",
        "refused(cumulative)",
        Simulation.siding,
        TWO_OF_35,
        earlier=Simulation.siding,
        policy=OF_35,
    ),
    Case("noise", "inconclusive(validity)", Simulation.noise, SMALL),
    Case(
        "honest, 60 patients held out",
        "inconclusive(power)",
        Simulation.honest,
        replace(SMALL, audit=60),
    ),
)


def trials() -> Iterator[Trial]:
    """List the sets, each with its own simulation."""
    for case in CASES:
        for seed in range(FIRST_SEED, FIRST_SEED + case.num_simulations):
            yield Trial(PART, case.name, case.expected, seed, partial(examined, case, seed))
