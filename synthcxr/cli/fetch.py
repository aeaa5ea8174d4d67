"""`synthcxr fetch`, for programs that build upon a set: CI, and pipelines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from synthcxr.cli.files import Force
from synthcxr.cli.interruption import DOWNLOAD_KEPT, interruptible
from synthcxr.cli.options import Json, Timeout, Url
from synthcxr.cli.output import say
from synthcxr.fetching.cache import Cache, default_cache
from synthcxr.fetching.fetch import Fetcher
from synthcxr.fetching.spec import read_spec
from synthcxr.profiles import address
from synthcxr.resources import Job

if TYPE_CHECKING:
    from synthcxr.client import Client


def fetch(
    spec: Annotated[
        Path,
        typer.Argument(
            metavar="SPEC.YAML", exists=True, dir_okay=False, help="What to fetch: docs/ci.md."
        ),
    ],
    cache: Annotated[
        Path | None,
        typer.Option(
            help="Where sets are kept; by default SYNTHCXR_CACHE_DIR, or synthcxr in the user's "
            "cache.",
            show_default=False,
        ),
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read the file again, also where it looks unchanged.")
    ] = False,
    timeout: Timeout = None,
    force: Force = False,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Put the set that a file asks for at its place, and print where that is.

    It is made, examined, downloaded and checked once; after that no service is asked. Exit code 6:
    it was refused, inconclusive, or is not what the policy asks for.
    """
    asked = read_spec(spec)
    kept = Cache(cache or default_cache())
    fetcher = Fetcher(asked, address(url), kept, verify=verify, force=force)

    def wait(client: Client, job: Job) -> Job:
        from synthcxr.cli.progress import finish  # with the client, which is slow to import

        return finish(client, job, quiet=as_json, timeout_seconds=timeout)

    with interruptible(DOWNLOAD_KEPT):
        found = fetcher.fetch(wait)
    say(f"{found.set_id} {found.verdict}: {'fetched' if found.changed else 'unchanged'}")
    if as_json:
        shown = {
            "output": str(found.output),
            "set_id": found.set_id,
            "sha256": found.sha256,
            "verdict": found.verdict.outcome,
            "changed": found.changed,
        }
        print(json.dumps(shown, indent=2))
    else:
        print(found.output)
