"""Files that commands write: none is replaced unless --force says so."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]


def refuse_to_fill(folder: Path | None, *, force: bool) -> None:
    """Refuse a folder that holds something, before anything is asked for.

    Args:
        folder: Where files are to be written; it is made where nothing is there.
        force: Whether it may hold something, which files of the same names then replace.

    Raises:
        typer.BadParameter: It holds something, or is no folder.
    """
    if folder is None or not folder.exists():
        return
    if not folder.is_dir():
        raise typer.BadParameter(f"{folder} is no folder: name another one")
    if not force and any(folder.iterdir()):
        raise typer.BadParameter(
            f"{folder} holds files: name another folder, or write into it with --force"
        )


def refuse_to_replace(path: Path | None, *, force: bool) -> None:
    """Refuse to write over a file that is there, before anything is asked for.

    Args:
        path: The file to write; a folder, which gets a file of a name not known yet, or None is
            no obstacle.
        force: Whether a file may be replaced.

    Raises:
        typer.BadParameter: A file is there.
    """
    if path is not None and not force and path.exists() and not path.is_dir():
        raise typer.BadParameter(f"{path} exists: name another file, or replace it with --force")
