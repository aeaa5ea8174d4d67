"""`synthcxr login`, `synthcxr logout` and `synthcxr profiles`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import httpx
import typer

from synthcxr.addresses import is_loopback, is_same_service
from synthcxr.cli.files import Force
from synthcxr.cli.output import Form, Output, print_views, say
from synthcxr.client import Client
from synthcxr.errors import BadToken, NotPermitted
from synthcxr.profiles import Profile, Profiles, file_of
from synthcxr.resources import View
from synthcxr.tokens import printable

app = typer.Typer(help="Services that you signed in to.", no_args_is_help=True)


class ShownProfile(View):
    """A profile as it is listed: without its token."""

    name: str
    url: str
    in_use: bool


def login(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the service answers.")],
    name: Annotated[
        str | None, typer.Option(help="A name for it; by default the host's.", show_default=False)
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            help="Where the API key or token is; by default it is asked for, or read from stdin.",
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Keep a service with your key under a name, and ask it from now on."""
    url = url.rstrip("/")
    token = _token(token_file)
    with Client(url, token=token) as client:
        try:
            next(client.jobs.list(), None)  # a key that is none ends here
        except NotPermitted:
            say("The key is known to the service; it may not list jobs.")
    host = httpx.URL(url).host
    name = name or host
    profiles = Profiles.read()
    known = profiles.by_name.get(name)
    if known and not is_same_service(known.url, url) and not force:
        raise typer.BadParameter(f"{name} is {known.url}: give another --name, or --force")
    profiles.with_(name, Profile(url, token)).write()
    if url.startswith("http://") and not is_loopback(url):
        say(f"{url} is plain HTTP: whoever is on the way reads your key.")
    say(f"{name} ({url}) is asked from now on; its key lies in {file_of()}.")
    print(name)


def logout(
    name: Annotated[
        str | None, typer.Argument(help="The profile; by default the one in use.")
    ] = None,
) -> None:
    """Forget a service and its key. The key goes on: `synthcxr keys revoke` ends it."""
    profiles = Profiles.read()
    name = name or profiles.in_use
    if name is None:
        raise typer.BadParameter("no profile is in use: name one")
    profiles.without(name).write()
    print(name)


@app.command("list")
def list_(output: Output = Form.TABLE) -> None:
    """List the profiles; their keys are not shown."""
    profiles = Profiles.read()
    shown = [
        ShownProfile(name=name, url=profile.url, in_use=name == profiles.in_use)
        for name, profile in sorted(profiles.by_name.items())
    ]
    print_views(shown, ("name", "url", "in_use"), output)


@app.command()
def use(name: str) -> None:
    """Ask this service from now on, where no other is named."""
    profiles = Profiles.read().using(name)
    profiles.write()
    print(profiles.named(name).url)


def _token(file: Path | None) -> str:
    """Read a token from a file, from a person, or from stdin.

    Raises:
        typer.BadParameter: There is none.
    """
    if file is not None:
        text = file.read_text(encoding="utf-8")
    elif sys.stdin.isatty():
        text = typer.prompt("API key or token", hide_input=True, err=True)
    else:
        text = sys.stdin.read()
    try:
        return printable(text.strip())
    except BadToken as error:
        place = file or "what was typed or piped"
        raise typer.BadParameter(f"{place} must hold one API key or token alone") from error
