"""Scores: how likely a model finds images."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from synthcxr.client.flow import Flow, work
from synthcxr.client.options import Fit
from synthcxr.client.wire import Call, Wire, get, given, idempotency_key, path_of, read
from synthcxr.packing import as_zip
from synthcxr.resources import Job, Scores


def score_images(
    wire: Wire,
    model_id: str,
    source: str | Path,
    *,
    label: str | None = None,
    fit: Fit | None = None,
) -> Flow[Job]:
    """Ask how likely a model finds images; needs `private:read`.

    Args:
        model_id: A model of a family that has a likelihood or a bound on it.
        source: An image, a ZIP, or a folder packed into one; folders in it that are named as
            a class say the label.
        label: The class that the other images are said to be of.
        fit: How an image that is not square becomes square.
    """
    source = Path(source)
    name = source.name if source.is_file() else f"{source.name}.zip"
    form = {key: str(value) for key, value in given({"label": label, "fit": fit}).items()}
    with ExitStack() as stack:
        file = yield from work(lambda: stack.enter_context(as_zip(source)))
        files = {"file": (name, file, "application/octet-stream")}
        path = path_of("models", model_id, "scores")
        call = Call("POST", path, form=form, files=files, headers=idempotency_key())
        return (yield from read(wire, Job, call))


def get_scores(wire: Wire, model_id: str, job_id: str) -> Flow[Scores]:
    """Read what a job of `score` found; needs `private:read`."""
    return read(wire, Scores, get("models", model_id, "scores", job_id))
