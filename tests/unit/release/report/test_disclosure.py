"""What a histogram may show: never the distance of a single image."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.gate.public_result import Histograms
from release.report.disclosure import FEWEST_IMAGES, disclosed, merged_bins, rounded_count
from release.report.documents import documents, drawings
from release.report.schema import Report

COUNTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=20)


def histograms(bins):
    real, synthetic = zip(*bins, strict=True)
    edges = list(range(len(bins) + 1))
    return Histograms(edges=edges, real_to_real=real, synthetic_to_real=synthetic)


@given(COUNTS)
def test_no_bin_holds_just_a_few_images_and_no_image_is_lost(bins):
    before, after = histograms(bins), merged_bins(histograms(bins))
    totals = sum(before.real_to_real), sum(before.synthetic_to_real)
    if after is None:
        assert any(0 < total < FEWEST_IMAGES for total in totals)
        return
    assert (sum(after.real_to_real), sum(after.synthetic_to_real)) == totals
    for images in (*after.real_to_real, *after.synthetic_to_real):
        assert images == 0 or images >= FEWEST_IMAGES
    assert (after.edges[0], after.edges[-1]) == (before.edges[0], before.edges[-1])
    assert sorted(set(after.edges)) == list(after.edges)
    assert len(after.edges) == len(after.real_to_real) + 1


def test_bins_that_hold_enough_stay_as_they_are():
    kept = merged_bins(histograms([(0, 0), (9, 0), (7, 6), (0, 8)]))
    assert kept == histograms([(0, 0), (9, 0), (7, 6), (0, 8)])


def test_a_lone_image_among_the_nearest_joins_its_neighbours():
    merged = merged_bins(histograms([(0, 1), (0, 3), (9, 40), (8, 1)]))
    assert merged.synthetic_to_real == (45,)
    assert merged.edges == (0, 4)


def test_the_report_shows_only_what_is_coarse(made_up):
    made_up["gate"]["histograms"] = {
        "edges": [0, 0.1, 1],
        "real_to_real": [0, 50],
        "synthetic_to_real": [1, 90],
    }
    shown = disclosed(Report.model_validate(made_up))
    assert shown.gate.histograms.synthetic_to_real == (91,)


@pytest.mark.parametrize(("count", "rounded"), [(0, 0), (4, 0), (6, 10), (727, 730), (4659, 4660)])
def test_counts_are_rounded_to_tens(count, rounded):
    assert rounded_count(count) == rounded


@pytest.mark.parametrize("bins", [[], [(0, 0)] * 20, [(0, 50)], [(50, 0)], [(3, 0)], [(0, 1)]])
def test_a_report_of_no_or_few_images_has_its_pages(made_up, bins):
    real, synthetic = zip(*bins, strict=True) if bins else ((), ())
    made_up["gate"]["histograms"] = {
        "edges": list(range(len(bins) + 1)),
        "real_to_real": real,
        "synthetic_to_real": synthetic,
    }
    report = Report.model_validate(made_up)
    assert documents(report, {})["report.html"]
    assert "distances" not in drawings(disclosed(report))
