from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.proofs.cases import VALID, planted
from benchmarks.proofs.simulation import Design, Euclidean, Simulation
from release.data import Splits, class_weights
from release.gate.checks import CHECKS, WEIGHTS_CHECK
from release.gate.context import Candidate, History, PrivacyClaim
from release.gate.gate import Gate
from release.gate.policy import Policy
from release.gate.positive_controls import PositiveControl
from release.gate.power import images_needed
from release.gate.real_images import RealImages
from release.gate.result import GateResult
from release.gate.set_neighbours import SetNeighbours
from release.report import disclosure
from release.similarity.copy_search import CopySearch
from release.similarity.knn import Vectors
from release.similarity.metric import Embedded, Pairs

SMALL = Design(trained=1100, audit=400, images=1000)
SIMULATION = Simulation(0, SMALL)
GATE = Gate(SIMULATION.splits, [Euclidean()])
PLANTED = [planted(SIMULATION)]
HONEST = SIMULATION.honest()


def evaluate(images: Any, **how: Any) -> GateResult:
    return put_to(GATE, images, **how)


def put_to(
    gate: Gate,
    images: Any,
    controls: Sequence[PositiveControl] = PLANTED,
    history: History | None = None,
    **how: Any,
) -> GateResult:
    of_no_class = np.zeros((len(images), len(SIMULATION.splits.classes)))
    candidate = Candidate(images, of_no_class, VALID, **how)
    return gate.evaluate(candidate, [gate.measure(each) for each in controls], history)


def test_an_honest_set_passes() -> None:
    result = evaluate(HONEST)
    assert result.verdict.released
    published = result.published()
    judged = {(each.id, each.name) for each in published.findings}
    why_not = {(each.id, each.name): each.why for each in published.not_run}
    checks = {(each.id, each.name) for each in (*CHECKS, WEIGHTS_CHECK)}
    assert judged | why_not.keys() == checks - {("G0", "embedding")}  # speaks of broken ones alone
    assert not judged & why_not.keys()
    assert all(each.startswith("Not run") for each in why_not.values())


def test_flagged_images_are_dropped_and_counted() -> None:
    images = np.concatenate([SIMULATION.splits.train.pixels[:2], HONEST[:400]])
    result = evaluate(images)
    assert not result.kept[:2].any()
    assert result.verdict.num_filtered == int((~result.kept).sum())


def test_images_of_several_rounds_are_evaluated_as_one_lot() -> None:
    neighbours = SetNeighbours.concatenated(
        [GATE.compare(HONEST[:250]), GATE.compare(HONEST[250:])]
    )
    assert evaluate(HONEST, neighbours=neighbours).public() == evaluate(HONEST).public()


def test_neighbours_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="Neighbours of 3 images"):
        evaluate(HONEST, neighbours=GATE.compare(HONEST[:3]))


def test_the_same_set_is_judged_the_same() -> None:
    again = Gate(SIMULATION.splits, [Euclidean()])
    assert put_to(again, HONEST).public() == (evaluate(HONEST).public())


def test_the_first_set_of_a_model_is_judged_as_if_there_were_no_others() -> None:
    assert [each.code for each in evaluate(HONEST).findings if each.code == "cumulative"] == []
    tally = evaluate(HONEST).tally
    again = evaluate(HONEST, history=History(None, [tally], 2))
    assert again.verdict.released
    assert again.tally == tally  # of this set alone, whatever came before


def test_a_set_of_a_model_that_was_refused_stays_though_it_is_honest() -> None:
    """As when it is asked again with one step or a tenth of guidance more."""
    copied = np.concatenate([SIMULATION.splits.train.pixels[:30], HONEST[:300]])
    refused = evaluate(copied)
    assert str(refused.verdict) == "refused(memorises)"
    second = evaluate(HONEST, history=History(None, [refused.tally], 2))
    assert str(second.verdict) == "refused(refused_before)"
    third = evaluate(HONEST, history=History(None, [refused.tally, second.tally], 3))
    assert str(third.verdict) == "refused(refused_before)"


def test_a_tally_discloses_nothing_to_the_public() -> None:
    result = evaluate(HONEST)
    assert "tally" in result.private()
    assert "tally" not in json.dumps(result.public())


def test_no_image_no_result() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        evaluate(HONEST[:0])


def test_a_set_of_one_image_can_be_evaluated_but_says_too_little() -> None:
    assert str(evaluate(HONEST[:1]).verdict) == "inconclusive(power)"


def test_images_in_the_training_data_and_held_out_as_well_void_every_test() -> None:
    splits = SIMULATION.splits
    mixed = replace(splits, holdout=splits.train)
    with pytest.raises(ValueError, match="in the holdout as well"):
        Gate(mixed, [Euclidean()])


@pytest.mark.parametrize("num_patients", [0, 3, 20])
def test_a_small_holdout_leaves_the_gate_without_power(num_patients: int) -> None:
    """Also fewer than there are neighbours in a density."""
    holdout = SIMULATION.splits.holdout.where(np.arange(num_patients))
    few = replace(SIMULATION.splits, holdout=holdout)
    result = put_to(Gate(few, [Euclidean()]), HONEST, controls=())
    assert str(result.verdict) == "inconclusive(power)"


def test_a_class_that_the_set_does_not_show_has_no_power_of_its_own() -> None:
    holdout = SIMULATION.splits.holdout.labels
    weights = class_weights(holdout[(holdout != 2) & (np.arange(len(holdout)) < 300)], 3)
    images = HONEST[: len(weights)]
    controls = [GATE.measure(each) for each in PLANTED]
    power = GATE.evaluate(Candidate(images, weights, VALID), controls).power
    assert power.by_class["Effusion"] == 1
    assert max(power.by_class["Clear"], power.by_class["Opacity"]) < 0.5


def test_patients_of_both_splits_calibrate_and_those_of_h_bound_membership() -> None:
    power = evaluate(HONEST).power
    assert (power.num_calibrating, power.num_patients) == (1500, 400)
    assert (power.num_examined, power.recall > 0.95) == (len(HONEST), True)


def test_a_gate_asks_for_as_many_images_as_its_patients_need() -> None:
    assert GATE.num_needed == images_needed(1500, 3, Policy())


def test_the_search_for_changed_copies_holds_the_images_of_t_and_h() -> None:
    search = CopySearch(SIMULATION.splits.holdout.pixels, SIMULATION.splits.holdout.patients)
    with pytest.raises(ValueError, match="other images than training and holdout"):
        Gate(SIMULATION.splits, [Euclidean()], search=search)


class NotANumber(Euclidean):
    """A metric whose weights have come to grief."""

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        return np.full_like(super().distances(queries, among, pairs), np.nan)


def test_a_metric_without_numbers_is_inconclusive() -> None:
    result = put_to(Gate(SIMULATION.splits, [NotANumber()]), HONEST, controls=())
    assert str(result.verdict) == "inconclusive(embedding)"


class TrainedOnTraining(Euclidean):
    """A metric that has learned to distinguish the training images, and those alone."""

    known = frozenset(image.tobytes() for image in SIMULATION.splits.train.pixels)

    def _embed(self, pixels: Any) -> Vectors:
        stretch = [1.1 if image.tobytes() in self.known else 1.0 for image in pixels]
        return super()._embed(pixels - 128.0) * np.float32(stretch)[:, None]


def test_a_metric_that_was_trained_on_training_images_alone_is_inconclusive() -> None:
    result = put_to(Gate(SIMULATION.splits, [TrainedOnTraining()]), HONEST)
    finding = next(each for each in result.findings if each.name == "symmetry of metrics")
    assert (finding.decision, finding.code) == ("inconclusive", "embedding")


def test_a_copy_that_the_gate_misses_is_no_power() -> None:
    missed = PositiveControl("another patient", SIMULATION.honest()[:50], required=True)
    found_too = [*PLANTED, missed]
    assert str(evaluate(HONEST, controls=found_too).verdict) == "inconclusive(no_power)"
    assert str(evaluate(HONEST, controls=[missed]).verdict) == "inconclusive(power)"


def test_controls_that_need_not_be_found_are_reported() -> None:
    missed = PositiveControl("far away", SIMULATION.honest()[:50], required=False)
    result = evaluate(HONEST, controls=[*PLANTED, missed])
    assert result.verdict.released
    assert [control.name for control in result.controls] == ["noise", "far away"]


def test_the_audit_pool_is_one_image_of_each_patient_who_was_included_or_held_out() -> None:
    images = RealImages(SIMULATION.splits)
    included = np.unique(SIMULATION.splits.train.patients[SIMULATION.splits.included])
    assert images.in_audit_pool.sum() == 400 + len(included)


def test_leakage_beyond_a_claim_is_refused() -> None:
    copies = SIMULATION.splits.train.pixels[SIMULATION.splits.included][:300]
    softened = (copies.astype(int) + SIMULATION.rng.integers(-9, 10, copies.shape)).clip(0, 255)
    result = evaluate(softened.astype(np.uint8), claim=PrivacyClaim(0.01, 1e-6))
    assert result.verdict.outcome == "refused"


def test_the_public_part_is_json_and_discloses_no_single_image() -> None:
    public = evaluate(HONEST).public()
    published = json.dumps(public, allow_nan=False)
    for secret in ("kept", "by_metric", "by_score", "nearest_patient", "bounds"):
        assert secret not in published
    for finding in public["gate"]["findings"]:
        assert finding["p_value"] in (None, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0)


def test_the_owner_may_know_everything() -> None:
    private = json.loads(json.dumps(evaluate(HONEST).private()))
    assert len(private["kept"]) == len(HONEST)
    assert any("p_value_by_score" in each for each in private["in_full"])


def test_histograms_count_every_image_and_every_holdout_patient() -> None:
    result = evaluate(HONEST)
    assert result.histograms is not None
    assert sum(result.histograms.real_to_real) == 400
    assert sum(result.histograms.synthetic_to_real) == int(result.kept.sum())


def test_published_bins_hold_no_image_or_at_least_five() -> None:
    result = evaluate(HONEST)
    assert result.histograms is not None
    published = disclosure.merged_bins(result.histograms)
    assert published is not None
    counts = (*published.real_to_real, *published.synthetic_to_real)
    assert all(count == 0 or count >= disclosure.FEWEST_IMAGES for count in counts)


def test_a_gate_without_metrics_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one metric"):
        Gate(SIMULATION.splits, [], Policy())


def test_patients_and_not_images_are_what_calibrates() -> None:
    simulation = Simulation(1, replace(SMALL, images_each=2))
    splits: Splits = simulation.splits
    assert len(splits.holdout) == 800
    known = [planted(simulation)]
    power = put_to(Gate(splits, [Euclidean()]), simulation.honest(), controls=known).power
    assert (power.num_patients, power.num_calibrating) == (400, 1500)
