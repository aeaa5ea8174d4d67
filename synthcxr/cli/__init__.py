"""The `synthcxr` command."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup
from typing_extensions import override

from synthcxr.cli.exit_codes import EPILOG, ExitCode, exit_code
from synthcxr.errors import SynthCXRError
from synthcxr.profiles import NAMED
from synthcxr.version import __version__

COMMANDS = {
    "login": "profiles:login",
    "logout": "profiles:logout",
    "profiles": "profiles:app",
    "up": "server:up",
    "demo": "demo:demo",
    "datasets": "datasets:app",
    "train": "train:train",
    "jobs": "jobs:app",
    "models": "models:app",
    "generate": "generate:generate",
    "sets": "sets:app",
    "fetch": "fetch:fetch",
    "verify": "verify:verify",
    "mcp": "mcp:mcp",
    "signing-keys": "signing_keys:app",
    "keys": "keys:app",
    "webhooks": "webhooks:app",
    "deletions": "deletions:app",
    "audit": "audit:app",
    "version": "version:version",
    "api": "server:api",
    "migrate": "server:migrate",
    "worker": "server:worker",
    "scheduler": "server:scheduler",
    "config": "operations:config",
    "doctor": "operations:doctor",
    "backup": "operations:backup",
    "restore": "operations:restore",
}  # name -> module:what, imported when it is asked for


class Commands(TyperGroup):
    """The commands, each imported when it is asked for: a start takes as long as one needs."""

    @override
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    @override
    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"synthcxr.cli.{module}"), name)
        parent = typer.Typer(add_completion=False, rich_markup_mode=None)
        if isinstance(found, typer.Typer):
            parent.add_typer(found, name=cmd_name)
        else:
            parent.command(cmd_name)(found)
        return typer.main.get_group(parent).commands[cmd_name]


app = typer.Typer(
    cls=Commands,
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
