"""`synthcxr mcp`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from synthcxr.cli.options import Url
from synthcxr.client import AsyncClient
from synthcxr.errors import MissingPackage


def mcp(
    folder: Annotated[Path, typer.Option(help="Sets are saved here, and nowhere else.")] = Path(
        "synthetic-sets"
    ),
    url: Url = None,
) -> None:
    """Let an assistant order, watch and verify sets: an MCP server on standard input and output."""
    try:
        from synthcxr.mcp_server import serve
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        raise MissingPackage("Serving an assistant", "mcp") from error

    async def run() -> None:
        async with AsyncClient(url) as client:
            await serve(client, folder.absolute()).run_stdio_async()

    asyncio.run(run())
