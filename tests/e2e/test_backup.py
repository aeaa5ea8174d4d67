"""A backup of a running service, in the middle of a job, restored elsewhere."""

import subprocess
import sys

COUNTS = {"normal": 48, "cardiomegaly": 32}
REQUEST = {"class_counts": {"normal": 90, "cardiomegaly": 60}, "seed": 7}


def synthcxr(*arguments):
    subprocess.run([sys.executable, "-m", "synthcxr", *map(str, arguments)], check=True)


def test_a_restored_service_goes_on_and_makes_the_same_set(start_service, tmp_path):
    """The job that ran when the backup was taken ends in both services, with the same bytes."""
    (tmp_path / "first").mkdir()
    with start_service(tmp_path / "first") as service:
        model_id = service.trained(service.phantoms(**COUNTS), images=64)
        job = service.client.generate(model_id, **REQUEST)
        service.wait_for(job.id, lambda job: job.attempt)
        synthcxr("backup", tmp_path / "backup", "--data-dir", tmp_path / "first")
        ended = service.finished(job)
        expected = service.client.download(ended.synthetic_set_id, tmp_path / "first.zip")

    synthcxr("restore", tmp_path / "backup", "--data-dir", tmp_path / "second")
    with start_service(tmp_path / "second") as service:
        ended = service.finished(service.client.job(job.id))
        assert ended.attempt == 2
        found = service.client.download(ended.synthetic_set_id, tmp_path / "second.zip")
    assert found == expected
    assert (tmp_path / "second.zip").read_bytes() == (tmp_path / "first.zip").read_bytes()
