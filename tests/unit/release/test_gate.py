from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks.proofs.cases import VALID, planted
from benchmarks.proofs.world import Design, Euclidean, World
from release.gate import Gate
from release.labelled_images import Folds, class_weights
from release.look import Look
from release.metrics.metric import Embedded, Pairs, Vectors
from release.policy import Policy
from release.privacy.controls import Planted
from release.privacy.epsilon import Claim
from release.privacy.power import images_needed
from release.similarity.copy_search import CopySearch

SMALL = Design(trained=1100, audit=400, images=1000)
WORLD = World(0, SMALL)
GATE = Gate(WORLD.folds, [Euclidean()])
PLANTED = [planted(WORLD)]
HONEST = WORLD.honest()


def examine(images: Any, **how: Any) -> Any:
    return put_to(GATE, images, **how)


def put_to(gate: Gate, images: Any, **how: Any) -> Any:
    of_no_class = np.zeros((len(images), len(WORLD.folds.classes)))
    return gate.examine(images, of_no_class, **{"validity": VALID, "planted": PLANTED, **how})


def test_an_honest_set_passes() -> None:
    examination = examine(HONEST)
    assert examination.verdict.may_leave
    assert not examination.weights_may_leave  # nobody looked into the model


def test_flagged_images_are_dropped_and_counted() -> None:
    images = np.concatenate([WORLD.folds.trained.pixels[:2], HONEST[:400]])
    examination = examine(images)
    assert not examination.kept[:2].any()
    assert examination.verdict.num_filtered == int((~examination.kept).sum())


def test_images_of_several_rounds_are_examined_as_one_lot() -> None:
    look = Look.together([GATE.look(HONEST[:250]), GATE.look(HONEST[250:])])
    assert examine(HONEST, look=look).public() == examine(HONEST).public()


def test_a_look_at_other_images_is_refused() -> None:
    with pytest.raises(ValueError, match="were seen"):
        examine(HONEST, look=GATE.look(HONEST[:3]))


def test_the_same_set_is_judged_the_same() -> None:
    again = Gate(WORLD.folds, [Euclidean()])
    assert put_to(again, HONEST).public() == (examine(HONEST).public())


def test_the_first_set_of_a_model_is_judged_as_if_there_were_no_others() -> None:
    assert [each.code for each in examine(HONEST).findings if each.code == "cumulative"] == []
    tally = examine(HONEST).tally
    again = examine(HONEST, attempts=[tally], attempt_number=2)
    assert again.verdict.may_leave
    assert again.tally == tally  # of this set alone, whatever came before


def test_a_set_of_a_model_that_was_refused_stays_though_it_is_honest() -> None:
    """As when it is asked again with one step or a tenth of guidance more."""
    copied = np.concatenate([WORLD.folds.trained.pixels[:30], HONEST[:300]])
    refused = examine(copied)
    assert str(refused.verdict) == "refused(memorises)"
    second = examine(HONEST, attempts=[refused.tally], attempt_number=2)
    assert str(second.verdict) == "refused(refused_before)"
    third = examine(HONEST, attempts=[refused.tally, second.tally], attempt_number=3)
    assert str(third.verdict) == "refused(refused_before)"


def test_a_tally_tells_the_public_nothing() -> None:
    examination = examine(HONEST)
    assert "tally" in examination.private()
    assert "tally" not in json.dumps(examination.public())


def test_no_image_no_examination() -> None:
    with pytest.raises(ValueError, match="at least one image"):
        examine(HONEST[:0])


def test_a_set_of_one_image_can_be_examined_but_says_too_little() -> None:
    assert str(examine(HONEST[:1]).verdict) == "inconclusive(power)"


def test_images_in_the_training_data_and_held_out_as_well_void_every_test() -> None:
    folds = WORLD.folds
    mixed = replace(folds, audit=folds.trained)
    with pytest.raises(ValueError, match="held out as well"):
        Gate(mixed, [Euclidean()])


@pytest.mark.parametrize("num_patients", [0, 3, 20])
def test_few_held_out_patients_leave_the_gate_without_power(num_patients: int) -> None:
    """Also fewer than there are neighbours in a density."""
    audit = WORLD.folds.audit.where(np.arange(num_patients))
    few = replace(WORLD.folds, audit=audit)
    examination = put_to(Gate(few, [Euclidean()]), HONEST)
    assert str(examination.verdict) == "inconclusive(power)"


def test_a_class_that_the_set_does_not_show_has_no_power_of_its_own() -> None:
    audit = WORLD.folds.audit.labels
    weights = class_weights(audit[(audit != 2) & (np.arange(len(audit)) < 300)], 3)
    images = HONEST[: len(weights)]
    power = GATE.examine(images, weights, validity=VALID, planted=PLANTED).power
    assert power.by_class["Effusion"] == 1
    assert max(power.by_class["Clear"], power.by_class["Opacity"]) < 0.5


def test_patients_of_both_folds_calibrate_and_those_of_h_tell_of_membership() -> None:
    power = examine(HONEST).power
    assert (power.num_calibrating, power.num_patients) == (1500, 400)
    assert (power.num_examined, power.recall > 0.95) == (len(HONEST), True)


def test_a_gate_asks_for_as_many_images_as_its_patients_need() -> None:
    assert GATE.num_needed == images_needed(1500, 3, Policy())


def test_the_search_for_changed_copies_holds_the_images_of_t_and_h() -> None:
    search = CopySearch(WORLD.folds.audit.pixels, WORLD.folds.audit.patients)
    with pytest.raises(ValueError, match="other images than T and H"):
        Gate(WORLD.folds, [Euclidean()], search=search)


class NotANumber(Euclidean):
    """A metric whose weights have come to grief."""

    def distances(self, queries: Embedded, among: Embedded, pairs: Pairs) -> Vectors:
        return np.full_like(super().distances(queries, among, pairs), np.nan)


def test_a_metric_without_numbers_is_inconclusive() -> None:
    examination = put_to(Gate(WORLD.folds, [NotANumber()]), HONEST)
    assert str(examination.verdict) == "inconclusive(embedding)"


class TrainedOnT(Euclidean):
    """A metric that has learned to distinguish the training images, and those alone."""

    known = frozenset(image.tobytes() for image in WORLD.folds.trained.pixels)

    def embed(self, pixels: Any) -> Embedded:
        stretch = [1.1 if image.tobytes() in self.known else 1.0 for image in pixels]
        return Embedded(super().embed(pixels - 128.0).vectors * np.float32(stretch)[:, None])


def test_a_metric_that_was_trained_on_t_alone_is_inconclusive() -> None:
    examination = put_to(Gate(WORLD.folds, [TrainedOnT()]), HONEST)
    finding = next(each for each in examination.findings if each.name == "symmetry of metrics")
    assert (finding.decision, finding.code) == ("inconclusive", "embedding")


def test_a_copy_that_the_gate_misses_is_no_power() -> None:
    missed = Planted("another patient", WORLD.honest()[:50], required=True)
    found_too = [*PLANTED, missed]
    assert str(examine(HONEST, planted=found_too).verdict) == "inconclusive(no_power)"
    assert str(examine(HONEST, planted=[missed]).verdict) == "inconclusive(power)"


def test_controls_that_need_not_be_found_are_told() -> None:
    missed = Planted("far away", WORLD.honest()[:50], required=False)
    examination = examine(HONEST, planted=[*PLANTED, missed])
    assert examination.verdict.may_leave
    assert [control.name for control in examination.controls] == ["noise", "far away"]


def test_a_white_box_that_tells_keeps_the_weights_and_lets_the_samples_go() -> None:
    audited = GATE.audited
    told = np.isin(audited.patients, WORLD.folds.trained.patients).astype(float)
    examination = examine(HONEST, model_scores={"elbo": told})
    assert examination.verdict.may_leave
    assert not examination.weights_may_leave


def test_a_silent_white_box_lets_the_weights_go_where_enough_patients_had_a_coin() -> None:
    blind = {"elbo": np.random.default_rng(0).random(len(GATE.audited))}
    assert not examine(HONEST, model_scores=blind).weights_may_leave
    content = Gate(WORLD.folds, [Euclidean()], replace(Policy(), max_mdcr=0.03))
    assert put_to(content, HONEST, model_scores=blind).weights_may_leave


def test_the_audited_are_one_image_of_each_patient_with_a_coin() -> None:
    audited = GATE.audited
    assert len(np.unique(audited.patients)) == len(audited)
    assert len(audited) == 400 + len(np.unique(WORLD.folds.trained.patients[WORLD.folds.coins]))


def test_leakage_beyond_a_claim_is_refused() -> None:
    copies = WORLD.folds.trained.pixels[WORLD.folds.coins][:300]
    softened = (copies.astype(int) + WORLD.rng.integers(-9, 10, copies.shape)).clip(0, 255)
    examination = examine(softened.astype(np.uint8), claim=Claim(0.01, 1e-6))
    assert examination.verdict.outcome == "refused"


def test_what_everyone_may_know_is_json_and_tells_of_no_single_image() -> None:
    public = examine(HONEST).public()
    told = json.dumps(public, allow_nan=False)
    for secret in ("kept", "by_metric", "by_score", "nearest_patient", "bounds"):
        assert secret not in told
    for finding in public["gate"]["findings"]:
        assert finding["p_value"] in (None, 0.001, 0.01, 0.05, 0.1, 0.5, 1.0)


def test_the_owner_may_know_everything() -> None:
    private = json.loads(json.dumps(examine(HONEST).private()))
    assert len(private["kept"]) == len(HONEST)
    assert any("p_value_by_score" in each for each in private["in_full"])


def test_bins_of_few_images_are_joined() -> None:
    histograms = examine(HONEST).public()["gate"]["histograms"]
    real, images = histograms["real_to_real"], histograms["synthetic_to_real"]
    assert len(histograms["edges"]) == len(real) + 1
    assert sum(real) == 400
    assert all(count == 0 or count >= 5 for count in [*real[:-1], *images[:-1]])


def test_a_gate_without_metrics_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one metric"):
        Gate(WORLD.folds, [], Policy())


def test_patients_and_not_images_are_what_calibrates() -> None:
    world = World(1, replace(SMALL, images_each=2))
    folds: Folds = world.folds
    assert len(folds.audit) == 800
    known = [planted(world)]
    power = put_to(Gate(folds, [Euclidean()]), world.honest(), planted=known).power
    assert (power.num_patients, power.num_calibrating) == (400, 1500)
