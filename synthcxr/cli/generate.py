"""`synthcxr generate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from synthcxr.cli.files import Force, refuse_to_replace
from synthcxr.cli.options import Json, Seed, Timeout, Url, interpolation, mixture
from synthcxr.cli.options import class_counts as read_class_counts
from synthcxr.cli.output import print_view, say
from synthcxr.cli.progress import finish
from synthcxr.cli.saved_sets import save
from synthcxr.client import Client
from synthcxr.client.options import SetFormat
from synthcxr.resources import Plan


def generate(
    model_id: str,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Wait, download and verify the ZIP; a folder is for it."
        ),
    ] = None,
    class_counts: Annotated[
        str | None, typer.Option(metavar="LABEL=N,...", help="Such as COVID=100,Normal=100.")
    ] = None,
    balance: Annotated[
        bool, typer.Option("--balance", help="Choose counts that balance the training classes.")
    ] = False,
    mixtures: Annotated[
        list[str] | None,
        typer.Option(
            "--mixture",
            metavar="LABEL=WEIGHT,...:N",
            help="N images between classes, such as COVID=0.6,Normal=0.4:10. Repeatable.",
        ),
    ] = None,
    interpolate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LABEL:FROM:TO:STEPS",
            help="The way between two images' seeds, such as COVID:1:2:8; for LABEL also "
            "LABEL=WEIGHT,... Repeatable.",
        ),
    ] = None,
    seed: Seed = None,
    sampler: Annotated[str | None, typer.Option(help="By default the family's own.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Sampler steps.")] = None,
    guidance: Annotated[
        float | None, typer.Option(min=1, help="1 follows the class; more exaggerates it.")
    ] = None,
    upscale: Annotated[
        int | None,
        typer.Option(help="Enlarge the images by the model's second stage, such as to 512 pixels."),
    ] = None,
    packaged: Annotated[
        SetFormat | None, typer.Option("--format", help="Also as npz, webdataset or dicom.")
    ] = None,
    full: Annotated[
        bool, typer.Option("--full-report", help="Measure what the images are good for: minutes.")
    ] = False,
    plan: Annotated[
        bool,
        typer.Option(
            "--plan",
            help="Make nothing: say whether these counts can pass, or print some that can.",
        ),
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a set that is known not to pass.")
    ] = False,
    timeout: Timeout = None,
    force: Force = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Generate a set; print where it is, or without -o the job's id."""
    if class_counts and balance:
        raise typer.BadParameter("give --class-counts or --balance, not both")
    if not (class_counts or balance or mixtures or interpolate):
        raise typer.BadParameter("give --class-counts, --balance, --mixture or --interpolate")
    refuse_to_replace(output, force=force)
    options = {"name": sampler, "num_steps": steps, "guidance": guidance}
    given = {name: value for name, value in options.items() if value is not None}
    request: dict[str, Any] = {
        "class_counts": read_class_counts(class_counts) if class_counts else None,
        "balance": balance or None,
        "mixtures": [mixture(text) for text in mixtures] if mixtures else None,
        "interpolate": [interpolation(text) for text in interpolate] if interpolate else None,
        "seed": seed,
        "sampler": given or None,
        "upscale": upscale,
        "format": packaged,
        "report": "full" if full else None,
        "strict": strict or None,
    }
    with Client(url) as client:
        if plan:
            show_plan(client.plan(model_id, **request), as_json=as_json)
            return
        job = client.generate(model_id, **request)
        for warning in job.warnings:
            say(f"warning: {warning}")
        if output is not None:
            say(f"job {job.id}")
            job = finish(client, job, quiet=as_json, timeout_seconds=timeout)
            output = save(client, job.synthetic_set_id, output, force=force)
    if as_json:
        print_view(job)
    else:
        print(output or job.id)


def show_plan(plan: Plan, *, as_json: bool) -> None:
    """Say whether the counts that were asked for can pass, and print counts that can."""
    if as_json:
        print_view(plan)
        return
    for reason in plan.reasons:
        say(reason)
    for remedy in plan.remedies:
        say(f"may help: {remedy}")
    if plan.can_pass:
        say(
            f"These counts can pass; {plan.num_examined} images are examined. What they show is "
            "not known before."
        )
    elif plan.class_counts:
        print(",".join(f"{label}={count}" for label, count in plan.class_counts.items()))
