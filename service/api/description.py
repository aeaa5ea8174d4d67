"""openapi.yaml, generated from the app."""

from copy import deepcopy
from typing import Any

import yaml
from fastapi import FastAPI

from service.api.authorization import NEEDS
from service.api.errors import documented
from service.api.views import ProblemView
from service.domain.errors import IdentityProviderUnavailable, ScopeMissing, Unauthenticated
from service.validation.ingest import IngestBody, UploadForm
from service.validation.score import ScoreForm

_BEARER = {"type": "http", "scheme": "bearer", "description": "An API key, or a token (OIDC)."}
_DESCRIPTION = """\
Turns private labelled chest X-rays into synthetic labelled sets.

Callers show an API key or a token of the hospital's identity provider as `Authorization: Bearer`.
Each operation lists the scopes of which one is needed; what needs none is open to everybody.

Every answer carries X-Request-ID. Every error is a problem (RFC 9457) with a stable `code`,
explained in docs/errors.md.
"""


def describe(app: FastAPI) -> str:
    """Write the description of an app as YAML."""
    document = app.openapi() | {}
    document["info"] = {**document["info"], "description": _DESCRIPTION}
    schemas = document["components"]["schemas"]
    for model in (IngestBody, UploadForm, ScoreForm, ProblemView):
        schemas |= _schemas_of(model)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = {"bearer": _BEARER}
    for item in document["paths"].values():
        for operation in item.values():
            _describe_access(operation)
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)


def _describe_access(operation: dict[str, Any]) -> None:
    """Say who may call an operation, and how others are answered."""
    needed = NEEDS[operation["operationId"]]
    operation["security"] = [{"bearer": [scope]} for scope in needed]
    if not needed:
        return
    answers: dict[str, Any] = operation["responses"]
    refusals = documented(Unauthenticated, ScopeMissing, IdentityProviderUnavailable)
    for status, answer in refusals.items():
        there = answers.get(str(status), {"description": ""})["description"]
        codes = dict.fromkeys(
            [*filter(None, there.split(", ")), *answer["description"].split(", ")]
        )
        answers[str(status)] = deepcopy({**answer, "description": ", ".join(codes)})
    operation["responses"] = dict(sorted(answers.items()))


def _schemas_of(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    return {**nested, model.__name__: schema}
