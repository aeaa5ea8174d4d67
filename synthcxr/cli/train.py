"""`synthcxr train`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from synthcxr.cli.options import Json, Seed, Timeout, Url, Wait, settings
from synthcxr.cli.output import print_view, say
from synthcxr.cli.progress import finish
from synthcxr.client import Client
from synthcxr.client.options import Budget, DifferentialPrivacy, Privacy


def train(
    dataset_id: str,
    family: Annotated[str, typer.Option(help="vae, gan, ldm or ppca.")] = "ldm",
    image_size: Annotated[int | None, typer.Option(help="64, 128 or 256 pixels.")] = None,
    preset: Annotated[str | None, typer.Option(help="standard, or tiny for trials.")] = None,
    seconds: Annotated[int | None, typer.Option(min=5, help="Train this long.")] = None,
    images: Annotated[int | None, typer.Option(min=1, help="Train on so many images.")] = None,
    until_memorisation: Annotated[
        bool,
        typer.Option(
            "--until-memorisation",
            help="End before the images are memorised; always so for small private datasets.",
        ),
    ] = False,
    config: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Change a hyper-parameter; openapi.yaml lists those of each family. Repeatable.",
        ),
    ] = None,
    num_devices: Annotated[
        int | None, typer.Option(min=1, help="GPUs that share each batch.")
    ] = None,
    epsilon: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=10,
            help="Train with differential privacy for patients; less is more private. vae or ldm.",
        ),
    ] = None,
    delta: Annotated[
        float | None,
        typer.Option(help="With --epsilon; by default 1 / (10 patients)."),
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Start from a model (mdl_...) or a base that learned from phantoms: base, or "
            "base:ldm-64."
        ),
    ] = None,
    seed: Seed = None,
    wait: Wait = False,
    timeout: Timeout = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Train a model; print the job's id, or with --wait the model's."""
    if (seconds is None) == (images is None):
        raise typer.BadParameter("give one of --seconds and --images")
    if delta is not None and epsilon is None:
        raise typer.BadParameter("--delta goes with --epsilon")
    with Client(url) as client:
        job = client.train(
            dataset_id,
            family=family,
            image_size=image_size,
            preset=preset,
            budget=_budget(seconds, images, until_memorisation=until_memorisation),
            config=settings(config) if config else None,
            num_devices=num_devices,
            privacy=_privacy(epsilon, delta),
            init_from=init_from,
            seed=seed,
        )
        if wait:
            say(f"job {job.id}")
            job = finish(client, job, quiet=as_json, timeout_seconds=timeout)
            card = client.models.get(job.model_id).card
            for found in card.get("diagnosis", []):
                say(f"{found['code']}: {found['what']} {found['fix']}")
            ending = card.get("ending") or {}
            if ending.get("reason", "budget") != "budget":
                say(ending["text"])
            if start := card.get("warm_start"):
                say(_start(start))
            if account := card.get("differential_privacy"):
                say(_promise(account))
    if as_json:
        print_view(job)
    else:
        print(job.result.model_id if job.result else job.id)


def _budget(seconds: int | None, images: int | None, *, until_memorisation: bool) -> Budget:
    """Write how long to train as `POST /train` takes it."""
    budget = Budget(images=images) if images is not None else Budget(seconds=seconds or 0)
    if until_memorisation:
        budget["until"] = "memorisation"
    return budget


def _privacy(epsilon: float | None, delta: float | None) -> Privacy | None:
    """Write the terms of differential privacy as `POST /train` takes them."""
    if epsilon is None:
        return None
    terms = DifferentialPrivacy(epsilon=epsilon)
    if delta is not None:
        terms["delta"] = delta
    return Privacy(differential_privacy=terms)


def _promise(account: dict[str, Any]) -> str:
    """Say what a model's card promises, and what all private runs on its images come to."""
    runs = account["runs"]
    return (
        f"{account['label']}; run {runs['count']} on these images, "
        f"epsilon {runs['epsilon']:.2f} for all together"
    )


def _start(start: dict[str, Any]) -> str:
    """Say how much of its weights a model took over."""
    fresh = len(start["fresh"])
    return (
        f"started from {start['init_from']}: {start['share']:.0%} of the weights taken over, "
        f"{fresh} layers new"
    )
