"""Blocks of openapi.yaml that several operations share."""

from typing import Any

Responses = dict[int | str, dict[str, Any]]

_BYTES = {"schema": {"type": "string", "format": "binary"}}
NOT_MODIFIED: Responses = {304: {"description": "What you have is still right."}}

PNG = {"image/png": _BYTES}


def whole(content: dict[str, Any]) -> Responses:
    """Describe an answer that is sent whole or, with If-None-Match, not at all."""
    return {200: {"content": content}, **NOT_MODIFIED}


def whole_or_part(content: dict[str, Any]) -> Responses:
    """Describe a file that is also sent in part (Range)."""
    return {
        200: {"content": content},
        206: {"description": "The part asked for.", "content": content},
        **NOT_MODIFIED,
    }


def json_object(name: str) -> dict[str, Any]:
    """Describe a JSON document that openapi.yaml names."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def binary(media_type: str) -> dict[str, Any]:
    """Describe bytes of a media type."""
    return {media_type: _BYTES}
