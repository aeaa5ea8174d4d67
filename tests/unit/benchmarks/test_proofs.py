from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from benchmarks.proofs import cases, fresh, trained
from benchmarks.proofs.page import clopper_pearson, figures, page
from benchmarks.proofs.pool import Pool
from benchmarks.proofs.simulation import Design, Euclidean
from benchmarks.proofs.trial import Outcome, OutcomeLog, Trial, tried

METRIC = Euclidean()
IMAGES = np.random.default_rng(0).integers(0, 256, (40, 8, 8), np.uint8)


def outcome(said: str, seed: int = 0, expected: str = "passed") -> Outcome:
    return Outcome(cases.PART, "honest", expected, seed, said, 0.5, {"dropped": 0})


def test_what_is_written_is_not_tried_again(tmp_path: Path) -> None:
    case = cases.Case("honest", "passed", cases.Simulation.honest, Design(60, 20, 1, 30))
    trials = [Trial("", "", "", seed, partial(cases.examined, case, seed)) for seed in (0, 1)]
    log = OutcomeLog(tmp_path / "kept" / "sets.jsonl")
    log.write(tried(trials[0]))
    again = OutcomeLog(tmp_path / "kept" / "sets.jsonl")
    assert again.outcomes == log.outcomes
    assert [trial.seed for trial in again.lacking(trials)] == [1]
    assert again.of(reversed(trials)) == log.outcomes
    assert again.outcomes[0].said.startswith("inconclusive")  # of 20 patients


def test_no_two_sets_have_one_name() -> None:
    trials = [trial for part in (trained, fresh, cases) for trial in part.trials()]
    assert len({trial.key for trial in trials}) == len(trials)


def test_dropped_images_are_a_pass_and_another_code_is_no_right_refusal() -> None:
    assert outcome("passed").is_right
    assert outcome("refused(scan)", expected="refused").is_right
    assert not outcome("refused(scan)", expected="refused(memorises)").is_right


def test_the_page_counts_sets_by_what_was_expected_and_what_was_said() -> None:
    said = ["passed"] * 18 + ["refused(scan)", "inconclusive(no_power)"]
    tried_sets = [outcome(each, seed) for seed, each in enumerate(said)]
    written = page(tried_sets, [Trial(cases.PART, "1 % copies", "refused", 7, lambda: None)])
    assert "| 18 of 20 | 1.2 to 31.7 % |" in written
    assert "| passed | 18 | 1 | 1 | 1.2 to 31.7 % |" in written
    assert "Not tried yet, or not all of it: 1 % copies (1)." in written
    [counted] = json.loads(json.dumps(figures(tried_sets)))["cases"]
    assert counted["said"] == {"passed": 18, "refused(scan)": 1, "inconclusive(no_power)": 1}


@pytest.mark.parametrize(
    ("successes", "low", "high"), [(0, 0.0, 0.3085), (1, 0.0025, 0.4450), (10, 0.6915, 1.0)]
)
def test_exact_intervals_are_those_of_the_tables(successes: int, low: float, high: float) -> None:
    found = clopper_pearson(successes, 10)
    np.testing.assert_allclose((found.low, found.high), (low, high), atol=5e-5)


def test_a_pool_finds_what_its_metric_finds_and_compares_no_pair_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pool = Pool(METRIC, IMAGES)
    ours, theirs = IMAGES[15:], IMAGES[:20]
    patients = np.arange(15, 40), np.arange(20)
    expected = METRIC.nearest(METRIC.embed(ours), METRIC.embed(theirs), 3, patients=patients)
    found = pool.nearest(pool.embed(ours), pool.embed(theirs), 3, patients=patients)
    monkeypatch.setattr(METRIC, "distances", None)
    again = pool.nearest(
        pool.embed(ours[5:]), pool.embed(theirs), 3, patients=(patients[0][5:], patients[1])
    )
    for neighbours, rows in ((found, expected), (again, expected)):
        some = slice(-len(neighbours.indices), None)
        np.testing.assert_array_equal(neighbours.indices, rows.indices[some])
        np.testing.assert_allclose(neighbours.distances, rows.distances[some], atol=1e-6)
