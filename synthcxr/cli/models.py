"""`synthcxr models`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.deletions import Cascade, Receipt, report
from synthcxr.cli.files import Force, refuse_to_fill, refuse_to_replace
from synthcxr.cli.list_command import add_list
from synthcxr.cli.options import Json, Timeout, Url, preview_column
from synthcxr.cli.output import print_view, print_views, say
from synthcxr.cli.progress import finish
from synthcxr.client import Client
from synthcxr.client.options import Fit
from synthcxr.resources import ScoredImage

app = typer.Typer(help="Trained models.", no_args_is_help=True)


add_list(
    app,
    lambda client: client.models.list(),
    ("id", "family", "image_size", "classes", "images_seen", "dataset_id"),
    "List the models, newest first.",
)


@app.command()
def show(model_id: str, url: Url = None) -> None:
    """Print a model and its card."""
    with Client(url) as client:
        print_view(client.models.get(model_id))


@app.command()
def audit(model_id: str, url: Url = None) -> None:
    """Print the privacy audit of a model, and the verdicts of its sets."""
    with Client(url) as client:
        print_view(client.models.audit(model_id))


@app.command()
def score(
    model_id: str,
    source: Annotated[Path, typer.Argument(exists=True, help="An image, a folder or a ZIP here.")],
    label: Annotated[
        str | None,
        typer.Option(help="Their class, where no folder is named as one."),
    ] = None,
    fit: Annotated[
        Fit | None,
        typer.Option(help="pad, crop or stretch: as in the ingest of the model's dataset."),
    ] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Say how likely the model finds images, the least likely first; needs private:read.

    A low percentile is of an image unlike those that were learned; a margin below 0 is of one that
    another class explains better.
    """
    with Client(url) as client:
        job = finish(client, client.models.score(model_id, source, label=label, fit=fit))
        scores = client.models.scores(model_id, job.id)
    if as_json:
        print_view(scores)
        return
    problems = {each.file: each.problem for each in scores.images if each.problem}
    for file, problem in problems.items():
        say(f"{file}: {problem['code']}")
    say(f"{scores.kind} of {len(scores.images) - len(problems)} images")
    columns = ("file", "label", "most_likely", "score", "percentile", "margin")
    least_likely_first: list[ScoredImage] = sorted(scores.images, key=_likelihood)
    print_views(least_likely_first, columns, as_json=False)


def _likelihood(image: ScoredImage) -> tuple[float, float]:
    """Order images: those without scores first, then the least likely."""
    unknown = float("-inf")
    return (
        unknown if image.percentile is None else image.percentile,
        unknown if image.score is None else image.score,
    )


@app.command()
def preview(
    model_id: str,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Wait, and save a picture of each class here."),
    ] = None,
    column: Annotated[
        list[str] | None,
        typer.Option(
            "--column",
            metavar="KEY=VALUE,...",
            help="Seed and options of the sampler of one column, such as "
            "seed=7,guidance=3,num_steps=16. Repeatable, up to 4; by default one of the family's "
            "own options.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of columns that name none; by default 0.")
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--class", help="A class to show; repeatable, by default all."),
    ] = None,
    images_per_class: Annotated[
        int | None, typer.Option(min=1, help="Rows of each picture, at most 8.")
    ] = None,
    drawn_by: Annotated[
        str | None,
        typer.Option("--job", help="Draw nothing: save what this job has drawn or is drawing."),
    ] = None,
    timeout: Timeout = None,
    force: Force = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Draw a few images of each class side by side; print where they are, or the job's id.

    Needs private:read: nobody examined them, so treat them as the real images.
    """
    if drawn_by and (output is None or column or label or images_per_class or seed is not None):
        raise typer.BadParameter("--job goes with -o and with nothing that says what to draw")
    columns = [preview_column(text, seed) for text in column or [""]]
    refuse_to_fill(output, force=force)
    with Client(url) as client:
        if drawn_by:
            job = client.jobs.get(drawn_by)
            if job.kind != "preview" or job.request.get("model_id") != model_id:
                raise typer.BadParameter(f"{drawn_by} is no preview of {model_id}: name another")
        else:
            job = client.models.preview(
                model_id, columns, classes=label, images_per_class=images_per_class
            )
        files: tuple[Path, ...] = ()
        if output is not None:
            say(f"job {job.id}")
            job = finish(client, job, quiet=as_json, timeout_seconds=timeout)
            files = client.models.save_previews(model_id, job.id, output)
            say("nobody examined them: keep them where the real images are kept")
    if as_json:
        print_view(job)
        return
    for line in files or (job.id,):
        print(line)


@app.command()
def weights(
    model_id: str,
    output: Annotated[Path, typer.Option("--output", "-o", help="The safetensors file to write.")],
    force: Force = False,
    url: Url = None,
) -> None:
    """Save a model's weights and, in a JSON file beside them, why they were released and the terms.

    Needs the scope weights:read, and an audit or differential privacy that clears them.
    """
    for file in (output, output.with_name(f"{output.name}.json")):
        refuse_to_replace(file, force=force)
    with Client(url) as client:
        clearance = client.models.save_weights(model_id, output).clearance
    say(f"cleared by {clearance.ground}: {clearance.text}")
    say(clearance.notice)
    print(output)


@app.command()
def delete(
    model_id: str,
    cascade: Cascade = False,
    receipt: Receipt = None,
    force: Force = False,
    url: Url = None,
) -> None:
    """Delete a model and its weights, say what stays, and print the deletion's id."""
    refuse_to_replace(receipt, force=force)
    with Client(url) as client:
        report(client.models.delete(model_id, cascade=cascade), receipt)
