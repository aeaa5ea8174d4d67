"""`synthcxr verify`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.output import say
from synthcxr.verification import verify_set


def verify(
    path: Annotated[Path, typer.Argument(metavar="SET.ZIP", help="A downloaded set.")],
    public_key: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="A public key (PEM) that you trust, such as `synthcxr signing-keys show` prints; "
            "the set must be signed by it. Repeatable.",
        ),
    ] = None,
) -> None:
    """Check every file of a set against its manifest, sums and signature; needs no service."""
    keys = [file.read_bytes() for file in public_key or ()]
    verified = verify_set(path, keys)
    groups = {**verified.files_by_label, **verified.unlabelled_files}
    counts = ", ".join(f"{name}: {len(files)}" for name, files in groups.items())
    print(f"{verified.num_images} images, each as the manifest says ({counts})")
    print(verified.trust)
    if not verified.signature.confirmed:
        say("Compare it with a key you have from the service itself, or give that: --public-key.")
