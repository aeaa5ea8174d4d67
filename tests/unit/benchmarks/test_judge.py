from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.evaluation.judge import ALL, Judge, Row
from benchmarks.evaluation.real_films import RealFilms
from release.classifier import FilmClassifier


@pytest.fixture(scope="module")
def judge(films: RealFilms, classifier: FilmClassifier) -> Judge:
    return Judge(films, classifier)


@pytest.fixture(scope="module")
def controls(judge: Judge) -> dict[tuple[str, str], Row]:
    return {(row.films, row.label): row for row in judge.controls(30)}


def test_real_films_lie_at_the_floor_and_the_rest_at_the_ceiling(
    controls: dict[tuple[str, str], Row],
) -> None:
    for label in ("left", "right", ALL):
        floor = controls["real, training", label].kid
        assert floor.low < 0.1
        for ceiling in ("class-mean image", "pixel noise"):
            assert controls[ceiling, label].kid.low > floor.high


def test_training_films_are_called_copies_and_held_out_films_are_not(
    controls: dict[tuple[str, str], Row],
) -> None:
    assert controls["real, training", ALL].nearer_than_ever == 1
    assert controls["real, held out", ALL].nearer_than_ever == 0
    assert controls["real, held out", ALL].near.value <= 0.03


def test_films_under_the_wrong_label_do_not_agree(films: RealFilms, judge: Judge) -> None:
    films_held = films.held_out
    right = {row.label: row for row in judge.synthetic("x", films_held.pixels, films_held.labels)}
    wrong = {
        row.label: row for row in judge.synthetic("x", films_held.pixels, 1 - films_held.labels)
    }
    assert right[ALL].agreement.low > 0.8
    assert wrong[ALL].agreement.high < 0.2
    assert wrong["left"].kid.low > right["left"].kid.high


def test_the_same_films_are_judged_the_same_again(films: RealFilms, judge: Judge) -> None:
    held = films.held_out
    assert judge.synthetic("x", held.pixels, held.labels) == judge.synthetic(
        "x", held.pixels, held.labels
    )


def test_every_class_weighs_the_same_in_the_last_row(films: RealFilms, judge: Judge) -> None:
    """Of the larger class only as many films are drawn as the smaller one has."""
    held = films.held_out
    chosen = np.r_[0:40, 40:60]
    rows = judge.synthetic("x", held.pixels[chosen], held.labels[chosen])
    assert [(row.label, row.num_films) for row in rows] == [("left", 40), ("right", 20), (ALL, 40)]


def test_a_class_with_too_few_held_out_films_is_refused_by_name(
    films: RealFilms, classifier: FilmClassifier
) -> None:
    few = films.held_out.where(np.r_[0:40, 40:43])
    with pytest.raises(ValueError, match="right has 3 independent held-out films"):
        Judge(replace(films, held_out=few), classifier)
