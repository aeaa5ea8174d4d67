"""HEAD in openapi.yaml: wherever GET is, since every route answers both."""

from typing import Any


def describe_heads(paths: dict[str, Any]) -> None:
    """Add a HEAD beside every GET: the same parameters and answers, without a body.

    Args:
        paths: Of the description; changed.
    """
    for path, item in paths.items():
        if "get" in item:
            paths[path] = {**item, "head": _head_of(item["get"])}


def _head_of(get: dict[str, Any]) -> dict[str, Any]:
    answers = {
        status: {key: value for key, value in answer.items() if key != "content"}
        for status, answer in get["responses"].items()
    }
    return {
        **get,
        "operationId": f"head_{get['operationId']}",
        "summary": f"{get['summary']} (head)",
        "description": f"The head of what `GET` answers (`{get['operationId']}`), without a body.",
        "responses": answers,
    }
