"""The command `list`, which is the same for every kind of resource."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import typer

from synthcxr.cli.options import Json, Url
from synthcxr.cli.output import DEFAULT_LIMIT, Form, Limit, Output, print_views
from synthcxr.client import Client
from synthcxr.resources import View


def add_list(
    app: typer.Typer,
    read: Callable[[Client], Iterable[View]],
    columns: Sequence[str],
    description: str,
) -> None:
    """Add the command to a group.

    Args:
        app: The group.
        read: Reads the resources, page by page.
        columns: Names of the fields that the table and CSV show.
        description: What the command does.
    """

    @app.command("list", help=description)
    def list_(
        output: Output = Form.TABLE,
        limit: Limit = DEFAULT_LIMIT,
        as_json: Json = False,
        url: Url = None,
    ) -> None:
        with Client(url) as client:
            print_views(read(client), columns, output, as_json=as_json, limit=limit)
