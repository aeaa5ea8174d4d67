"""What a worker does about the process that runs its jobs, each process played by hand."""

import os
import signal
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from service.adapters.local_artifacts import LocalArtifacts
from service.domain.errors import ArtifactsUnavailable, RecordsUnavailable
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.worker import WorkerState
from service.settings import Settings
from tests.in_memory_queue import ManualClock
from tests.in_memory_records import MemoryStore
from tests.sample_records import train_request
from workers import worker as worker_module
from workers.runtime.context import WorkerContext
from workers.worker import Worker


class StubProcess:
    """A process that does what the test says."""

    def __init__(self, number):
        self.name = f"host:w:{number}"
        self.sign = SimpleNamespace(is_busy=False, silent_seconds=0.0, slowest_step_seconds=0.0)
        self.device = "cpu"
        self.has_ended = False
        self.ended_well = False
        self.ending = "its process was ended by SIGSEGV"
        self.heeds_sigterm = True
        self.num_notifications = 0
        self._reads, self._writes = os.pipe()

    @property
    def sentinel(self):
        return self._reads

    def notify(self):
        self.num_notifications += 1

    def ask_to_stop(self):
        self.has_ended = self.heeds_sigterm

    def kill(self):
        self.has_ended = True

    def close(self):
        os.close(self._reads)
        os.close(self._writes)


class Scene:
    def __init__(self, tmp_path, monkeypatch):
        self.now = SimpleNamespace(seconds=1000.0)
        monkeypatch.setattr(
            worker_module, "time", SimpleNamespace(monotonic=lambda: self.now.seconds)
        )
        self.clock = ManualClock()
        self.store = MemoryStore(self.clock)
        self.records = self.store.records()
        settings = Settings(data_dir=tmp_path)
        self.context = WorkerContext(
            "host:1", settings, self.records, LocalArtifacts(tmp_path), self.clock
        )
        self.started = []
        self.worker = Worker("w", ["gpu.train"], self.context, "1", self.start)

    def start(self):
        self.started.append(StubProcess(len(self.started) + 1))
        return self.started[-1]

    @property
    def process(self):
        return self.started[-1]

    def tick(self, seconds=0.25):
        self.now.seconds += seconds
        with suppress(RecordsUnavailable):
            self.worker._look_after()
            self.worker._report()

    def submit(self):
        kind, now = JobKind.TRAIN, datetime.now(UTC)
        job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, train_request(), now)
        return self.records.jobs.submit(job).id

    def running(self):
        """A job that the process runs."""
        job_id = self.submit()
        assert self.records.jobs.claim(job_id, worker=self.process.name, lease_seconds=30)
        self.process.sign.is_busy = True
        return job_id

    def job(self, job_id):
        return self.records.jobs.job(job_id)

    def state(self):
        [known] = self.records.workers.all()
        return known.report.state


@pytest.fixture
def scene(tmp_path, monkeypatch):
    scene = Scene(tmp_path, monkeypatch)
    scene.tick()
    return scene


def test_the_job_of_a_process_that_died_is_moved_at_once_and_the_next_begins(scene, tmp_path):
    job_id = scene.running()
    left = tmp_path / "staging" / f"{job_id}-1-drawn"
    others = tmp_path / "staging" / f"{job_id}-10"
    for folder in (left, others):
        folder.mkdir(parents=True)
    scene.process.has_ended = True
    scene.tick()
    scene.tick()
    job = scene.job(job_id)
    assert (job.state, job.worker, job.attempts_without_checkpoint) == (JobState.QUEUED, None, 1)
    assert len(scene.started) == 2
    assert not left.exists()
    assert others.exists()


def test_a_job_that_makes_no_progress_is_ended_by_the_watchdog(scene):
    """Its heartbeat goes on: only the work hangs."""
    job_id = scene.running()
    for silent in (0.1, 299.0):
        scene.process.sign.silent_seconds = silent
        scene.tick()
        assert scene.job(job_id).state is JobState.RUNNING
    assert scene.state() is WorkerState.STALLED
    scene.process.sign.silent_seconds = 301.0
    scene.tick()
    scene.tick()
    job = scene.job(job_id)
    assert (job.state, job.attempts_without_checkpoint, len(scene.started)) == ("queued", 1, 2)


def test_slow_steps_are_given_twenty_times_their_length(scene):
    job_id = scene.running()
    scene.process.sign.slowest_step_seconds = 60.0
    scene.process.sign.silent_seconds = 1199.0
    scene.tick()
    assert scene.job(job_id).state is JobState.RUNNING
    scene.process.sign.silent_seconds = 1201.0
    scene.tick()
    assert scene.job(job_id).state is JobState.QUEUED


def test_a_stopped_process_is_killed_once_its_job_was_taken_over(scene):
    job_id = scene.running()
    scene.clock.advance(31)
    scene.records.jobs.expire_leases()
    scene.process.sign.silent_seconds = 31.0
    scene.tick()
    scene.tick()
    assert scene.started[0].has_ended
    assert scene.job(job_id).state is JobState.QUEUED
    assert len(scene.started) == 2


def test_a_process_that_is_about_to_notice_that_it_lost_its_job_is_left_alone(scene):
    scene.running()
    scene.clock.advance(31)
    scene.records.jobs.expire_leases()
    scene.tick()
    assert not scene.process.has_ended


def test_a_cancel_that_a_hung_job_does_not_heed_frees_the_worker_within_two_seconds(scene):
    job_id = scene.running()
    scene.records.jobs.request_cancel(job_id)
    waited = 0.0
    while scene.job(job_id).state is not JobState.CANCELLED:
        scene.tick()
        waited += 0.25
        assert waited < 2
    assert waited > 1  # a job that does heed it was given the time to
    scene.tick()
    assert len(scene.started) == 2


def test_a_process_that_no_longer_looks_for_jobs_is_replaced(scene):
    scene.process.sign.silent_seconds = 61.0
    scene.tick()
    scene.tick(1.0)
    assert scene.started[0].has_ended
    assert len(scene.started) == 2


def test_a_process_that_still_starts_is_given_the_time_that_a_busy_machine_takes(scene):
    """Or the next one would start as slowly, and none would ever take a job."""
    scene.process.device = None
    scene.submit()
    for silent in (61.0, 299.0):
        scene.process.sign.silent_seconds = silent
        for _ in range(80):
            scene.tick(1.0)
        assert len(scene.started) == 1
        assert scene.state() is WorkerState.STARTING
    scene.process.sign.silent_seconds = 301.0
    scene.tick()
    scene.tick(1.0)
    assert len(scene.started) == 2


def test_a_process_that_cannot_start_is_tried_ever_more_seldom(scene):
    for _ in range(400):
        scene.process.has_ended = True
        scene.tick()
    assert 5 < len(scene.started) < 40


def test_a_server_whose_processes_fail_again_and_again_is_replaced(scene, monkeypatch):
    """It may hang, or have failed to import what they need."""
    replaced = []
    monkeypatch.setattr(
        worker_module, "end_fork_server", lambda: replaced.append(len(scene.started))
    )
    while len(scene.started) < 7:
        scene.process.has_ended = True
        scene.tick()
    assert replaced == [3, 6]


def test_a_start_that_takes_too_long_replaces_the_server(scene, monkeypatch):
    replaced = []
    monkeypatch.setattr(worker_module, "end_fork_server", lambda: replaced.append(True))

    def hang():
        raise TimeoutError

    with monkeypatch.context() as patched:
        patched.setattr(scene.worker, "_start", hang)
        scene.process.has_ended = scene.process.ended_well = True
        scene.tick()
        scene.tick()
    assert replaced
    scene.tick(60.0)
    assert len(scene.started) == 2


def test_a_process_that_ends_after_its_job_makes_way_at_once(scene):
    for number in range(1, 6):
        scene.process.has_ended = scene.process.ended_well = True
        scene.tick()
        scene.tick()
        assert len(scene.started) == number + 1


def test_a_worker_whose_queues_wait_while_it_is_idle_says_so_and_ends(scene):
    scene.submit()
    for _ in range(4 * 20):
        scene.tick()
    assert scene.state() is WorkerState.STALLED

    def wait_on():
        for _ in range(4 * 60):
            scene.tick()

    with pytest.raises(SystemExit, match="60 seconds"):
        wait_on()


def test_a_worker_whose_queues_wait_for_the_object_store_goes_on(scene, monkeypatch):
    def away():
        raise ArtifactsUnavailable("The object store does not answer.")

    monkeypatch.setattr(scene.context.artifacts, "check", away)
    scene.submit()
    for _ in range(300):
        scene.tick()
    assert scene.state() is WorkerState.IDLE


def test_a_worker_that_is_busy_while_its_queues_wait_goes_on(scene):
    scene.running()
    scene.submit()
    for _ in range(300):
        scene.tick()
    assert scene.state() is WorkerState.BUSY


def stopping(scene, monkeypatch):
    monkeypatch.setattr(worker_module.signal, "set_wakeup_fd", lambda *_, **__: -1)
    monkeypatch.setattr(worker_module.signal, "signal", lambda *_: signal.SIG_DFL)
    monkeypatch.setattr(
        scene.worker, "_wait", lambda seconds: setattr(scene.now, "seconds", scene.now.seconds + 1)
    )
    scene.worker.stop()


def test_a_job_that_does_not_stop_in_time_is_killed_and_handed_back(scene, monkeypatch):
    job_id = scene.running()
    scene.process.heeds_sigterm = False
    stopping(scene, monkeypatch)
    began = scene.now.seconds
    scene.worker.run()
    assert 15 <= scene.now.seconds - began < 20
    job = scene.job(job_id)
    assert (job.state, job.attempts_without_checkpoint) == (JobState.QUEUED, 0)
    assert scene.records.workers.all() == []


def test_a_second_request_to_stop_does_not_wait(scene, monkeypatch):
    job_id = scene.running()
    scene.process.heeds_sigterm = False
    stopping(scene, monkeypatch)
    scene.worker.stop()
    began = scene.now.seconds
    scene.worker.run()
    assert scene.now.seconds - began < 3
    assert scene.job(job_id).attempts_without_checkpoint == 0


def test_a_database_that_is_away_is_waited_for(scene, monkeypatch):
    scene.running()
    with monkeypatch.context() as patched:

        def away(*_):
            raise RecordsUnavailable("It is away.")

        patched.setattr(scene.records.jobs, "held_by", away)
        for _ in range(40):
            scene.tick()
    scene.tick()
    assert not scene.process.has_ended
    assert scene.state() is WorkerState.BUSY


def test_what_a_worker_does_is_known(scene):
    assert scene.state() is WorkerState.IDLE
    job_id = scene.running()
    scene.tick()
    scene.tick()
    [known] = scene.records.workers.all()
    assert (known.report.state, known.report.job_id) == (WorkerState.BUSY, job_id)
    assert (known.report.device, known.report.queues) == ("cpu", ("gpu.train",))


def test_a_notification_reaches_a_process_that_waits_and_no_other(scene):
    for busy, heard in ((False, 1), (True, 1)):
        scene.process.sign.is_busy = busy
        for _ in range(3):
            scene.worker.notify()
        scene.worker._wait(5.0)
        assert scene.process.num_notifications == heard


def test_a_worker_that_fails_takes_its_process_along(scene, monkeypatch):
    def fail():
        raise ZeroDivisionError

    monkeypatch.setattr(worker_module.signal, "signal", lambda *_: None)  # the test keeps its own
    monkeypatch.setattr(worker_module.signal, "set_wakeup_fd", lambda *_, **__: -1)
    monkeypatch.setattr(scene.worker, "_look_after", fail)
    with pytest.raises(ZeroDivisionError):
        scene.worker.run()
    assert scene.process.has_ended
