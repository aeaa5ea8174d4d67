"""openapi.yaml, generated from the app."""

import json
from copy import deepcopy
from typing import Any

import yaml
from fastapi import FastAPI

from service.api.authorization import NEEDS
from service.api.errors import documented, problems
from service.api.openapi.named_objects import name_objects
from service.api.views.base import ProblemView, View
from service.domain.errors import (
    HostNotAllowed,
    IdentityProviderUnavailable,
    OriginNotAllowed,
    ScopeMissing,
    Unauthenticated,
)
from service.validation.ingest import IngestBody, UploadForm
from service.validation.score import ScoreForm

# A field with a `default` may be left out, but generators of TypeScript take it for one that is
# always there, which is right of an answer and wrong of these requests: they say it in words.
_OF_REQUESTS = ("Body", "Config", "Form", "Sampler")
_OF_CALLERS = (Unauthenticated, ScopeMissing, IdentityProviderUnavailable)
_OF_BROWSERS = (HostNotAllowed, OriginNotAllowed)
_SECURITY_SCHEMES = {
    "key": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API key: `Authorization: Bearer synthcxr_...`.",
    },
    "oidc": {
        "type": "openIdConnect",
        "openIdConnectUrl": "https://login.hospital.test/.well-known/openid-configuration",
        "description": "A token of the identity provider that the operator set "
        "(SYNTHCXR_OIDC_ISSUER), sent in the same way; the address here stands for its own.",
    },
}
_SERVERS = [
    {"url": "http://127.0.0.1:8765", "description": "`synthcxr up` on this machine."},
    {
        "url": "https://{host}",
        "description": "A service behind the operator's TLS.",
        "variables": {
            "host": {"default": "synthcxr.hospital.test", "description": "Where it answers."}
        },
    },
]
_TAGS = {
    "datasets": "Private images that models learn from.",
    "training": "Training a model.",
    "generation": "Making a synthetic set.",
    "jobs": "The work that was accepted: read, wait, follow, cancel, retry.",
    "models": "Trained models, their audits and weights.",
    "synthetic sets": "Sets, their reports and downloads; the keys they are signed with.",
    "keys": "API keys.",
    "webhooks": "Messages to your own systems: jobs that are done, verdicts on sets.",
    "deletions": "What was deleted, with signed receipts.",
    "audit": "What was done, and by whom.",
    "health": "Whether the service lives and can serve, and which one it is.",
}
_DESCRIPTION = """\
Turns private labelled chest X-rays into synthetic labelled sets.

Callers show an API key or a token of the hospital's identity provider as `Authorization: Bearer`.
Each operation lists the scopes of which one is needed (`x-scopes`); what needs none is open to
everybody. `HEAD` answers wherever `GET` does.

Every answer carries X-Request-ID. Every error is a problem (RFC 9457) with a stable `code`,
explained in docs/errors.md.
"""


def describe(app: FastAPI) -> dict[str, Any]:
    """Describe an app, as OpenAPI 3.1 has it."""
    document = deepcopy(app.openapi())  # which the app keeps
    document["info"] = {
        **document["info"],
        "description": _DESCRIPTION,
        "contact": {"name": "The operator of this service"},
        "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
    }
    schemas = document["components"]["schemas"]
    for model in (IngestBody, UploadForm, ScoreForm, ProblemView):
        schemas |= _schemas_of(model)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    _show_examples(View, schemas)
    name_objects(schemas)
    _describe_defaults(schemas)
    document["components"]["schemas"] = dict(sorted(schemas.items()))
    document["components"]["securitySchemes"] = _SECURITY_SCHEMES
    for item in document["paths"].values():
        for operation in item.values():
            _describe_access(operation)
    _describe_heads(document["paths"])
    document["tags"] = [{"name": name, "description": text} for name, text in _TAGS.items()]
    ordered = {"openapi": document.pop("openapi"), "info": document.pop("info")}
    return {**ordered, "servers": _SERVERS, **document}


def as_yaml(description: dict[str, Any]) -> str:
    """Write a description as openapi.yaml is written."""
    return yaml.dump(
        description, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True, width=100
    )


def as_json(description: dict[str, Any]) -> bytes:
    """Write a description for browsers, which read no YAML."""
    return json.dumps(description, separators=(",", ":")).encode()


def _describe_access(operation: dict[str, Any]) -> None:
    """Say who may call an operation, and how others are answered."""
    needed = NEEDS[operation["operationId"]]
    operation["security"] = [{name: []} for name in _SECURITY_SCHEMES] if needed else []
    if needed:
        operation["x-scopes"] = list(needed)
    answers: dict[str, Any] = operation["responses"]
    refusals = documented(*_OF_CALLERS, *_OF_BROWSERS) if needed else problems(*_OF_BROWSERS)
    for status, answer in refusals.items():
        there = answers.get(str(status), {"description": ""})["description"]
        codes = dict.fromkeys(
            [*filter(None, there.split(", ")), *answer["description"].split(", ")]
        )
        answers[str(status)] = deepcopy({**answer, "description": ", ".join(codes)})
    operation["responses"] = dict(sorted(answers.items()))


def _show_examples(view: type[View], schemas: dict[str, Any]) -> None:
    """Show the examples of views as they are: FastAPI leaves out what is null in them."""
    extra = view.model_config.get("json_schema_extra")
    if view.__name__ in schemas and isinstance(extra, dict):
        schemas[view.__name__] |= extra
    for below in view.__subclasses__():
        _show_examples(below, schemas)


def _schemas_of(model: Any) -> dict[str, Any]:
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    nested = schema.pop("$defs", {})
    return {**nested, model.__name__: schema}


def _describe_defaults(schemas: dict[str, Any]) -> None:
    """Say the defaults of requests in their descriptions."""
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


def _describe_heads(paths: dict[str, Any]) -> None:
    """Add a HEAD beside every GET, since every route answers both."""
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
