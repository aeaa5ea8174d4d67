"""openapi.yaml, generated from the app."""

from typing import Any

import yaml
from fastapi import FastAPI

from service.api.views import ProblemView
from service.validation.ingest import IngestBody, UploadForm

_DESCRIPTION = """\
Turns private labelled chest X-rays into synthetic labelled sets.

Every answer carries X-Request-ID. Every error is a problem (RFC 9457) with a stable `code`,
explained in docs/errors.md.
"""


def describe(app: FastAPI) -> str:
    """Write the description of an app as YAML."""
    document = app.openapi() | {}
    document["info"] = {**document["info"], "description": _DESCRIPTION}
    schemas = document["components"]["schemas"]
    for model in (IngestBody, UploadForm, ProblemView):
        schemas |= _schemas_of(model)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _schemas_of(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    return {**nested, model.__name__: schema}
