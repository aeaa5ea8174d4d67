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

from radiographs.errors import RefusalCode
from service.api.errors import HTTP_CODES
from service.app import create_app
from service.domain.errors import SyntheticDataError
from service.settings import Settings

DOCUMENT = yaml.safe_load(Path("openapi.yaml").read_text())
OPERATIONS = {
    (method, path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
}
TOUCH_NOTHING = {"healthz", "version", "openapi"}  # nothing of theirs can fail


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
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    }
    assert len(routes) > 20
    assert routes == set(OPERATIONS)


def test_it_is_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")


@pytest.mark.parametrize(("method", "path"), list(OPERATIONS))
def test_an_operation_has_an_id_an_example_and_its_errors(method: str, path: str) -> None:
    operation = OPERATIONS[method, path]
    assert operation["operationId"]
    assert operation["description"]
    assert any("example" in name for name in names(operation, seen=set()))
    problems = [answer for status, answer in operation["responses"].items() if status >= "400"]
    assert problems or operation["operationId"] in TOUCH_NOTHING
    for problem in problems:
        assert list(problem["content"]) == ["application/problem+json"]


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
    codes |= {*HTTP_CODES.values(), *get_args(RefusalCode)}
    assert [code for code in sorted(codes) if f"### {code}\n" not in explained] == []


def test_every_finding_is_explained_in_the_documentation() -> None:
    explained = Path("docs/diagnosis.md").read_text()
    codes = re.findall(r'TrainingFault\(\s*"(\w+)"', Path("models/diagnosis.py").read_text())
    assert len(codes) >= 5
    assert [code for code in codes if f"| `{code}` |" not in explained] == []
