"""The console: pages, scripts and styles, read once and served from memory; `/` leads there.

They hold nothing of the records: what the pages show, their scripts ask the API for with the key of
whoever reads them. So the files are for everybody. They load nothing from elsewhere.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Request, Response
from fastapi import Path as PathParameter
from starlette.exceptions import HTTPException

from service.api.authorization import GuardedRoute
from service.api.http.conditional import IfNoneMatch, matches, not_modified

router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

STATIC = Path(__file__).parents[2] / "console" / "static"
_MEDIA_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Scripts and styles are files of ours. Pictures are fetched with the key, and shown as blobs. No
# script can put text into a page as HTML.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
_ASK_AGAIN = "no-cache"  # an upgraded service is seen at once; what is unchanged is 304

File = Annotated[str, PathParameter(max_length=200)]


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file of the console.

    Attributes:
        content: Its bytes.
        media_type: What they are.
    """

    content: bytes
    media_type: str

    @property
    def etag(self) -> str:
        """Its strong entity tag."""
        return f'"{hashlib.sha256(self.content).hexdigest()}"'

    def answer(self, if_none_match: str | None) -> Response:
        """Send it, unless the browser has it."""
        headers = {"Cache-Control": _ASK_AGAIN, "Content-Security-Policy": POLICY}
        if matches(if_none_match, self.etag):
            return not_modified(self.etag, **headers)
        headers["ETag"] = self.etag
        return Response(self.content, media_type=self.media_type, headers=headers)


@cache
def static_files() -> Mapping[str, StaticFile]:
    """Read every file of the console, by its path below the folder."""
    return {
        path.relative_to(STATIC).as_posix(): StaticFile(
            path.read_bytes(), _MEDIA_TYPES[path.suffix]
        )
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in _MEDIA_TYPES
    }


@router.get("/", operation_id="front")
async def front() -> Response:
    """Lead to the console."""
    return Response(status_code=303, headers={"Location": "/console"})


@router.get("/console", operation_id="console")
async def console(if_none_match: IfNoneMatch = None) -> Response:
    """Open the console."""
    return static_files()["console.html"].answer(if_none_match)


@router.get("/console/{file:path}", operation_id="console_file")
async def console_file(file: File, if_none_match: IfNoneMatch = None) -> Response:
    """Load a file of the console."""
    found = static_files().get(file)
    if found is None:
        raise HTTPException(404, "The console has no such file.")
    return found.answer(if_none_match)


@router.get("/docs", operation_id="docs")
async def docs(if_none_match: IfNoneMatch = None) -> Response:
    """Open the reference of the API."""
    return static_files()["docs.html"].answer(if_none_match)


@router.get("/openapi.json", operation_id="openapi_json")
def openapi_json(request: Request, if_none_match: IfNoneMatch = None) -> Response:
    """Read what openapi.yaml says as JSON, which the reference and some fields are made of."""
    return StaticFile(request.app.state.openapi_json(), "application/json").answer(if_none_match)
