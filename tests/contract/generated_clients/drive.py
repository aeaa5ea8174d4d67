"""Upload, train, generate and download by the client that openapi-python-client generates.

It runs in the generator's own environment: arguments are the service's address and key, a ZIP to
upload and where to save the set. `synthcxr_api`, the generated package, is on its path.
"""

import io
import sys
import time
from pathlib import Path

from synthcxr_api import AuthenticatedClient
from synthcxr_api.api.datasets import create_dataset
from synthcxr_api.api.generation import generate
from synthcxr_api.api.jobs import get_job
from synthcxr_api.api.synthetic_sets import download_synthetic_set, get_synthetic_set
from synthcxr_api.api.training import train
from synthcxr_api.models import (
    BudgetBody,
    Family,
    GenerateBody,
    GenerateBodyClassCountsType0,
    JobState,
    JobView,
    SyntheticSetView,
    TrainBody,
    UploadForm,
    UploadFormImageSize,
)
from synthcxr_api.types import File


def finished(client: AuthenticatedClient, job: object) -> JobView:
    """Wait until a job succeeded."""
    assert isinstance(job, JobView), job
    while not job.done:
        time.sleep(0.05)
        job = get_job.sync(job.id, client=client)
        assert isinstance(job, JobView), job
    assert job.state is JobState.SUCCEEDED, job.error
    return job


def main(url: str, key: str, archive: Path, destination: Path) -> None:
    """Walk the whole way."""
    with AuthenticatedClient(url, key) as client:
        content = File(io.BytesIO(archive.read_bytes()), archive.name, "application/zip")
        form = UploadForm(file=content, name="by hand", image_size=UploadFormImageSize.VALUE_64)
        job = finished(client, create_dataset.sync(client=client, body=form))
        assert job.request.name == "by hand"
        assert job.request.image_size == 64
        budget = BudgetBody(images=128)
        body = TrainBody(job.result.dataset_id, family=Family.VAE, budget=budget)
        job = finished(client, train.sync(client=client, body=body))
        counts = GenerateBodyClassCountsType0.from_dict({"normal": 2})
        body = GenerateBody(job.result.model_id, class_counts=counts)
        job = finished(client, generate.sync(client=client, body=body))
        made = get_synthetic_set.sync(job.result.synthetic_set_id, client=client)
        assert isinstance(made, SyntheticSetView), made
        answer = download_synthetic_set.sync_detailed(made.id, client=client)
        destination.write_bytes(answer.content)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
