"""The console's files: who may load them, how long they are kept, and that they ask nobody else."""

import json
import re
from typing import Any

import pytest
import yaml

from service.api.openapi.description import describe
from service.api.routers.console import STATIC, static_files

FILES = sorted(static_files())


def test_the_front_leads_to_the_console(client: Any) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console")


@pytest.mark.parametrize("path", ["/console", "/docs", "/console/main.js", "/console/pages/set.js"])
def test_a_file_is_sent_once_and_scripts_from_elsewhere_are_forbidden(
    client: Any, path: str
) -> None:
    answer = client.get(path)
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["nothing.js", "../console.py", "%2e%2e/%2e%2e/settings.py", "%00"]
)
def test_nothing_but_the_files_is_sent(scene: Any, path: str) -> None:
    answer = scene.client.get(f"/console/{path}")
    scene.refused(answer, 404, "not_found")


@pytest.mark.parametrize("name", FILES)
def test_a_file_names_no_other_host_and_writes_no_html(name: str) -> None:
    text = (STATIC / name).read_text()
    hosts = set(re.findall(r"https?://[^\s\"'<>]+", text))
    assert hosts <= {"http://www.w3.org/2000/svg"}  # a namespace, which nobody fetches
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert not re.search(r"<script(?![^>]*\bsrc=)| on\w+=\"| style=\"", text)


def test_every_import_of_a_script_leads_to_a_file() -> None:
    for name in FILES:
        for target in re.findall(r'from "(\.[^"]+)"', (STATIC / name).read_text()):
            assert (STATIC / name).parent.joinpath(target).resolve().exists(), (name, target)


def test_all_files_together_are_small() -> None:
    assert sum(len(file.content) for file in static_files().values()) < 200_000


def test_the_description_as_json_says_what_the_yaml_says(client: Any) -> None:
    as_json = json.loads(client.get("/openapi.json").content)
    assert as_json == yaml.load(client.get("/openapi.yaml").content, Loader=yaml.CSafeLoader)


def test_an_app_is_described_alike_each_time_it_is_asked(scene: Any) -> None:
    # requests that come at once may both ask
    assert describe(scene.app) == describe(scene.app)


@pytest.mark.parametrize(("path", "is_open"), [("/console", True), ("/", True), ("/jobs", False)])
def test_other_sites_may_link_to_the_console_alone(client: Any, path: str, is_open: bool) -> None:
    followed = {
        "Sec-Fetch-Site": "cross-site",
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }
    assert (client.get(path, headers=followed).status_code < 400) == is_open


def test_a_caller_reads_what_their_key_allows(guarded: Any) -> None:
    answer = guarded.client.get("/caller", headers=guarded.bearer("train", tenant="b"))
    assert answer.json() | {"id": ""} == {
        "id": "",
        "tenant": "b",
        "scopes": ["train"],
        "expires_at": None,
    }
    guarded.refused(guarded.client.get("/caller"), 401, "unauthenticated")
