"""`synthcxr demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.progress import finish
from synthcxr.demo import TRAINING_SECONDS, DemoOptions, run_demo


def demo(
    data: Annotated[
        Path | None, typer.Option(exists=True, help="Folder or ZIP of images; phantoms if absent.")
    ] = None,
    family: Annotated[str, typer.Option(help="vae, gan, ldm or ppca.")] = "gan",
    seconds: Annotated[int, typer.Option(min=5, help="Train this long.")] = TRAINING_SECONDS,
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("demo"),
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service running.")] = False,
) -> None:
    """Show the whole way: start a service, ingest, train, generate, examine, verify."""
    options = DemoOptions(out, data, family, seconds, keep)
    run_demo(options, lambda line: print(line, flush=True), finish)
