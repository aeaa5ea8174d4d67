"""What all commands have in common: exit codes, forms of output, files that are not replaced."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from synthcxr import Client
from synthcxr.cli import main
from synthcxr.profiles import Profiles, file_of
from synthcxr.version import __version__

Serve = Callable[..., list[httpx.Request]]
JOB = {"id": "job_1", "kind": "train", "state": "running", "done": False, "request": {}}
SET = {"id": "syn_1", "num_images": 9, "verdict": {"outcome": "passed"}}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0)


@pytest.mark.parametrize(
    ("status", "code", "ended"),
    [
        (400, "invalid_request", 4),
        (401, "unauthenticated", 5),
        (403, "scope_missing", 5),
        (404, "job_not_found", 4),
        (409, "set_refused", 6),
        (409, "set_inconclusive", 6),
        (409, "weights_not_cleared", 6),
        (409, "job_not_finished", 4),
        (422, "invalid_request", 4),
        (500, "internal_error", 1),
        (502, "http_502", 3),
    ],
)
def test_each_refusal_ends_in_the_code_of_its_kind(
    serve: Serve, status: int, code: str, ended: int
) -> None:
    serve(lambda _: httpx.Response(status, json={"code": code, "detail": "No."}))
    assert run("jobs", "show", "job_1") == ended


def test_a_wait_that_ends_first_exits_with_7_and_the_job_goes_on(serve: Serve, capsys) -> None:
    serve(lambda _: httpx.Response(200, json=JOB))
    assert run("jobs", "wait", "job_1", "--timeout", "0") == 7
    assert "it goes on" in capsys.readouterr().err


def test_a_wait_prints_what_the_job_made(serve: Serve, capsys) -> None:
    done = {**JOB, "state": "succeeded", "done": True, "result": {"model_id": "mdl_1"}}
    serve(lambda _: httpx.Response(200, json=done))
    assert run("jobs", "wait", "job_1") == 0
    assert capsys.readouterr().out == "mdl_1\n"


@pytest.mark.parametrize("command", [("wait", "job_1"), ("events", "job_1", "--follow")])
def test_an_interrupted_wait_exits_with_130_and_says_how_to_come_back(
    serve: Serve, capsys, command: tuple[str, ...]
) -> None:
    answers = iter([httpx.Response(200, json=JOB)])

    def answer(_: httpx.Request) -> httpx.Response:
        if command[0] == "events" or not (found := next(answers, None)):
            raise KeyboardInterrupt
        return found

    serve(answer)
    assert run("jobs", *command) == 130
    printed = capsys.readouterr().err
    assert "synthcxr jobs wait job_1" in printed
    assert "synthcxr jobs cancel job_1" in printed


def test_a_list_is_a_table_json_or_csv(serve: Serve, capsys) -> None:
    named = {"id": "ds_1", "name": 'a, "b"', "state": "ready", "classes": {"x": {"images": 2}}}
    serve(lambda _: httpx.Response(200, json={"items": [named]}))
    assert run("datasets", "list") == 0
    assert 'a, "b"' in capsys.readouterr().out.splitlines()[1]
    assert run("datasets", "list", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out)[0]["classes"] == {"x": {"images": 2}}
    assert run("datasets", "list", "--output", "csv") == 0
    [row] = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["name"] == 'a, "b"'
    assert json.loads(row["classes"]) == {"x": {"images": 2}}


def test_a_list_says_where_it_was_cut(serve: Serve, capsys) -> None:
    serve(lambda _: httpx.Response(200, json={"items": [JOB, {**JOB, "id": "job_2"}]}))
    assert run("jobs", "list", "--limit", "1") == 0
    printed = capsys.readouterr()
    assert "job_2" not in printed.out
    assert "--limit" in printed.err
    assert run("jobs", "list", "--limit", "2") == 0
    assert "--limit" not in capsys.readouterr().err


def test_a_name_moves_no_cursor(serve: Serve, capsys) -> None:
    named = {"id": "ds_1", "name": "a\x1b[2J\nds_2", "state": "ready"}
    serve(lambda _: httpx.Response(200, json={"items": [named]}))
    assert run("datasets", "list") == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed
    assert len(printed.splitlines()) == 2


@pytest.mark.parametrize(
    "command",
    [
        ("sets", "download", "syn_1", "-o"),
        ("sets", "report", "syn_1", "-o"),
        ("sets", "certificate", "syn_1", "-o"),
        ("generate", "mdl_1", "--balance", "-o"),
        ("models", "weights", "mdl_1", "-o"),
        ("models", "delete", "mdl_1", "--receipt"),
        ("datasets", "delete", "ds_1", "--receipt"),
        ("audit", "export", "-o"),
    ],
)
def test_a_file_that_is_there_is_not_replaced(
    serve: Serve, capsys, tmp_path: Path, command: tuple[str, ...]
) -> None:
    requests = serve(lambda _: httpx.Response(500))
    file = tmp_path / "mine"
    file.write_text("mine")
    assert run(*command, str(file)) == 2
    assert "--force" in capsys.readouterr().err
    assert requests == []
    assert file.read_text() == "mine"


def test_force_replaces_a_file(serve: Serve, tmp_path: Path) -> None:
    serve(lambda _: httpx.Response(200, content=b"report"))
    file = tmp_path / "report.html"
    file.write_text("older")
    assert run("sets", "report", "syn_1", "-o", str(file), "--force") == 0
    assert file.read_text() == "report"


@pytest.mark.parametrize("asked", ["-h", "--help", "--version"])
def test_help_and_version_ask_nothing(serve: Serve, capsys, asked: str) -> None:
    requests = serve(lambda _: httpx.Response(500))
    assert run(asked) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.endswith("130 interrupted.") or printed == f"synthcxr {__version__}"
    assert run("jobs", "list", "-h") == 0
    assert requests == []


def test_a_shell_completes_commands() -> None:
    asked = {"_SYNTHCXR_COMPLETE": "complete_bash", "COMP_WORDS": "synthcxr jo", "COMP_CWORD": "1"}
    answer = subprocess.run(
        [sys.executable, "-m", "synthcxr"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout.split() == ["jobs"]


def test_no_colour_is_printed_where_none_is_wanted(serve: Serve, capsys, monkeypatch) -> None:
    from rich.console import Console

    monkeypatch.setenv("NO_COLOR", "1")
    console = Console(file=io.StringIO(), force_terminal=True)
    console.print("[red]text[/red]")
    assert "\x1b[31m" not in console.file.getvalue()  # type: ignore[attr-defined]


def sign_in(serve: Serve, tmp_path: Path, url: str, *options: str) -> int:
    serve(lambda _: httpx.Response(200, json={"items": []}))
    (tmp_path / "key").write_text("synthcxr_secret\n")
    return run("login", url, "--token-file", str(tmp_path / "key"), *options)


def test_who_signed_in_asks_that_service_with_its_key(serve: Serve, capsys, tmp_path) -> None:
    assert sign_in(serve, tmp_path, "https://cxr.hospital.example/") == 0
    assert "synthcxr_secret" not in capsys.readouterr().out
    assert stat.S_IMODE(file_of().stat().st_mode) == 0o600
    requests = serve(lambda _: httpx.Response(200, json=JOB))
    assert run("jobs", "show", "job_1") == 0
    [request] = requests
    assert request.url.host == "cxr.hospital.example"
    assert request.headers["authorization"] == "Bearer synthcxr_secret"
    with Client() as client:
        assert client.base_url == "https://cxr.hospital.example"


def test_a_key_that_the_service_does_not_know_is_not_kept(serve: Serve, tmp_path) -> None:
    problem = {"code": "unauthenticated", "detail": "No."}
    serve(lambda _: httpx.Response(401, json=problem))
    (tmp_path / "key").write_text("synthcxr_wrong")
    assert run("login", "https://a.example", "--token-file", str(tmp_path / "key")) == 5
    assert not file_of().exists()


@pytest.mark.parametrize("held", ["", "two words"])
def test_what_is_no_key_is_not_tried(serve: Serve, capsys, tmp_path, held: str) -> None:
    requests = serve(lambda _: httpx.Response(500))
    (tmp_path / "key").write_text(held)
    assert run("login", "https://a.example", "--token-file", str(tmp_path / "key")) == 2
    assert "one API key or token" in capsys.readouterr().err
    assert requests == []


def test_profiles_are_chosen_listed_and_forgotten(
    serve: Serve, capsys, tmp_path, monkeypatch
) -> None:
    for name in ("a", "b"):
        assert sign_in(serve, tmp_path, f"https://{name}.example", "--name", name) == 0
    capsys.readouterr()
    assert run("profiles", "list", "--output", "csv") == 0
    assert "b,https://b.example,true" in capsys.readouterr().out
    requests = serve(lambda _: httpx.Response(200, json=JOB))
    monkeypatch.setenv("SYNTHCXR_URL", "https://elsewhere.example")
    assert run("jobs", "show", "job_1") == 0
    monkeypatch.setenv("SYNTHCXR_PROFILE", "")  # so that it is as it was afterwards
    assert run("--profile", "a", "jobs", "show", "job_1") == 0
    assert [request.url.host for request in requests] == ["elsewhere.example", "a.example"]
    assert "authorization" not in requests[0].headers
    assert run("--profile", "c", "jobs", "show", "job_1") == 4
    assert "synthcxr profiles list" in capsys.readouterr().err
    assert run("profiles", "use", "a") == 0
    assert run("logout") == 0
    assert list(Profiles.read().by_name) == ["b"]


def test_a_name_of_another_service_is_not_taken_over(serve: Serve, tmp_path) -> None:
    assert sign_in(serve, tmp_path, "https://a.example", "--name", "x") == 0
    assert sign_in(serve, tmp_path, "https://b.example", "--name", "x") == 2
    assert sign_in(serve, tmp_path, "https://b.example", "--name", "x", "--force") == 0


def test_profiles_that_others_can_read_are_not_used(serve: Serve, capsys, tmp_path) -> None:
    assert sign_in(serve, tmp_path, "https://a.example") == 0
    file_of().chmod(0o644)
    assert run("jobs", "list") == 1
    assert "chmod 600" in capsys.readouterr().err


def test_a_plan_of_a_dataset_is_what_its_ingest_found(serve: Serve, capsys) -> None:
    planned = {"id": "ds_1", "state": "ready", "summary": {"release_plan": {"text": ["Enough."]}}}
    serve(lambda _: httpx.Response(200, json=planned))
    assert run("datasets", "plan", "ds_1") == 0
    assert capsys.readouterr().out == "Enough.\n"
    serve(lambda _: httpx.Response(200, json={**planned, "state": "queued", "summary": {}}))
    assert run("datasets", "plan", "ds_1") == 4


def test_a_set_that_was_not_released_ends_in_6_also_where_it_may_be_seen(
    serve: Serve, capsys, tmp_path: Path, make_set
) -> None:
    content = make_set().read_bytes()
    etag = f'"{hashlib.sha256(content).hexdigest()}"'
    verdict = {"outcome": "inconclusive", "code": "power"}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download"):
            return httpx.Response(200, content=content, headers={"ETag": etag})
        if request.url.path == "/signing-keys":
            return httpx.Response(200, json={"items": []})
        return httpx.Response(200, json={**SET, "verdict": verdict})

    serve(answer)
    file = tmp_path / "seen.zip"
    assert run("sets", "download", "syn_1", "-o", str(file)) == 6
    assert "not released (inconclusive(power))" in capsys.readouterr().err
    assert file.exists()


APPROVALS = {
    "required": 2,
    "complete": False,
    "items": [{"by": "key_1", "at": "2026-05-04T03:02:01Z"}],
}


@pytest.mark.parametrize(("command", "method"), [("approve", "POST"), ("approvals", "GET")])
def test_approvals_are_a_table_with_what_is_missing_beside_it(
    serve: Serve, capsys, command: str, method: str
) -> None:
    requests = serve(lambda _: httpx.Response(201, json=APPROVALS))
    assert run("sets", command, "syn_1") == 0
    assert (requests[0].method, requests[0].url.path) == (method, "/synthetic-sets/syn_1/approvals")
    printed = capsys.readouterr()
    assert [line.split()[0] for line in printed.out.splitlines()] == ["by", "key_1"]
    assert "1 of 2" in printed.err
    assert run("sets", command, "syn_1", "--json") == 0
    assert json.loads(capsys.readouterr().out) == APPROVALS


@pytest.mark.parametrize(
    ("status", "code", "ended"),
    [(409, "already_approved", 4), (403, "scope_missing", 5), (409, "set_refused", 6)],
)
def test_a_refused_approval_ends_in_the_code_of_its_kind(
    serve: Serve, status: int, code: str, ended: int
) -> None:
    serve(lambda _: httpx.Response(status, json={"code": code, "detail": "No."}))
    assert run("sets", "approve", "syn_1") == ended


def test_a_download_before_the_approvals_ends_with_4(serve: Serve, tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download"):
            return httpx.Response(409, json={"code": "approval_missing", "detail": "0 of 1."})
        return httpx.Response(200, json=SET)

    serve(answer)
    assert run("sets", "download", "syn_1", "-o", str(tmp_path / "set.zip")) == 4
    assert not (tmp_path / "set.zip").exists()
