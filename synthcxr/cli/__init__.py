"""The `synthcxr` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from synthcxr.cli import (
    audit,
    datasets,
    deletions,
    demo,
    fetch,
    generate,
    jobs,
    keys,
    mcp,
    models,
    operations,
    profiles,
    server,
    sets,
    signing_keys,
    train,
    verify,
    version,
)
from synthcxr.cli.exit_codes import EPILOG, ExitCode, exit_code
from synthcxr.errors import SynthCXRError
from synthcxr.profiles import NAMED
from synthcxr.version import __version__

app = typer.Typer(
    help="Turn private labelled chest X-rays into synthetic labelled sets.",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:  # noqa: FBT001, RUF100 - as typer calls it
    if asked:
        print(f"synthcxr {__version__}")
        raise typer.Exit


@app.callback()
def common(
    profile: Annotated[
        str | None,
        typer.Option(help="Ask this service: see `synthcxr profiles list`.", show_default=False),
    ] = None,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print this program's version; `synthcxr version` also asks the service's.",
        ),
    ] = False,
) -> None:
    """Turn private labelled chest X-rays into synthetic labelled sets."""
    if profile is not None:
        os.environ[NAMED] = profile


app.command("login")(profiles.login)
app.command("logout")(profiles.logout)
app.add_typer(profiles.app, name="profiles")
app.command("up")(server.up)
app.command("demo")(demo.demo)
app.add_typer(datasets.app, name="datasets")
app.command("train")(train.train)
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.command("generate")(generate.generate)
app.add_typer(sets.app, name="sets")
app.command("fetch")(fetch.fetch)
app.command("verify")(verify.verify)
app.command("mcp")(mcp.mcp)
app.add_typer(signing_keys.app, name="signing-keys")
app.add_typer(keys.app, name="keys")
app.add_typer(deletions.app, name="deletions")
app.add_typer(audit.app, name="audit")
app.command("version")(version.version)
app.command("api")(server.api)
app.command("migrate")(server.migrate)
app.command("worker")(server.worker)
app.command("scheduler")(server.scheduler)
app.command("config")(operations.config)
app.command("doctor")(operations.doctor)
app.command("backup")(operations.backup)
app.command("restore")(operations.restore)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that says how it went."""
    try:
        app(args=arguments, prog_name="synthcxr")
    except SynthCXRError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except OSError as error:
        print(f"Error: {error.filename or 'input or output'}: {error.strerror}", file=sys.stderr)
        sys.exit(ExitCode.FAILED)
    sys.exit(ExitCode.OK)
