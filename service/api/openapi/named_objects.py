"""Objects that openapi.yaml gives a name, so that generated clients have a type for each."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from models import presets, registry
from service.api.errors import HTTP_CODES
from service.domain.error_codes import error_codes
from service.domain.model_card import ModelCard
from service.domain.requests import (
    DatasetSource,
    GenerateRequest,
    IngestRequest,
    PrepareRequest,
    PreviewRequest,
    PushRequest,
    ScoreRequest,
    TrainRequest,
)

_PLACE = "#/components/schemas/{model}"
# what a field of a schema holds
_HELD = {
    ("DatasetView", "source"): "DatasetSource",
    ("DatasetView", "summary"): "DatasetSummary",
    ("EventView", "data"): "EventData",
    ("JobView", "request"): "JobRequest",
    ("ModelView", "card"): "ModelCard",
    ("ModelView", "config"): "ModelConfig",
    ("ModelView", "family"): "Family",
    ("ModelView", "preset"): "Preset",
    ("ProblemView", "code"): "ErrorCode",
    ("TrainBody", "family"): "Family",
    ("TrainBody", "preset"): "Preset",
}
# objects that are open: what they hold depends on more than the version of the service
_OPEN = {
    "ApiDescription": "This description: OpenAPI 3.1.",
    "Certificate": "What was tested, on what, and what was found: docs/package.md.",
    "DatasetSummary": "What else an ingest found, by name.",
    "EventData": "What an entry of a job's log says; its keys depend on the entry's kind.",
    "Findings": "Findings of the gate for each image, and the figures of the examination in full.",
    "Manifest": "How a set was made, and path, kind, checksum and origin of every file: "
    "docs/package.md.",
    "ModelConfig": "The hyper-parameters of a model's family, complete.",
    "Report": "Every figure of a set's report.",
}
_REQUESTS = (
    *(IngestRequest, TrainRequest, GenerateRequest),
    *(PushRequest, ScoreRequest, PrepareRequest, PreviewRequest),
)


def reference(name: str) -> dict[str, str]:
    """Point to a schema."""
    return {"$ref": _PLACE.format(model=name)}


def name_objects(schemas: dict[str, Any]) -> None:
    """Add the named objects to the schemas, and let fields refer to them.

    Args:
        schemas: Of the description; changed.
    """
    schemas["ErrorCode"] = _enumeration(
        error_codes(HTTP_CODES.values()), "Stable names of errors; docs/errors.md explains each."
    )
    schemas["Family"] = _enumeration(registry.FAMILIES, "Families of models.")
    schemas["Preset"] = _enumeration(presets.PRESETS, "What a config can start from.")
    for name, description in _OPEN.items():
        schemas[name] = {
            "type": "object",
            "title": name,
            "description": description,
            "additionalProperties": True,
        }
    for record in (DatasetSource, ModelCard, *_REQUESTS):
        schemas.update(_records(record, schemas))
    schemas["ModelCard"].pop("required")  # what needs a scope is left out without it
    schemas["JobRequest"] = {
        "title": "JobRequest",
        "description": "What a job was asked for, completed by every default.",
        "anyOf": [reference(record.__name__) for record in _REQUESTS],
    }
    for (schema, field), name in _HELD.items():
        described = schemas[schema]["properties"][field]
        kept = {key: described[key] for key in ("description", "default") if key in described}
        schemas[schema]["properties"][field] = {**kept, **reference(name)}
    _name_options(schemas, "TrainBody", "config", "Config")
    _name_options(schemas, "GenerateBody", "sampler", "Sampler")
    _name_options(schemas, "PreviewColumnBody", "sampler", "Sampler")


def _enumeration(values: Any, description: str) -> dict[str, Any]:
    return {"type": "string", "description": description, "enum": list(values)}


def _records(record: type, known: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a record of the domain, and those in it, under names that nothing else has."""
    described = TypeAdapter(record).json_schema(mode="serialization", ref_template=_PLACE)
    parts = described.pop("$defs", {})
    found = {**parts, record.__name__: described}
    found = {name: _first_paragraph(schema) for name, schema in found.items()}
    clashes = {name for name in found if known.get(name, found[name]) != found[name]}
    assert not clashes, f"two schemas of one name: {clashes}"
    return found


def _first_paragraph(schema: dict[str, Any]) -> dict[str, Any]:
    """Shorten a docstring: its list of attributes is what the schema itself says."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\n")[0]
    return schema


def _name_options(schemas: dict[str, Any], body: str, field: str, suffix: str) -> None:
    """Give the options of each family, which a field holds one of, a name."""
    options = schemas[body]["properties"][field]["anyOf"]
    for place, option in enumerate(options):
        name = f"{option['title'].capitalize()}{suffix}"
        schemas[name] = {**option, "title": name}
        options[place] = reference(name)
