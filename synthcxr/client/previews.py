"""Previews: images of a model side by side, for those alone who may see the real images."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Unpack

from synthcxr.client.flow import Flow, work
from synthcxr.client.jobs import get_job
from synthcxr.client.options import PreviewColumn, PreviewOptions
from synthcxr.client.wire import Call, Wire, create, path_of, read, send
from synthcxr.resources import Job
from synthcxr.whole_files import write_whole

_MOST_CHARACTERS = 50  # of a class in the name of a file


def preview_model(
    wire: Wire,
    model_id: str,
    columns: Sequence[PreviewColumn] = ({},),
    **options: Unpack[PreviewOptions],
) -> Flow[Job]:
    """Draw a few images of each class, which nothing examines; needs `private:read`.

    Args:
        model_id: A trained model.
        columns: Seed and sampling options of each column, from left to right, 4 at most. The
            images of a row are drawn from equal noise where their columns have equal seeds.
        options: See `PreviewOptions`.
    """
    body = {"columns": list(columns), **options}
    return read(wire, Job, create("models", model_id, "previews", json=body))


def save_previews(
    wire: Wire, model_id: str, job_id: str, folder: str | Path
) -> Flow[tuple[Path, ...]]:
    """Save what a job of `preview` drew, a picture for each class; needs `private:read`.

    Nobody examined them: keep them where the real images are kept.

    Args:
        model_id: The model.
        job_id: The job, which has succeeded.
        folder: Where they are saved, as `0-COVID.png`; files of the same names are replaced.

    Returns:
        The files, in the order of the classes.

    Raises:
        JobFailed: It failed or was cancelled.
        Conflict: It is not done (`job_not_done`).
        NotFound: It drew nothing of this model.
    """
    job = yield from get_job(wire, job_id)
    if job.done:
        job.raise_unless_succeeded()
    files = []
    for place, label in enumerate(job.request.get("classes") or [""]):
        path = path_of("models", model_id, "previews", job_id, f"{place}.png")
        response = yield from send(wire, Call("GET", path))
        file = Path(folder) / _file_name(place, str(label))
        yield from work(partial(write_whole, file, response.content))
        files.append(file)
    return tuple(files)


def _file_name(place: int, label: str) -> str:
    """Name a picture by its place and its class; class names are other people's words."""
    plain = re.sub(r"[^\w.-]+", "_", label)
    return f"{place}-{plain[:_MOST_CHARACTERS]}.png"
