"""openapi.yaml is what the app really offers, and says enough about it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from jsonschema import Draft202012Validator

from models import presets, registry
from radiographs.errors import RefusalCode
from release.gate.verdict import Outcome
from service.api.errors import HTTP_CODES
from service.app import create_app
from service.domain.error_codes import OF_INGESTS
from service.domain.errors import SyntheticDataError
from service.domain.job import JobKind, JobState
from service.settings import Settings
from service.validation.ingest import UploadForm

DOCUMENT = yaml.load(Path("openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
OPERATIONS = {
    (method, path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
SCHEMAS = DOCUMENT["components"]["schemas"]


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return create_app(Settings(data_dir=tmp_path))


def test_the_committed_file_is_what_the_app_generates(tmp_path: Path) -> None:
    environment = {**os.environ, "SYNTHCXR_DATA_DIR": str(tmp_path / "data")}
    printed = subprocess.run(
        [sys.executable, "-m", "service", "openapi"],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout
    assert printed == Path("openapi.yaml").read_text(), "run `make openapi` and commit the file"


def test_every_route_of_the_app_is_described(app: FastAPI) -> None:
    routes = {
        (method.lower(), context.path)
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute) and context.original_route.include_in_schema
        for method in context.methods or ()
    }
    assert len(routes) > 20
    heads = {("head", path) for method, path in routes if method == "get"}
    assert routes | heads == set(OPERATIONS)


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "head"])
def test_a_head_has_the_parameters_and_answers_of_its_get_without_a_body(path: str) -> None:
    head, get = OPERATIONS["head", path], OPERATIONS["get", path]
    assert head.get("parameters") == get.get("parameters")
    assert list(head["responses"]) == list(get["responses"])
    assert not any("content" in answer for answer in head["responses"].values())


@pytest.mark.parametrize("name", [name for name in SCHEMAS if "examples" in SCHEMAS[name]])
def test_every_example_is_what_its_schema_says(name: str) -> None:
    schema = {"$ref": f"#/components/schemas/{name}", "components": DOCUMENT["components"]}
    for example in SCHEMAS[name]["examples"]:
        Draft202012Validator(schema).validate(example)


def test_an_upload_is_described_with_all_its_fields() -> None:
    fields = SCHEMAS["UploadForm"]["properties"]
    assert list(fields) == ["file", *UploadForm.model_fields]
    assert SCHEMAS["UploadForm"]["required"] == ["file"]
    assert not any("anyOf" in field for field in fields.values()), "no text is null"


def test_what_has_few_values_lists_them() -> None:
    assert SCHEMAS["Family"]["enum"] == list(registry.FAMILIES)
    assert SCHEMAS["Preset"]["enum"] == list(presets.PRESETS)
    assert SCHEMAS["JobState"]["enum"] == [*JobState]
    assert SCHEMAS["JobKind"]["enum"] == [*JobKind]
    assert SCHEMAS["VerdictView"]["properties"]["outcome"]["enum"] == [*get_args(Outcome)]


def test_the_codes_of_errors_are_those_that_are_explained() -> None:
    explained = re.findall(r"^### (\w+)$", Path("docs/errors.md").read_text(), re.MULTILINE)
    assert SCHEMAS["ErrorCode"]["enum"] == sorted(explained)


def test_every_moment_is_a_date_and_time() -> None:
    moments = [
        (name, field, described)
        for name, schema in SCHEMAS.items()
        for field, described in schema.get("properties", {}).items()
        if field.endswith("_at") or field in {"at", "last_seen"}
    ]
    assert len(moments) > 15
    for name, field, described in moments:
        options = described.get("anyOf", [described])
        assert {"type": "string", "format": "date-time"}.items() <= options[0].items(), (
            name,
            field,
        )


def test_no_object_of_an_answer_is_without_a_name() -> None:
    bare = [
        f"{name}.{field}"
        for name, schema in SCHEMAS.items()
        if name.endswith("View")
        for field, described in schema["properties"].items()
        if described.get("type") == "object" and described.get("additionalProperties") is True
    ]
    assert bare == []


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")


@pytest.mark.parametrize(("method", "path"), list(OPERATIONS))
def test_an_operation_has_an_id_an_example_and_its_errors(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    assert operation["operationId"]
    assert operation["description"]
    assert method == "head" or any("example" in name for name in names(operation, seen=set()))
    problems = [answer for status, answer in operation["responses"].items() if status >= "400"]
    assert problems
    for problem in problems:
        assert method == "head" or list(problem["content"]) == ["application/problem+json"]


def names(node: Any, seen: set[str]) -> Iterator[str]:
    """Walk the keys below a part of the document, references included."""
    if isinstance(node, list):
        for item in node:
            yield from names(item, seen)
    if isinstance(node, dict):
        reference = node.get("$ref")
        if reference and reference not in seen and "Problem" not in reference:
            seen.add(reference)
            yield from names(resolve(reference), seen)
        for key, value in node.items():
            yield key
            yield from names(value, seen)


def resolve(reference: str) -> Any:
    found = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def test_no_two_operations_share_an_id() -> None:
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids)


def test_every_reference_leads_somewhere() -> None:
    references = {
        line.split("'")[1]
        for line in Path("openapi.yaml").read_text().splitlines()
        if "$ref" in line
    }
    assert references
    for reference in references:
        resolve(reference)


def subclasses(kind: type[SyntheticDataError]) -> Iterator[type[SyntheticDataError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from subclasses(below)


def test_every_code_is_explained_in_the_documentation() -> None:
    explained = Path("docs/errors.md").read_text()
    codes = {kind.code for kind in subclasses(SyntheticDataError)}
    assert set(OF_INGESTS) == set(get_args(RefusalCode))
    codes |= {*HTTP_CODES.values(), *OF_INGESTS}
    assert [code for code in sorted(codes) if f"### {code}\n" not in explained] == []


def test_every_finding_is_explained_in_the_documentation() -> None:
    explained = Path("docs/diagnosis.md").read_text()
    codes = re.findall(r'TrainingFault\(\s*"(\w+)"', Path("models/diagnosis.py").read_text())
    assert len(codes) >= 5
    assert [code for code in codes if f"| `{code}` |" not in explained] == []
