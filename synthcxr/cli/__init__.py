"""The `synthcxr` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import typer

from synthcxr.cli import (
    audit,
    datasets,
    deletions,
    demo,
    generate,
    jobs,
    keys,
    mcp,
    models,
    operations,
    server,
    sets,
    signing_keys,
    train,
    verify,
    version,
)
from synthcxr.errors import BadProxy, ProblemError, ServiceUnreachable, SynthCXRError

EXIT_FAILED = 1  # a job failed, a download does not verify, the service cannot start here
EXIT_UNREACHABLE = 3  # 2 is the usage error of typer
EXIT_REFUSED = 4

app = typer.Typer(
    help="Turn private labelled chest X-rays into synthetic labelled sets.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no service answers, 4 refused by it.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("up")(server.up)
app.command("demo")(demo.demo)
app.add_typer(datasets.app, name="datasets")
app.command("train")(train.train)
app.add_typer(jobs.app, name="jobs")
app.add_typer(models.app, name="models")
app.command("generate")(generate.generate)
app.add_typer(sets.app, name="sets")
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
app.command("doctor")(operations.doctor)
app.command("backup")(operations.backup)
app.command("restore")(operations.restore)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit with the code that says how it went."""
    try:
        app(args=arguments)
    except SynthCXRError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(exit_code(error))
    except OSError as error:
        print(f"Error: {error.filename or 'input or output'}: {error.strerror}", file=sys.stderr)
        sys.exit(EXIT_FAILED)
    sys.exit(0)


def exit_code(error: SynthCXRError) -> int:
    """Return the process exit code that an error ends in."""
    if isinstance(error, ServiceUnreachable | BadProxy):
        return EXIT_UNREACHABLE
    if isinstance(error, ProblemError):
        return EXIT_REFUSED
    return EXIT_FAILED
