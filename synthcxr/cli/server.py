"""`synthcxr up`, and the service's single processes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from synthcxr.embedded import supervisor
from synthcxr.embedded.logs import DEFAULT_LIMITS, LogLimits
from synthcxr.server_packages import command_of, require_server

Host = Annotated[str, typer.Option(envvar="SYNTHCXR_HOST", help="Address to listen on.")]
Port = Annotated[
    int, typer.Option(envvar="SYNTHCXR_PORT", min=1, max=65535, help="Port to listen on.")
]


def up(
    data_dir: Annotated[
        Path, typer.Option(envvar="SYNTHCXR_DATA_DIR", help="Where everything it keeps lies.")
    ] = Path("synthcxr-data"),
    host: Host = "127.0.0.1",
    port: Port = 8765,
    workers: Annotated[
        int, typer.Option(min=1, help="Jobs that run at once, beside one generation.")
    ] = 1,
    dataset_root: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            help="Clients may name a folder or ZIP below this folder to be ingested; repeatable.",
        ),
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            help="What the token of this service allows besides its work: private:read, to see "
            "images and findings that are not released; weights:read, for the weights of models "
            "that were cleared. Repeatable."
        ),
    ] = None,
    no_auth: Annotated[
        bool, typer.Option("--no-auth", help="Let everybody in; only on a loopback address.")
    ] = False,
    log_max_bytes: Annotated[
        int,
        typer.Option(
            envvar="SYNTHCXR_LOG_MAX_BYTES", min=1024, help="Largest size of one log file."
        ),
    ] = DEFAULT_LIMITS.max_bytes,
    log_num_older: Annotated[
        int,
        typer.Option(
            envvar="SYNTHCXR_LOG_NUM_OLDER", min=0, help="Older files kept beside each log."
        ),
    ] = DEFAULT_LIMITS.num_older,
) -> None:
    """Run the whole service here: broker, API, workers, scheduler. Ctrl-C stops it."""
    roots = tuple(root.resolve() for root in dataset_root or ())
    scopes = tuple(scope or ())
    auth = not no_auth and os.environ.get("SYNTHCXR_AUTH") != "none"
    limits = LogLimits(log_max_bytes, log_num_older)
    options = supervisor.Options(
        data_dir.resolve(), host, port, workers, roots, scopes, auth=auth, log_limits=limits
    )
    supervisor.up(options, lambda line: print(line, flush=True))


def api(host: Host = "127.0.0.1", port: Port = 8765) -> None:
    """Run only the API."""
    become("service", "api", "--host", host, "--port", str(port))


def migrate() -> None:
    """Bring the database to the present schema."""
    become("service", "migrate")


def worker(
    queues: Annotated[
        str | None, typer.Option(help="Such as gpu.train,gpu.generate; by default all.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Unique among the workers.")] = None,
) -> None:
    """Run one worker."""
    options = (("--queues", queues), ("--name", name))
    become("workers", "worker", *(part for pair in options if pair[1] for part in pair if part))


def scheduler() -> None:
    """Run the scheduler; several may run, one at a time works."""
    become("workers", "scheduler")


def become(module: str, *arguments: str) -> NoReturn:
    """Go on as another program: a module of the server's packages.

    Raises:
        ServerMissing: They are not installed.
    """
    require_server(f"`synthcxr {arguments[0]}`", "celery", module)
    command = command_of(module, *arguments)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted
