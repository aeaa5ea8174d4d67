"""From images of 128 px to a set of 128 px, by a model that draws 64 px and enlarges."""

import io
import json
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from models.config import Circumstances
from models.presets import resolve_config
from models.training import loop
from service.domain.job import JobState
from service.domain.requests import DatasetSource, PhantomSpec
from tests.integration.jobs import (
    finished,
    submit_generation,
    submit_ingest,
    submit_training,
)
from workers.generate import gate_assets
from workers.train import membership_audit


@pytest.mark.usefixtures("nothing_dropped")
def test_a_set_is_enlarged_and_examined_at_its_final_size(context, monkeypatch):
    monkeypatch.setattr(membership_audit, "MIN_PATIENTS", 2)  # there are few
    monkeypatch.setattr(loop, "PROBE_SECONDS", 0.05)
    for learned in ("IMAGES", "VIEWS"):  # which takes long, and is looked at elsewhere
        monkeypatch.setattr(gate_assets, learned, (64, 64))
    source = DatasetSource(phantom=PhantomSpec({"normal": 30, "effusion": 30}, 128, 0))
    dataset_id = finished(context, submit_ingest(context, source, image_size=128)).result.dataset_id
    config = resolve_config("ldm", "tiny", {"upscale_share": 0.2}, Circumstances(64))
    trained = finished(
        context,
        submit_training(context, dataset_id, "ldm", config=config.model_dump(mode="json")),
    )
    assert trained.state is JobState.SUCCEEDED, trained.error
    model = context.records.catalog.model(trained.result.model_id)
    assert {"upscaler", "denoiser"} <= set(model.card.white_box.scores)

    large = finished(context, submit_generation(context, model.id, "ldm", upscale=128))
    assert large.state is JobState.SUCCEEDED, large.error
    assert {image.shape for image in _images(context, large)} == {(128, 128)}
    made = context.records.releases.synthetic_set(large.result.synthetic_set_id)
    page = context.artifacts.path(made.report.key).parent / "report.json"
    report = json.loads(page.read_bytes())
    assert (report["model"]["image_size"], report["model"]["upscaled_to"]) == (64, 128)
    controls = {each["name"]: each for each in report["gate"]["controls"]}
    assert {"enlarged anew", "the model's own reconstruction"} <= set(controls)
    assert "enlarged to 128" in context.artifacts.path(made.report.key).read_text()


def _images(context, job) -> Iterator[np.ndarray]:
    made = context.records.releases.synthetic_set(job.result.synthetic_set_id)
    with zipfile.ZipFile(context.artifacts.path(made.zip.key)) as archive:
        for line in json.loads(archive.read("manifest.json"))["files"]:
            if line["kind"] == "class":
                yield np.asarray(Image.open(io.BytesIO(archive.read(line["path"]))))
