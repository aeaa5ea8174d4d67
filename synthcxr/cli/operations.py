"""`synthcxr config`, `synthcxr doctor`, `synthcxr backup` and `synthcxr restore`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.options import Json
from synthcxr.cli.server import become

DataDir = Annotated[
    Path, typer.Option(envvar="SYNTHCXR_DATA_DIR", help="Where the service keeps everything.")
]
DEFAULT_DATA_DIR = Path("synthcxr-data")


def doctor(data_dir: DataDir = DEFAULT_DATA_DIR, as_json: Json = False) -> None:
    """Check what the service needs here, and say how to mend what is wrong; it need not run."""
    os.environ["SYNTHCXR_DATA_DIR"] = str(data_dir)
    become("service", "doctor", *(["--json"] if as_json else []))


def config(as_json: Json = False) -> None:
    """Print the settings in force here and where each comes from; secrets are masked."""
    become("service", "config", *(["--json"] if as_json else []))


def backup(
    destination: Annotated[Path, typer.Argument(help="A folder that does not exist yet.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Copy keys, database and artifacts; the service may run. It holds private images and keys."""
    os.environ["SYNTHCXR_DATA_DIR"] = str(data_dir)
    become("service", "backup", str(destination))


def restore(
    source: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A backup.")],
    data_dir: DataDir = DEFAULT_DATA_DIR,
) -> None:
    """Bring a backup back into an empty data directory; jobs that ran are queued again."""
    os.environ["SYNTHCXR_DATA_DIR"] = str(data_dir)
    become("service", "restore", str(source))
