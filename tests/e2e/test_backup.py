"""A backup of a running service, in the middle of a job, restored elsewhere."""

import os
import signal
import subprocess
import sys

COUNTS = {"normal": 48, "cardiomegaly": 32}
REQUEST = {"class_counts": {"normal": 9, "cardiomegaly": 3}, "seed": 7}
# nothing here waits for a lease to run out, and a worker is stopped for a while
PATIENT = {"SYNTHCXR_LEASE_SECONDS": "120"}


def synthcxr(*arguments):
    subprocess.run([sys.executable, "-m", "synthcxr", *map(str, arguments)], check=True)


def test_a_restored_service_goes_on_and_makes_the_same_set(start_service, tmp_path):
    """The job that ran when the backup was taken ends in both services, with the same bytes."""
    (tmp_path / "first").mkdir(mode=0o700)
    with start_service(tmp_path / "first", **PATIENT) as service:
        model_id = service.trained(service.phantoms(**COUNTS), images=64)
        job = service.client.generate(model_id, **REQUEST)
        pid = service.worker_pid(job.id)
        service.suspend(pid)  # so that it is in the middle
        synthcxr("backup", tmp_path / "backup", "--data-dir", tmp_path / "first")
        os.kill(pid, signal.SIGCONT)
        ended = service.finished(job)
        expected = service.client.sets.download(ended.synthetic_set_id, tmp_path / "first.zip")

    synthcxr("restore", tmp_path / "backup", "--data-dir", tmp_path / "second")
    with start_service(tmp_path / "second", **PATIENT) as service:
        ended = service.finished(service.client.jobs.get(job.id))
        assert ended.attempt == 2
        found = service.client.sets.download(ended.synthetic_set_id, tmp_path / "second.zip")
    assert found == expected
    assert (tmp_path / "second.zip").read_bytes() == (tmp_path / "first.zip").read_bytes()
