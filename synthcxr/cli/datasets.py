"""`synthcxr datasets`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from synthcxr.cli.dataset_findings import findings
from synthcxr.cli.deletions import Cascade, Receipt, report
from synthcxr.cli.exit_codes import ExitCode
from synthcxr.cli.files import Force, refuse_to_replace
from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Json, Timeout, Url, Wait, class_counts, json_object
from synthcxr.cli.output import print_view, print_views, say
from synthcxr.cli.progress import finish
from synthcxr.client import Client
from synthcxr.client.options import DicomwebSource
from synthcxr.errors import IngestRefusedHere
from synthcxr.packing import FolderContents
from synthcxr.resources import Dataset
from synthcxr.server_packages import command_of, require_server

app = typer.Typer(help="Real images that models are trained on.", no_args_is_help=True)


@app.command()
def add(
    source: Annotated[
        Path | None, typer.Argument(exists=True, help="A folder or ZIP here; it is uploaded.")
    ] = None,
    server_path: Annotated[
        str | None,
        typer.Option(help="A folder or ZIP on the server, under one of its dataset roots."),
    ] = None,
    phantom: Annotated[
        str | None, typer.Option(help="Drawn chests instead: normal=400,effusion=400,...")
    ] = None,
    dicomweb: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Images of a PACS: a JSON file with the name of a server and queries by label.",
        ),
    ] = None,
    name: Annotated[str | None, typer.Option(help="A name for people.")] = None,
    image_size: Annotated[
        int | None,
        typer.Option(
            help="Side to store: 64, 128, 256 or 512 pixels; by default what the images allow."
        ),
    ] = None,
    fit: Annotated[str | None, typer.Option(help="pad, crop or stretch to a square.")] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the set for any warning.")
    ] = False,
    allow_burned_in_annotation: Annotated[
        bool,
        typer.Option(
            "--allow-burned-in-annotation",
            help="Keep DICOM files that say that text is burned into their pixels.",
        ),
    ] = False,
    burned_in_text: Annotated[
        str | None,
        typer.Option(
            help="keep, mask or drop: what becomes of legible text in an image; by default it is "
            "kept, with a warning."
        ),
    ] = None,
    public_licence: Annotated[
        str | None,
        typer.Option(help="With --public-source: the images are public, under this licence."),
    ] = None,
    public_source: Annotated[
        str | None, typer.Option(help="With --public-licence: where they are published.")
    ] = None,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Add a dataset and print its id; with --wait, say what was made of it."""
    if sum(given is not None for given in (source, server_path, phantom, dicomweb)) != 1:
        raise typer.BadParameter("give one of SOURCE, --server-path, --phantom and --dicomweb")
    options: dict[str, Any] = {
        "image_size": image_size,
        "fit": fit,
        "strict": strict or None,
        "allow_burned_in_annotation": allow_burned_in_annotation or None,
        "burned_in_text": burned_in_text,
        "public": _public(public_licence, public_source),
    }
    with Client(url) as client:
        if source is not None:
            for note in FolderContents.of(source).notes() if source.is_dir() else ():
                say(note)
            job = client.datasets.upload(source, name=name, **options)
        elif server_path is not None:
            job = client.datasets.add_from_server(server_path, name=name, **options)
        elif dicomweb is not None:
            asked = cast("DicomwebSource", json_object(dicomweb))  # the service checks it
            job = client.datasets.add_from_dicomweb(asked, name=name, **options)
        else:
            drawn = class_counts(phantom or "")
            job = client.datasets.add_phantoms(
                drawn, size=image_size, name=name or "phantom", **options
            )
        if wait:
            job = finish(client, job, quiet=as_json, timeout_seconds=timeout)
            if not as_json:
                for line in findings(client.datasets.get(job.dataset_id)):
                    say(line)
    if as_json:
        print_view(job)
    else:
        say(f"job {job.id} {job.state}")
        print(job.dataset_id)


def _public(licence: str | None, source: str | None) -> dict[str, str] | None:
    """Write what makes images public as `POST /datasets` takes it."""
    if licence is None and source is None:
        return None
    if licence is None or source is None:
        raise typer.BadParameter("--public-licence and --public-source go together")
    return {"licence": licence, "source": source}


@app.command()
def check(
    source: Annotated[Path, typer.Argument(exists=True, help="A folder or ZIP here.")],
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse the set for any warning.")
    ] = False,
) -> None:
    """Say what an ingest would make of a source, without a service; nothing is kept."""
    require_server("`synthcxr datasets check`", "numpy", "radiographs")
    command = command_of("radiographs", "check", str(source))
    ended = subprocess.run(
        [*command, *(["--strict"] if strict else [])], stdout=subprocess.PIPE, check=False
    )
    if not ended.stdout:
        raise typer.Exit(ended.returncode)
    found = json.loads(ended.stdout)
    if refused := found.get("refused"):
        raise IngestRefusedHere(**refused)
    for line in findings(Dataset(id="", state="checked", **found["dataset"])):
        print(line)


add_list(
    app,
    lambda client: client.datasets.list(),
    ("id", "name", "state", "image_size", "classes"),
    "List the datasets, newest first.",
)


@app.command()
def plan(dataset_id: str, as_json: Json = False, url: Url = None) -> None:
    """Say what sets can be released that are made of a dataset, by its numbers of patients.

    `synthcxr generate MODEL --plan` holds the counts of one set against it.
    """
    with Client(url) as client:
        dataset = client.datasets.get(dataset_id)
    found = dataset.summary.get("release_plan")
    if as_json:
        print(json.dumps(found, indent=2))
        return
    if found is None:
        say(f"{dataset.id} is {dataset.state}: a plan is made by its ingest.")
        raise typer.Exit(ExitCode.INVALID)
    for line in found.get("text", ()):
        print(line)


@app.command()
def show(dataset_id: str, url: Url = None) -> None:
    """Print a dataset: its classes, why files were dropped and, with private:read, its split."""
    with Client(url) as client:
        dataset = client.datasets.get(dataset_id)
    print_view(dataset)
    if dataset.state == "ready" and dataset.fingerprint is None:
        say(
            "Not shown without the scope private:read: images per split, the fingerprint, names of "
            "dropped files, known images and near-duplicates."
        )


@app.command()
def text(dataset_id: str, as_json: Json = False, url: Url = None) -> None:
    """List the images that legible text is burnt into; their names need private:read."""
    with Client(url) as client:
        print_views(
            client.datasets.images_with_text(dataset_id), ("file", "num_places"), as_json=as_json
        )


@app.command()
def delete(
    dataset_id: str,
    cascade: Cascade = False,
    receipt: Receipt = None,
    force: Force = False,
    url: Url = None,
) -> None:
    """Delete a dataset and its pixels, say what stays, and print the deletion's id."""
    refuse_to_replace(receipt, force=force)
    with Client(url) as client:
        report(client.datasets.delete(dataset_id, cascade=cascade), receipt)
