"""Defaults of requests in openapi.yaml, in words.

A field with a `default` may be left out, but generators of TypeScript take it for one that is
always there, which is right of an answer and wrong of a request.
"""

import json
from typing import Any

_OF_REQUESTS = ("Body", "Config", "Form", "Sampler")


def describe_defaults(schemas: dict[str, Any]) -> None:
    """Say the defaults of requests in their descriptions.

    Args:
        schemas: Of the description; changed.
    """
    for name, schema in schemas.items():
        if name.endswith(_OF_REQUESTS):
            _say_defaults(schema)


def _say_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        default = field.pop("default", None)
        if default not in (None, [], {}):
            said = f"Default: {json.dumps(default)}."
            field["description"] = f"{field.get('description', '')} {said}".strip()
        _say_defaults(field)
