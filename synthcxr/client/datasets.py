"""Datasets: real or phantom images that models are trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Unpack

from synthcxr.client.binding import Answer, AsyncAnswer, AsyncGroup, AsyncItems, Group, Items
from synthcxr.client.deletions import delete
from synthcxr.client.flow import Flow, Stream, work
from synthcxr.client.options import DicomwebSource, IngestOptions
from synthcxr.client.wire import (
    Call,
    Wire,
    create,
    get,
    given,
    idempotency_key,
    pages,
    path_of,
    read,
)
from synthcxr.packing import as_zip
from synthcxr.resources import Dataset, Deletion, DroppedFile, ImageWithText, Job


def upload(wire: Wire, source: str | Path, **options: Unpack[IngestOptions]) -> Flow[Job]:
    """Send a ZIP, or a folder packed into one, to be ingested.

    Args:
        source: A ZIP file or a folder on this machine.
        options: How images become a dataset: see `IngestOptions`.

    Raises:
        FolderNotPackable: The folder holds nothing to upload, or what cannot be named in a ZIP.
    """
    source = Path(source)
    form = {"name": source.stem} | {name: _text(value) for name, value in given(options).items()}
    with ExitStack() as stack:
        file = yield from work(lambda: stack.enter_context(as_zip(source)))
        files = {"file": (f"{source.stem}.zip", file, "application/zip")}
        call = Call("POST", path_of("datasets"), form=form, files=files, headers=idempotency_key())
        return (yield from read(wire, Job, call))


def add_from_server(wire: Wire, path: str, **options: Unpack[IngestOptions]) -> Flow[Job]:
    """Ingest a folder or ZIP that lies on the server, under a root it allows.

    Args:
        path: An absolute path there.
        options: How images become a dataset: see `IngestOptions`.
    """
    return read(wire, Job, create("datasets", json={"path": path, **options}))


def add_from_dicomweb(
    wire: Wire, source: DicomwebSource, **options: Unpack[IngestOptions]
) -> Flow[Job]:
    """Ingest images of a DICOMweb server that the service's operator allows.

    Args:
        source: The server, and which of its images are of which class.
        options: How images become a dataset: see `IngestOptions`.
    """
    return read(wire, Job, create("datasets", json={"dicomweb": source, **options}))


def add_phantoms(
    wire: Wire,
    class_counts: Mapping[str, int],
    *,
    size: int | None = None,
    seed: int = 0,
    **options: Unpack[IngestOptions],
) -> Flow[Job]:
    """Ingest drawn chests of known truth: no patient is behind them.

    Args:
        class_counts: Images to draw per class.
        size: Side of the drawn images in pixels.
        seed: The same seed draws the same images.
        options: How images become a dataset: see `IngestOptions`.
    """
    phantom = given({"class_counts": dict(class_counts), "image_size": size, "seed": seed})
    return read(wire, Job, create("datasets", json={"phantom": phantom, **options}))


def list_datasets(wire: Wire) -> Stream[Dataset]:
    """List the datasets, newest first."""
    return pages(wire, Dataset, get("datasets"))


def get_dataset(wire: Wire, dataset_id: str) -> Flow[Dataset]:
    """Read a dataset."""
    return read(wire, Dataset, get("datasets", dataset_id))


def dropped_files(wire: Wire, dataset_id: str) -> Stream[DroppedFile]:
    """List the files that were left out of a dataset, and why."""
    return pages(wire, DroppedFile, get("datasets", dataset_id, "dropped"))


def images_with_text(wire: Wire, dataset_id: str) -> Stream[ImageWithText]:
    """List the images of a dataset that legible text is burnt into."""
    return pages(wire, ImageWithText, get("datasets", dataset_id, "burned-in-text"))


def delete_dataset(wire: Wire, dataset_id: str, *, cascade: bool = False) -> Flow[Deletion]:
    """Delete a dataset and its pixels.

    Args:
        dataset_id: The dataset.
        cascade: Whether its models, their sets and all jobs about it go too.

    Returns:
        What went and what stayed, with a signed receipt.
    """
    return delete(wire, "datasets", dataset_id, cascade=cascade)


def _text(value: object) -> str:
    if isinstance(value, dict):
        return json.dumps(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


class Datasets(Group):
    """Real or phantom images that models are trained on."""

    upload = Answer(upload)
    add_from_server = Answer(add_from_server)
    add_from_dicomweb = Answer(add_from_dicomweb)
    add_phantoms = Answer(add_phantoms)
    list = Items(list_datasets)
    get = Answer(get_dataset)
    dropped = Items(dropped_files)
    images_with_text = Items(images_with_text)
    delete = Answer(delete_dataset)


class AsyncDatasets(AsyncGroup):
    """Real or phantom images that models are trained on."""

    upload = AsyncAnswer(upload)
    add_from_server = AsyncAnswer(add_from_server)
    add_from_dicomweb = AsyncAnswer(add_from_dicomweb)
    add_phantoms = AsyncAnswer(add_phantoms)
    list = AsyncItems(list_datasets)
    get = AsyncAnswer(get_dataset)
    dropped = AsyncItems(dropped_files)
    images_with_text = AsyncItems(images_with_text)
    delete = AsyncAnswer(delete_dataset)
