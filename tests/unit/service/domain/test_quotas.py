from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from service.domain import errors
from service.domain.job import Job, JobKind, JobState
from service.domain.quotas import Quotas, Use, check, drawn_bytes, num_images, seconds_by_day
from service.domain.requests import DatasetSource, Interpolation, Mixture, PhantomSpec
from tests.sample_records import generate_request, train_request

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOTHING = Use(0, 0.0, 0, 0)


def running(since: datetime) -> Job:
    kind = JobKind.TRAIN
    job = Job("job_1", kind, kind.queue, JobState.QUEUED, train_request(), since)
    return job.claim("w", since, 30)


def test_a_limit_may_be_reached_and_not_passed() -> None:
    quotas = Quotas(max_images_per_day=10)
    check(quotas, replace(NOTHING, images=4), Use(1, 0, None, 6), NOON)
    with pytest.raises(
        errors.QuotaExceeded, match=r"10 images a day: 4 are used.*2026-03-02 00:00"
    ):
        check(quotas, replace(NOTHING, images=4), Use(1, 0, None, 7), NOON)
    check(quotas, replace(NOTHING, images=40), Use(1, 0, None, None), NOON)


def test_what_costs_an_unknown_amount_is_refused_once_the_limit_is_reached() -> None:
    quotas = Quotas(max_worker_seconds_per_day=10)
    check(quotas, replace(NOTHING, worker_seconds=9.9), Use(1, 0, None, None), NOON)
    with pytest.raises(errors.QuotaExceeded):
        check(quotas, replace(NOTHING, worker_seconds=10.0), Use(1, 0, None, None), NOON)


def test_a_quota_of_nothing_permits_nothing() -> None:
    with pytest.raises(errors.QuotaExceeded):
        check(Quotas(max_stored_bytes=0), NOTHING, Use(1, 0, 0, None), NOON)


def test_time_is_split_at_midnight() -> None:
    end = NOON + timedelta(hours=37)
    assert list(seconds_by_day(running(NOON), end)) == [
        (date(2026, 3, 1), 12 * 3600),
        (date(2026, 3, 2), 24 * 3600),
        (date(2026, 3, 3), 3600),
    ]
    assert not list(seconds_by_day(running(NOON), NOON - timedelta(seconds=1)))


def test_images_of_every_kind_count() -> None:
    request = generate_request(
        class_counts={"normal": 2},
        mixtures=(Mixture({"normal": 0.5, "effusion": 0.5}, 3),),
        interpolate=(Interpolation(1, 2, 4, label="normal"),),
    )
    kind = JobKind.GENERATE
    assert num_images(Job("job_1", kind, kind.queue, JobState.QUEUED, request, NOON)) == 9
    assert num_images(running(NOON)) is None


def test_drawn_images_take_a_byte_for_each_pixel() -> None:
    assert drawn_bytes(DatasetSource(phantom=PhantomSpec({"a": 2, "b": 1}, 64, 0))) == 3 * 64 * 64
    assert drawn_bytes(DatasetSource(path="/x")) == 0


def test_an_examination_that_came_first_is_not_named_to_the_client() -> None:
    problem = errors.ReleasesChanged("syn_theirs was examined at the same time.").problem()
    assert "syn_theirs" not in problem.detail
    assert problem.retryable
