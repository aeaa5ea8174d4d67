"""Numbers as text."""

import json
from math import inf, nan
from pathlib import Path

import pytest

from release.report import text as words
from release.report.schema import Report
from release.report.text import (
    count,
    estimate,
    estimated_percent,
    percent,
    probability,
    rate,
    significant,
)
from release.stats.estimate import Estimate


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.0031, "0.00310"), (0.5, "0.500"), (12_345.6, "12,300"), (1e-12, "1.00e-12")],
)
def test_three_digits_are_written_out(number, text):
    assert significant(number) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.0089, "0.89 %"), (1, "100 %"), (0.995, "99.5 %"), (0.99996, "99.996 %")],
)
def test_only_all_is_a_hundred_percent(share, text):
    assert percent(share).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("share", "text"), [(0, "0.00 %"), (0.0124, "1.24 %"), (0.01234, "1.24 %"), (1, "100.00 %")]
)
def test_a_rate_is_rounded_up_and_never_down(share, text):
    assert rate(share).replace("\u00a0", " ") == text


def test_a_value_has_the_digits_that_its_interval_allows():
    assert estimate(Estimate(value=0.51234, low=0.48, high=0.545)) == "0.512 (0.480 to 0.545)"
    assert estimate(Estimate(value=870, low=610, high=1_240)) == "870 (610 to 1,240)"
    assert estimate(Estimate(value=0.0002, low=-0.0004, high=0.0008)) == (
        "0.0002 (\u22120.0004 to 0.0008)"
    )
    assert estimate(Estimate(value=0.51, low=0.48, high=0.54)) == "0.51 (0.48 to 0.54)"
    assert estimate(Estimate(value=1, low=1, high=1)) == "1 (1 to 1)"


def test_a_share_is_written_in_percent_with_its_interval():
    written = estimated_percent(Estimate(value=0.0132, low=0.004, high=0.025))
    assert written.replace("\u00a0", " ") == "1.3 % (0.4 % to 2.5 %)"
    written = estimated_percent(Estimate(value=0.01, low=0.0, high=0.03))
    assert written.replace("\u00a0", " ") == "1 % (0 % to 3 %)"


def test_what_is_not_finite_is_said_to_be_without_bound():
    assert estimate(Estimate(nan, nan, nan)) == "not measured"
    assert estimate(Estimate(value=870, low=610, high=inf)) == "870 (610 to unbounded)"


def test_a_number_without_an_interval_stands_alone_and_none_is_said_to_be_missing():
    assert estimate(Estimate(0.25, nan, nan)) == "0.25"
    assert estimate(None) == "not measured"


@pytest.mark.parametrize(
    ("p_value", "text"),
    [(None, "none"), (3e-7, "0.001"), (0.0534, "0.054"), (0.05, "0.05"), (0.5, "0.5"), (1.0, "1")],
)
def test_a_p_value_is_coarse_and_never_rounded_down(p_value, text):
    assert probability(p_value) == text


def test_counts_are_grouped():
    assert count(3_725) == "3,725"


def test_what_is_said_of_the_text_detector_is_what_was_measured(made_up) -> None:
    path = Path(__file__).parents[4] / "benchmarks" / "results" / "burned_in_text.json"
    measured = json.loads(path.read_text(encoding="utf-8"))
    drawn = measured["real"]["drawn"]
    assert (drawn["found"], drawn["of"]) == (words.TEXT_FOUND, words.TEXT_DRAWN)
    assert list(words.TEXT_INTERVAL) == drawn["interval"]
    assert measured["least_cap_height"] == words.TEXT_HEIGHT
    said = words.burned_in_text(Report.model_validate(made_up).gate)
    assert f"{drawn['found']} of {drawn['of']}" in said


def test_a_report_without_the_search_for_text_says_so(made_up) -> None:
    gate = Report.model_validate(made_up).gate
    earlier = gate.model_copy(update={"findings": ()})
    assert "not searched" in words.burned_in_text(earlier)


def test_a_refusal_for_text_does_not_speak_of_patients_disclosed(made_up_reports) -> None:
    report = made_up_reports["refused(memorises)"]
    verdict = report.verdict.model_copy(update={"code": "text"})
    said = words.verdict_sentence(report.model_copy(update={"verdict": verdict}))
    assert "legible text" in said
    assert "discloses" not in said


def with_auc(made_up, value: float, low: float, high: float) -> Report:
    made_up["gate"]["membership"]["auc"] = {"value": value, "low": low, "high": high}
    return Report.model_validate(made_up)


def test_words_on_membership_follow_the_interval_and_not_the_decision(made_up) -> None:
    weak = with_auc(made_up, 0.54, 0.51, 0.56)
    assert weak.verdict.is_released
    assert words.membership(weak.gate) == (
        "A weak signal of membership: the strongest attack that was run has an AUC of "
        "0.54 (0.51 to 0.56), where 0.5 is guessing; it is below what the policy refuses."
    )
    assert "weak signal" in words.verdict_sentence(weak)
    none = with_auc(made_up, 0.51, 0.48, 0.54)
    assert words.membership(none.gate).startswith("No sign of membership")


def test_a_refusal_for_membership_is_no_weak_signal(made_up) -> None:
    for finding in made_up["gate"]["findings"]:
        if finding["id"] == "G3":
            finding["decision"] = "refused"
    said = words.membership(with_auc(made_up, 0.7, 0.66, 0.74).gate)
    assert said.startswith("Who was trained on can be inferred")


@pytest.mark.parametrize(
    ("precision", "density", "like"),
    [(0.47, 0.18, False), (0.95, 0.18, False), (0.76, 0.98, True)],
)
def test_images_are_like_real_ones_only_where_precision_and_density_say_so(
    made_up, precision: float, density: float, like: bool
) -> None:
    row = made_up["fidelity"]["rows"][0]
    assert row["label"] == "all"
    for name, value in (("precision", precision), ("density", density)):
        row["synthetic"][name] = {"value": value, "low": value - 0.02, "high": value + 0.02}
    said = words.likeness(Report.model_validate(made_up))
    assert ("less like real ones" in said) is not like
    if not like:
        assert "of real test images 1" in said  # of the density


def test_what_was_not_compared_is_not_called_like_real_images(made_up) -> None:
    made_up["fidelity"] = None
    assert "not measured" in words.likeness(Report.model_validate(made_up))


def test_no_copies_are_found_only_where_no_image_was_flagged(made_up) -> None:
    said = {}
    for flagged in (0, 3):
        for finding in made_up["gate"]["findings"]:
            if finding["id"] == "G1":
                finding["statistic"] = flagged
        said[flagged] = words.verdict_sentence(Report.model_validate(made_up))
    assert "found no copies" in said[0]
    assert "no more images near training images than chance explains" in said[3]
