"""Images side by side, drawn by a real worker from a real model: real database and real files."""

import numpy as np
import pytest
from PIL import Image

from service.domain.job import JobKind, JobState
from service.domain.previews import previews_folder
from service.validation.preview import PreviewBody, complete
from tests.integration.jobs import finished, submit, submit_training

GAP = 2


@pytest.fixture
def model(context, dataset_id):
    job = finished(context, submit_training(context, dataset_id, "ppca"))
    return context.records.catalog.model(job.result.model_id)


def previewed(context, model, **body):
    """Ask as a client does, and let the worker draw; returns the picture of each class."""
    request = complete(model, PreviewBody.model_validate(body))
    job = finished(context, submit(context, JobKind.PREVIEW, request))
    assert job.state is JobState.SUCCEEDED, job.error
    folder = context.artifacts.path(previews_folder(job.id))
    names = sorted(path.name for path in folder.iterdir())
    assert names == [f"{place}.png" for place in range(len(request.classes))]
    return [np.asarray(Image.open(folder / name)) for name in names]


def cells(picture, size=64):
    """Cut a picture into (rows, columns, size, size)."""
    step = size + GAP
    sides = [(side + GAP) // step for side in picture.shape]
    return np.stack(
        [
            [
                picture[y * step : y * step + size, x * step : x * step + size]
                for x in range(sides[1])
            ]
            for y in range(sides[0])
        ]
    )


def test_columns_show_the_same_noise_by_their_own_options(context, model):
    columns = [
        {"sampler": {"temperature": 0.0, "grain": 0.0}},
        {},
        {},
        {"seed": 1},
    ]
    pictures = [
        cells(each) for each in previewed(context, model, images_per_class=3, columns=columns)
    ]
    assert [each.shape for each in pictures] == [(3, 4, 64, 64)] * len(model.classes)
    for shown in pictures:
        mean, default, again, other_seed = shown.swapaxes(0, 1)
        assert (mean == mean[0]).all()  # without spread each class has one image
        assert np.array_equal(default, again)
        assert not np.array_equal(default, other_seed)
        assert len(np.unique(default.reshape(3, -1), axis=0)) == 3
    assert not np.array_equal(pictures[0][0, 0], pictures[1][0, 0])


def test_an_image_is_the_same_whatever_is_asked_for_beside_it(context, model):
    first, second = previewed(context, model, images_per_class=8, columns=[{}])
    alone = previewed(
        context, model, images_per_class=1, columns=[{"seed": 3}, {}], classes=[model.classes[1]]
    )
    assert np.array_equal(cells(alone[0])[0, 1], cells(second)[0, 0])
    folder = context.artifacts.path(model.snapshot.folder)
    sheet = cells(np.asarray(Image.open(folder / "samples.png")))  # rows of classes
    for row, picture in zip(sheet, (first, second), strict=True):
        assert np.array_equal(row, cells(picture)[:, 0])
