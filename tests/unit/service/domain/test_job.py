from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from service.domain.errors import IllegalMove, JobNotDone, Problem
from service.domain.job import Job, JobKind, JobProgress, JobResult, JobState
from tests.sample_records import train_request

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PROBLEM = Problem("broken", "It broke.")
RESULT = JobResult(model_id="mdl_1")

Q, R, X = JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING
S, F, C = JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED

MOVES: dict[str, Callable[[Job], Job]] = {
    "claim": lambda job: job.claim("w", NOW, 30),
    "report": lambda job: job.report(progress=JobProgress("training")),
    "succeed": lambda job: job.succeed(RESULT, NOW),
    "fail": lambda job: job.fail(PROBLEM, NOW),
    "requeue": lambda job: job.requeue(NOW),
    "put_back": lambda job: job.put_back(NOW),
    "hand_back": lambda job: job.hand_back(NOW),
    "request_cancel": lambda job: job.request_cancel(NOW),
    "finish_cancelled": lambda job: job.finish_cancelled(NOW),
    "retry": Job.retry,
}

# Every legal move, and the state it leads to; whatever is not here is illegal.
LEGAL = {
    (Q, "claim"): R,
    (Q, "request_cancel"): C,
    (R, "report"): R,
    (R, "succeed"): S,
    (R, "fail"): F,
    (R, "requeue"): Q,
    (R, "put_back"): Q,
    (R, "hand_back"): Q,
    (R, "request_cancel"): X,
    (X, "report"): X,
    (X, "succeed"): C,
    (X, "fail"): C,
    (X, "requeue"): C,
    (X, "put_back"): C,
    (X, "hand_back"): C,
    (X, "request_cancel"): X,
    (X, "finish_cancelled"): C,
    (F, "retry"): Q,
    (C, "request_cancel"): C,
    (C, "retry"): Q,
}
ILLEGAL = [(state, move) for state in JobState for move in MOVES if (state, move) not in LEGAL]


def job_in(state: JobState) -> Job:
    return Job(
        id="job_1",
        kind=JobKind.TRAIN,
        queue="gpu.train",
        state=state,
        request=train_request(),
        created_at=NOW,
        attempt=1,
        attempts_without_checkpoint=1,
        worker="w" if state in {R, X} else None,
        lease_expires_at=NOW if state in {R, X} else None,
        error=PROBLEM if state is F else None,
        finished_at=NOW if state.done else None,
    )


@pytest.mark.parametrize(("state", "move"), LEGAL)
def test_a_legal_move_leads_to_its_state_in_a_new_version(state: JobState, move: str) -> None:
    job = job_in(state)
    moved = MOVES[move](job)
    assert moved.state is LEGAL[state, move]
    assert job == job_in(state)
    assert moved is job or moved.version == job.version + 1
    assert (moved.finished_at is not None) == moved.state.done
    assert (moved.worker is not None) == (moved.state in {R, X})
    assert (moved.lease_expires_at is not None) == (moved.state in {R, X})


@pytest.mark.parametrize(("state", "move"), ILLEGAL)
def test_an_illegal_move_is_refused_by_name(state: JobState, move: str) -> None:
    with pytest.raises(IllegalMove, match=f"is {state}"):
        MOVES[move](job_in(state))


def test_cancelled_job_cannot_succeed() -> None:
    """A cancel that came first wins over the result that came after."""
    moved = job_in(X).succeed(RESULT, NOW)
    assert (moved.state, moved.result) == (C, None)


def test_a_claim_counts_attempts_and_leases_the_job() -> None:
    claimed = job_in(Q).claim("w", NOW, 30)
    assert (claimed.attempt, claimed.attempts_without_checkpoint) == (2, 2)
    assert claimed.lease_expires_at == NOW + timedelta(seconds=30)
    assert claimed.started_at == NOW


def test_a_job_that_was_requeued_often_enough_fails_as_worker_lost() -> None:
    moved = job_in(R).requeue(NOW, max_attempts_without_checkpoint=1)
    assert moved.state is F
    assert moved.error is not None
    assert moved.error.code == "worker_lost"


def test_a_job_that_others_were_in_the_way_of_never_runs_out_of_attempts() -> None:
    job = job_in(R)
    for _ in range(20):
        job = job.put_back(NOW).claim("w", NOW, 30)
    assert (job.state, job.attempts_without_checkpoint) == (R, 1)


def test_a_retry_forgets_the_error_and_counts_attempts_anew() -> None:
    moved = job_in(F).retry()
    assert (moved.error, moved.finished_at, moved.attempts_without_checkpoint) == (None, None, 0)
    assert moved.attempt == 1


def test_a_checkpoint_report_resets_the_fruitless_attempts() -> None:
    assert job_in(R).report(checkpoint=True).attempts_without_checkpoint == 0


def test_what_a_report_leaves_out_stays() -> None:
    reported = job_in(R).report(progress=JobProgress("training"), metrics={"loss": 1.0})
    assert reported.report().progress == JobProgress("training")
    assert reported.report().metrics == {"loss": 1.0}


def test_figures_json_cannot_carry_are_left_out() -> None:
    metrics = {"loss": float("nan"), "best": float("inf"), "fine": 1.0}
    assert job_in(R).report(metrics=metrics).metrics == {"fine": 1.0}


@pytest.mark.parametrize("state", JobState)
def test_only_a_job_that_is_done_passes_as_done(state: JobState) -> None:
    if state.done:
        job_in(state).must_be_done()
    else:
        with pytest.raises(JobNotDone):
            job_in(state).must_be_done()


def test_each_kind_has_its_queue() -> None:
    of_gpu = ["gpu.score", "gpu.prepare", "gpu.preview"]
    queues = ["cpu.ingest", "gpu.train", "gpu.generate", "cpu.push", *of_gpu]
    assert [kind.queue for kind in JobKind] == queues
