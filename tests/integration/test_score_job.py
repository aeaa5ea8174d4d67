"""Images scored by a trained model: real database, real files, decoding in limited processes."""

import io
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from radiographs.phantom import draw
from service.adapters.score_file import read_scores
from service.domain.job import JobKind, JobState
from service.domain.requests import ScoreRequest
from tests.integration.jobs import finished, submit, submit_training

RNG = np.random.default_rng(0)


@pytest.fixture
def model(context, dataset_id):
    job = finished(context, submit_training(context, dataset_id, "ppca"))
    assert job.state is JobState.SUCCEEDED, job.error
    return context.records.catalog.model(job.result.model_id)


def encoded(pixels, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


def chest(index, label="normal", size=64):
    return draw(label, seed=5, index=index, size=size).pixels


def archive(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, content in members.items():
            out.writestr(name, content)
    return file.getvalue()


def scored(context, model, members, **changes):
    """Send a ZIP, and let the worker score it."""
    request = replace(ScoreRequest(model.id, model.dataset_id), **changes)
    job_id = submit(context, JobKind.SCORE, request)
    writer = context.artifacts.open_upload(job_id)
    writer.write(members if isinstance(members, bytes) else archive(members))
    writer.commit()
    job = finished(context, job_id)
    assert not context.artifacts.has_upload(job_id)
    return job


def images_of(context, job):
    assert job.state is JobState.SUCCEEDED, job.error
    scores = read_scores(context.artifacts, job.id)
    return scores, {each.file: each for each in scores.images}


def test_images_unlike_a_chest_are_less_likely_than_held_out_ones(context, model):
    noise = RNG.integers(0, 256, (64, 64)).astype(np.uint8)
    members = {f"normal/{index}.png": encoded(chest(index)) for index in range(6)}
    members |= {
        "inverted.png": encoded(255 - chest(0)),
        "noise.png": encoded(noise),
        "black.png": encoded(np.eye(64, dtype=np.uint8)),
        "other size.jpg": encoded(chest(1, size=128), "JPEG"),
        "colour.png": encoded(np.stack([chest(0)] * 3, -1)),
        "notes.txt": b"no image",
        "broken.png": encoded(chest(2))[:60],
    }
    job = scored(context, model, members)
    scores, found = images_of(context, job)
    assert scores.kind == "log_likelihood"
    assert scores.held_out["normal"].num_images > 0
    for name in ("inverted.png", "noise.png", "black.png"):
        assert found[name].percentile == 0, name
    usual = [found[f"normal/{index}.png"] for index in range(6)]
    assert np.median([each.percentile for each in usual]) > 5
    assert {each.label for each in usual} == {"normal"}
    assert all(each.margin is not None for each in usual)
    assert found["inverted.png"].label is None
    assert found["inverted.png"].margin is None
    strange = max(found[name].score for name in ("inverted.png", "noise.png", "black.png"))
    for name in ("other size.jpg", "colour.png", *(f"normal/{index}.png" for index in range(6))):
        assert found[name].score > strange, name
    assert (
        found["colour.png"].score
        == found["normal/0.png"].by_class[found["colour.png"].most_likely].score
    )
    for name in ("notes.txt", "broken.png"):
        assert found[name].score is None
        assert found[name].problem.code in {"unsupported_format", "truncated", "corrupt"}

    again = scored(context, model, members)
    assert read_scores(context.artifacts, again.id) == scores


def test_progress_is_for_everybody_and_does_not_count_held_out_images(context, model, monkeypatch):
    monkeypatch.setattr("workers.runtime.attempt.REPORT_INTERVAL_SECONDS", 0.0)
    job = scored(context, model, {f"{index}.png": encoded(chest(index)) for index in range(17)})
    reported = [e.data for e in context.records.jobs.events(job.id) if e.kind == "progress"]
    assert {each["phase"] for each in reported} == {"scoring held-out images", "scoring"}
    for each in reported:
        shown = each["images_seen"], each["total_images"], round(each["fraction"], 3)
        assert shown in {(0, None, 0.0), (16, 17, 0.941), (17, 17, 1.0)}


UNUSABLE = [
    ({"a.txt": b"no image"}, "no_images_to_score"),
    ({}, "empty_archive"),
    (b"no archive", "not_a_zip"),
    ({"../a.png": b"x"}, "archive_unsafe_path"),
    ({f"{index}.png": b"" for index in range(1001)}, "too_many_images"),
]


def test_uploads_that_cannot_be_scored_fail_by_name(context, model):
    for members, code in UNUSABLE:
        job = scored(context, model, members)
        assert (job.state, job.error.code) == (JobState.FAILED, code)
        assert not job.error.retryable


def test_without_its_dataset_a_model_scores_without_percentiles(context, model, dataset_id):
    dataset = context.records.catalog.dataset(dataset_id)
    context.artifacts.delete(dataset.artifact.key)
    scores, found = images_of(context, scored(context, model, {"a.png": encoded(chest(0))}))
    assert found["a.png"].score is not None
    assert found["a.png"].percentile is None
    assert {each.num_images for each in scores.held_out.values()} == {0}


def test_the_card_of_a_ppca_says_how_many_components_and_is_audited(model):
    [point] = model.card.learning_curve
    assert point["num_components"] >= 1
    rounded = round(model.card.num_training_images, -1)  # the number itself is private
    assert point["images_seen"] == model.images_seen == rounded
    assert model.card.memorisation.standard_errors is not None or model.card.white_box is None
    assert model.card.num_parameters > 64**2
