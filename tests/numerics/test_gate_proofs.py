"""How often the gate is right in worlds where it is known what leaked; `make proofs` asks more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.proofs.cases import RARE, Case, balanced, examined
from benchmarks.proofs.world import Design, World
from release.films import Pixels

SMALL = Design(trained=1000, audit=400, films=1000)


def verdicts(
    make: Callable[[World], Pixels],
    num_worlds: int,
    design: Design = SMALL,
    shares: tuple[float, ...] | None = None,
) -> list[str]:
    case = Case("", "", make, design, shares=shares)
    found = [examined(case, seed).verdict for seed in range(num_worlds)]
    return ["passed" if verdict.may_leave else str(verdict) for verdict in found]


def test_honest_sets_pass() -> None:
    assert verdicts(World.honest, 20).count("passed") >= 19


def test_honest_sets_of_patients_with_two_films_pass() -> None:
    assert verdicts(World.honest, 6, replace(SMALL, films_each=2)).count("passed") >= 5


def test_sets_that_are_all_too_typical_pass() -> None:
    assert verdicts(World.typical, 6).count("passed") >= 5


@pytest.mark.parametrize(
    ("make", "shares"),
    [(balanced, (1 / 3, 1 / 3, 1 / 3)), (lambda world: world.honest(2), (0.0, 0.0, 1.0))],
    ids=["balanced", "rare alone"],
)
def test_sets_that_show_a_rare_class_more_often_pass(
    make: Callable[[World], Pixels], shares: tuple[float, ...]
) -> None:
    """A class with fewer held-out films than the density has neighbours: 20 of 400."""
    design = replace(SMALL, films=999, shares=RARE, apart=2.0)
    assert verdicts(make, 8, design, shares).count("passed") >= 7


@pytest.mark.parametrize("make", [lambda w: w.copying(0.02), lambda w: w.leaking(5, 0.02)])
def test_copies_are_refused(make: Callable[[World], Pixels]) -> None:
    """Twice as many as at design size, where 640 are held out."""
    assert set(verdicts(make, 3)) == {"refused(memorises)"}


@pytest.mark.parametrize("make", [lambda w: w.copying(0.01), lambda w: w.leaking(5, 0.01)])
def test_one_per_cent_is_refused_at_design_size(make: Callable[[World], Pixels]) -> None:
    assert set(verdicts(make, 1, Design())) == {"refused(memorises)"}


def test_a_memoriser_of_sixteen_films_is_refused() -> None:
    design = replace(SMALL, trained=16, films=300)
    assert set(verdicts(lambda w: w.copying(1.0, noise=0.2), 5, design)) == {"refused(memorises)"}


def test_overfitting_without_copies_is_refused() -> None:
    """Few films are flagged; the scan and the membership attack see the pull."""
    found = verdicts(lambda w: w.drawn_towards(1.0, 0.15), 3)
    assert all(verdict.startswith("refused") for verdict in found)


def test_garbage_is_inconclusive() -> None:
    assert set(verdicts(World.noise, 2)) == {"inconclusive(validity)"}


def test_two_releases_that_pass_alone_are_refused_together() -> None:
    design = replace(Design(), films=35)
    case = Case("", "", World.siding, design, earlier=World.siding)
    assert [str(examined(case, seed).verdict) for seed in (0, 1)] == ["refused(cumulative)"] * 2
