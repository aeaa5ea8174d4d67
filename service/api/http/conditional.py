"""Entity tags: what a client has already need not be sent again."""

from pathlib import Path
from typing import Annotated, Literal

from fastapi import Header, Response
from fastapi.responses import FileResponse

from service.domain.errors import ArtifactMissing

IfNoneMatch = Annotated[
    str | None,
    Header(alias="If-None-Match", description="The ETag of an earlier answer.", examples=['"7"']),
]

Range = Annotated[
    str | None,
    Header(alias="Range", description="Part of the file (RFC 9110).", examples=["bytes=0-1023"]),
]

FOREVER = "private, immutable, max-age=31536000"
NOT_KEPT = "private, no-store"  # patients' images: a cache asks no key, and outlives a deletion


class PublishedFile(FileResponse):
    """A file, sent in pieces so large that fetching each costs little beside sending it."""

    chunk_size = 1024 * 1024


def matches(if_none_match: str | None, etag: str) -> bool:
    """Compare by RFC 9110, section 13.1.2: weakly, with any of a list, or with `*`."""
    if if_none_match is None:
        return False
    given = {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}
    return "*" in given or etag.removeprefix("W/") in given


def not_modified(etag: str, **headers: str) -> Response:
    """Answer 304."""
    return Response(status_code=304, headers={"ETag": etag, **headers})


def immutable_file(
    path: Path,
    *,
    sha256: str,
    media_type: str,
    filename: str,
    if_none_match: str | None,
    disposition: Literal["attachment", "inline"] = "attachment",
    cached: str = FOREVER,
) -> Response:
    """Send a published file whole, in part (Range), or not at all (If-None-Match)."""
    etag = f'"{sha256}"'
    headers = {"ETag": etag, "Cache-Control": cached}
    if matches(if_none_match, etag):
        return not_modified(etag, **{"Cache-Control": cached})
    try:
        stat = path.stat()
    except FileNotFoundError:
        raise ArtifactMissing.named(filename) from None
    return PublishedFile(
        path,
        media_type=media_type,
        filename=filename,
        stat_result=stat,
        headers=headers,
        content_disposition_type=disposition,
    )
