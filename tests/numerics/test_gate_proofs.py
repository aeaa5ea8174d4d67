"""Error rates of the gate in simulations where the leak is known; `make proofs` has more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.proofs.cases import OF_35, TWO_OF_35, WITH_RARE, Case, balanced, examined
from benchmarks.proofs.phantoms import phantoms
from benchmarks.proofs.simulation import Design, Simulation
from radiographs.phantom import FINDINGS
from release.data import Pixels, Splits
from release.gate.control_transforms import CONTROL_TRANSFORMS, ControlTransform, part_transforms
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.similarity.registered_pixels import PixelMetric
from workers.generate.gate_assets import search_of

SMALL = Design(trained=1100, audit=400, images=1000)
SMALLEST = Design(trained=250, audit=160, images=150)
# what so few patients and images suffice for
ASKING_LESS = replace(Policy(), max_mdcr=0.07, max_membership=0.09, max_advantage=0.15)
SHARP = Design(trained=600, audit=900, images=2000)  # where 1 % is well above what must be found


def verdicts(
    make: Callable[[Simulation], Pixels],
    num_simulations: int,
    design: Design = SMALL,
    shares: tuple[float, ...] | None = None,
    policy: Policy | None = None,
) -> list[str]:
    case = Case("", "", make, design, shares=shares, policy=policy or Policy())
    found = [examined(case, seed).verdict for seed in range(num_simulations)]
    return ["passed" if verdict.released else str(verdict) for verdict in found]


def test_of_200_honest_sets_three_in_a_hundred_are_refused_at_most() -> None:
    found = verdicts(Simulation.honest, 200, SMALLEST, policy=ASKING_LESS)
    assert sum(verdict.startswith("refused") for verdict in found) <= 6
    assert found.count("passed") >= 190


def test_honest_sets_pass() -> None:
    assert verdicts(Simulation.honest, 6).count("passed") >= 5


def test_honest_sets_of_patients_with_two_images_pass() -> None:
    assert verdicts(Simulation.honest, 6, replace(SMALL, images_each=2)).count("passed") >= 5


def test_sets_that_are_all_too_typical_pass() -> None:
    assert verdicts(Simulation.typical, 6).count("passed") >= 5


@pytest.mark.parametrize(
    ("make", "shares", "verdict"),
    [
        (balanced, (1 / 3, 1 / 3, 1 / 3), "passed"),
        (lambda simulation: simulation.honest(2), (0.0, 0.0, 1.0), "inconclusive(power)"),
    ],
    ids=["balanced", "rare alone"],
)
def test_sets_that_show_a_rare_class_more_often_are_not_refused_and_alone_beyond_the_power(
    make: Callable[[Simulation], Pixels], shares: tuple[float, ...], verdict: str
) -> None:
    """A class with fewer held-out images than the density has neighbours: 20 of 400."""
    assert verdicts(make, 5, WITH_RARE, shares).count(verdict) >= 4


@pytest.mark.parametrize("make", [lambda w: w.copying(0.01), lambda w: w.leaking(5, 0.01)])
def test_one_per_cent_of_copies_is_refused_ten_times_of_ten(
    make: Callable[[Simulation], Pixels],
) -> None:
    """Where 900 are held out; the proofs proper ask as often at design size."""
    assert set(verdicts(make, 10, SHARP)) == {"refused(memorises)"}


@pytest.mark.parametrize("make", [lambda w: w.copying(0.01), lambda w: w.leaking(5, 0.01)])
def test_one_per_cent_is_refused_at_design_size(make: Callable[[Simulation], Pixels]) -> None:
    assert set(verdicts(make, 1, Design())) == {"refused(memorises)"}


def test_a_memoriser_of_sixteen_images_is_refused() -> None:
    design = replace(SMALL, trained=16, images=300)
    assert set(verdicts(lambda w: w.copying(1.0, noise=0.2), 5, design)) == {"refused(memorises)"}


def test_overfitting_without_copies_is_refused() -> None:
    """Few images are flagged; the scan and the membership attack see the pull."""
    found = verdicts(lambda w: w.drawn_towards(1.0, 0.15), 3)
    assert all(verdict.startswith("refused") for verdict in found)


@pytest.fixture(scope="module")
def of_phantoms() -> Gate:
    images = phantoms(0, 300)
    trained, held_out = images.where(np.arange(150)), images.where(np.arange(150, 300))
    splits = Splits(FINDINGS, trained, np.arange(150) % 3 == 0, held_out, trained, "")
    return Gate(splits, [PixelMetric()], search=search_of(splits))


@pytest.mark.parametrize(
    "control", [each for each in CONTROL_TRANSFORMS if each.required], ids=lambda each: each.name
)
def test_near_duplicates_of_phantoms_are_flagged(
    of_phantoms: Gate, control: ControlTransform
) -> None:
    """Of 20, one at most is missed."""
    copies = control.apply(phantoms(0, 20).pixels, seed=0)
    assert of_phantoms.flagged(copies).sum() >= 19


def test_halves_of_phantoms_within_others_are_flagged(of_phantoms: Gate) -> None:
    hosts = phantoms(300, 20).pixels
    for control in part_transforms(hosts):
        if control.name.endswith("half"):
            copies = control.apply(phantoms(0, 20).pixels, seed=0)
            assert of_phantoms.flagged(copies).sum() >= 19, control.name


def test_phantoms_of_other_patients_are_not_flagged(of_phantoms: Gate) -> None:
    assert of_phantoms.flagged(phantoms(320, 40).pixels).sum() <= 1


def test_garbage_is_inconclusive() -> None:
    assert set(verdicts(Simulation.noise, 2)) == {"inconclusive(validity)"}


def test_two_releases_that_pass_alone_are_refused_together() -> None:
    case = Case("", "", Simulation.siding, TWO_OF_35, earlier=Simulation.siding, policy=OF_35)
    assert [str(examined(case, seed).verdict) for seed in (0, 1)] == ["refused(cumulative)"] * 2
