"""Workers that die in the middle of a job: the job finishes by itself, with the same result."""

import os
import signal
from pathlib import Path

import pytest
from safetensors.numpy import load_file

COUNTS = {"normal": 60, "cardiomegaly": 40}
IMAGES = 3000  # which take seconds, so that a worker dies in the middle


@pytest.fixture(scope="module")
def dataset_id(service):
    return service.phantoms(**COUNTS)


@pytest.fixture(scope="module")
def undisturbed(service, dataset_id):
    """The weights that a training ends with."""
    return weights(service, service.trained(dataset_id, images=IMAGES))


def weights(service, model_id):
    model = service.records.catalog.model(model_id)
    return load_file(service.data_dir / "artifacts" / model.snapshot.key)


@pytest.mark.parametrize("victim", ["the process of the job", "its parent", "its worker"])
def test_killed_training_ends_with_the_weights_of_an_undisturbed_one(
    service, dataset_id, undisturbed, victim
):
    job = service.start_training(dataset_id, images=IMAGES)
    service.wait_for(job.id, lambda job: job.attempts_without_checkpoint == 0 and job.attempt)
    pid = service.worker_pid(job.id)
    generation = ["the process of the job", "its parent", "its worker"].index(victim)
    for _ in range(generation):
        pid = parent_of(pid)
    os.kill(pid, signal.SIGKILL)

    ended = service.finished(job)
    assert ended.attempt == 2
    found = weights(service, ended.model_id)
    assert undisturbed.keys() == found.keys()
    for name, tensor in undisturbed.items():
        assert tensor.tobytes() == found[name].tobytes(), name


def test_killed_generation_ends_with_the_same_bytes(service, dataset_id, tmp_path):
    model_id = service.trained(dataset_id)
    request = {"class_counts": {"normal": 500, "cardiomegaly": 500}, "seed": 3}

    job = service.client.generate(model_id, **request)
    service.wait_for(job.id, lambda job: job.progress and job.progress.images_seen > 0)
    os.kill(service.worker_pid(job.id), signal.SIGKILL)
    ended = service.finished(job)
    assert ended.attempt == 2
    disturbed = service.client.sets.download(ended.synthetic_set_id, tmp_path / "disturbed.zip")
    service.client.sets.delete(ended.synthetic_set_id)

    again = service.finished(service.client.generate(model_id, **request))
    assert service.client.sets.download(again.synthetic_set_id, tmp_path / "calm.zip") == disturbed


def parent_of(pid):
    stat = Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def test_cancelled_training_frees_its_worker_and_keeps_its_checkpoint(service, dataset_id):
    job = service.start_training(dataset_id, images=1_000_000)
    service.wait_for(job.id, lambda job: job.attempts_without_checkpoint == 0 and job.attempt)
    service.client.jobs.cancel(job.id)
    assert service.client.jobs.wait(job.id).state == "cancelled"
    # the worker is free: the next job runs
    assert service.trained(dataset_id, images=8)

    [*_, kept] = images_seen(service, job.id, "checkpoint")
    num_reports = len(images_seen(service, job.id, "progress"))
    service.client.jobs.retry(job.id)
    reports = service.wait_for(
        job.id, lambda job: images_seen(service, job.id, "progress")[num_reports:]
    )
    service.client.jobs.cancel(job.id)
    assert service.client.jobs.wait(job.id).state == "cancelled"
    assert reports[0] >= kept


def images_seen(service, job_id, kind):
    events = service.records.jobs.events(job_id)
    return [event.data["images_seen"] for event in events if event.kind == kind]
