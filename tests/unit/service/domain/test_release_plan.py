"""A set that cannot pass is named before it is made, with counts that can."""

from dataclasses import replace

import pytest

from service.domain.release_plan import Outlook, ReleasePlan

PLAN = ReleasePlan(
    num_patients=5_460,
    membership=(0.03, 0.034),
    max_membership=0.05,
    class_shares={"COVID": 0.113, "Normal": 0.725, "Viral Pneumonia": 0.162},
    num_needed=500,
    max_excess=((500, 3.5), (1_000, 4.0), (2_000, 4.2)),
)


def of(plan: ReleasePlan = PLAN, *, is_later: bool = False, **wanted: float) -> Outlook:
    return plan.outlook(wanted, round(sum(wanted.values())), is_later=is_later)


def test_what_shows_the_classes_as_the_real_images_do_can_pass() -> None:
    assert of(COVID=11, Normal=72, **{"Viral Pneumonia": 17}) == Outlook(num_examined=500)


def test_a_class_that_is_shown_too_often_is_named_with_counts_that_can_pass() -> None:
    found = of(COVID=100, Normal=100)
    assert not found.can_pass
    assert "COVID makes up 50 %" in found.reasons[0]
    assert "39.6 %" in found.reasons[0]
    assert found.class_counts
    assert found.class_counts["COVID"] == 100  # what was asked for stays
    assert found.class_counts["Normal"] >= 100
    assert found.remedies[0].startswith("ask for COVID=100, Normal=")


@pytest.mark.parametrize(
    "wanted",
    [
        {"COVID": 100, "Normal": 100},
        {"COVID": 1},
        {"COVID": 7, "Viral Pneumonia": 400},
        {"COVID": 1.5, "Normal": 0.5},
        {"COVID": 4_000, "Normal": 10},
    ],
    ids=str,
)
def test_counts_that_are_proposed_can_pass(wanted: dict[str, float]) -> None:
    found = of(**wanted)
    assert found.class_counts
    again = of(**found.class_counts)
    assert again.can_pass, again.reasons
    assert all(found.class_counts[label] >= count for label, count in wanted.items())


def test_a_larger_set_may_show_a_class_more_often() -> None:
    assert not of(COVID=43, Normal=57).can_pass
    assert of(COVID=430, Normal=570).can_pass


def test_a_set_too_small_for_any_shares_is_asked_for_larger() -> None:
    plan = replace(PLAN, num_needed=256, max_excess=((256, 0.0), (1_000, 3.0)))
    found = of(plan, COVID=10, Normal=90)
    assert "Of 256 images" in found.reasons[0]
    assert found.class_counts
    assert sum(found.class_counts.values()) >= 1_000
    assert of(plan, **found.class_counts).can_pass
    assert next(plan.sentences()).startswith("Sets of 1,000 images or more can pass")


def test_limits_are_named_where_there_are_any() -> None:
    [limits] = PLAN.sentences()
    assert limits == (
        "Sets can pass whose classes make up at most: COVID 39.6 %, Normal 100 %, "
        "Viral Pneumonia 56.7 %."
    )
    [free] = replace(PLAN, max_excess=((500, 9.0),)).sentences()
    assert free == "Sets can pass, however their images are shared among the classes."


def test_of_too_few_patients_no_counts_can_pass_and_more_patients_are_asked_for() -> None:
    few = replace(PLAN, num_patients=400, membership=(0.2, 0.25), max_excess=())
    found = of(few, Normal=10)
    assert found.class_counts is None
    assert "400 patients" in found.reasons[0]
    assert "1,800" in found.remedies[0]
    assert any("1,800" in each for each in few.sentences())


def test_a_later_release_has_less_power() -> None:
    tight = replace(PLAN, membership=(0.049, 0.056))
    assert of(tight, Normal=80, COVID=10).can_pass
    assert not of(tight, is_later=True, Normal=80, COVID=10).can_pass


def test_a_class_of_which_no_patient_is_known_cannot_be_examined() -> None:
    found = of(COVID=1, Other=5)
    assert not found.can_pass
    assert "Other makes up" in found.reasons[0]


def test_it_is_stored_as_json_and_read_again() -> None:
    assert ReleasePlan.from_json(PLAN.to_json()) == PLAN
    assert ReleasePlan.from_json(None) is None
    assert "COVID 39.6 %" in PLAN.to_json()["text"][0]
