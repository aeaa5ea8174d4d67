from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from rich.console import Console

from synthcxr.cli import main, server
from synthcxr.cli.options import class_counts, interpolation, mixture, settings
from synthcxr.cli.progress import TimeColumn, bar_for_jobs, describe, expectation, shown
from synthcxr.package_format import signed_bytes
from synthcxr.resources import Job

DONE = {
    "id": "job_1",
    "kind": "train",
    "state": "succeeded",
    "done": True,
    "request": {"dataset_id": "ds_1"},
    "result": {"model_id": "mdl_1"},
}

SET = {"id": "syn_1", "verdict": {"outcome": "passed_filtered", "num_filtered": 2}}


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    return int(exit_.value.code or 0)


def test_class_counts_are_read_in_order() -> None:
    assert list(class_counts("Viral Pneumonia=3, COVID=10").items()) == [
        ("Viral Pneumonia", 3),
        ("COVID", 10),
    ]


@pytest.mark.parametrize("text", ["", "COVID", "COVID=", "=3", "COVID=0", "COVID=-1", "COVID=1.5"])
def test_class_counts_written_otherwise_are_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="LABEL=COUNT"):
        class_counts(text)


def test_a_class_named_twice_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="twice"):
        class_counts("COVID=1,COVID=2")


def test_a_mixture_is_read_with_its_number_of_images() -> None:
    assert mixture("No: Finding=0.6, COVID=.4:10") == {
        "weights": {"No: Finding": 0.6, "COVID": 0.4},
        "count": 10,
    }


@pytest.mark.parametrize(
    "text", ["", ":3", "COVID:3", "COVID=0.6", "COVID=0.6:x", "COVID=0:1", "COVID=nan:1", "=1:1"]
)
def test_a_mixture_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="COVID=0"):
        mixture(text)


def test_an_interpolation_is_of_a_class_or_of_a_mixture() -> None:
    seeds = {"from_seed": 1, "to_seed": 2, "steps": 8}
    assert interpolation("No: Finding:1:2:8") == {"label": "No: Finding", **seeds}
    weights = {"COVID": 0.6, "Normal": 0.4}
    assert interpolation("COVID=0.6,Normal=0.4:1:2:8") == {"weights": weights, **seeds}


@pytest.mark.parametrize(
    "text", ["", "COVID", "COVID:1:2", ":1:2:3", "COVID:1:x:3", "COVID:1:-2:3"]
)
def test_an_interpolation_written_otherwise_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="COVID:1:2:8"):
        interpolation(text)


def test_mixtures_and_interpolations_reach_the_service(serve) -> None:
    requests = serve(lambda _: httpx.Response(202, json=DONE))
    asked = ("--mixture", "COVID=0.6,Normal=0.4:10", "--interpolate", "COVID:1:2:8")
    assert run("generate", "mdl_1", *asked) == 0
    assert json.loads(requests[0].content) == {
        "model_id": "mdl_1",
        "mixtures": [{"weights": {"COVID": 0.6, "Normal": 0.4}, "count": 10}],
        "interpolate": [{"label": "COVID", "from_seed": 1, "to_seed": 2, "steps": 8}],
    }


def test_a_setting_is_json_or_else_a_string() -> None:
    pairs = ["learning_rate=1e-3", "objective=hinge", "widths=[64, 128]", "augment=false"]
    assert settings(pairs) == {
        "learning_rate": 0.001,
        "objective": "hinge",
        "widths": [64, 128],
        "augment": False,
    }


def test_a_setting_without_a_value_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="KEY=VALUE"):
        settings(["learning_rate"])


FOUND = {"code": "memorising", "what": "Images come out again.", "fix": "Train on more images."}


def trained(request: httpx.Request) -> httpx.Response:
    """Answer as a service whose training is done, and has found something."""
    if request.url.path == "/models/mdl_1":
        return httpx.Response(
            200, json={"id": "mdl_1", "family": "ldm", "card": {"diagnosis": [FOUND]}}
        )
    return httpx.Response(200, json=DONE)


def test_training_and_waiting_prints_the_model(serve, capsys) -> None:
    requests = serve(trained)
    code = run("train", "ds_1", "--seconds", "30", "--config", "beta=2", "--seed", "1", "--wait")
    assert code == 0
    printed = capsys.readouterr()
    assert printed.out == "mdl_1\n"
    assert "memorising: Images come out again. Train on more images." in printed.err
    assert json.loads(requests[0].content) == {
        "dataset_id": "ds_1",
        "family": "ldm",
        "budget": {"seconds": 30},
        "config": {"beta": 2},
        "seed": 1,
    }


def test_a_private_training_sends_its_terms(serve, capsys) -> None:
    requests = serve(trained)
    arguments = ("train", "ds_1", "--family", "vae", "--images", "9")
    assert run(*arguments, "--epsilon", "3") == 0
    assert run(*arguments, "--epsilon", "1", "--delta", "1e-6") == 0
    asked = [json.loads(request.content)["privacy"] for request in requests]
    assert asked == [
        {"differential_privacy": {"epsilon": 3.0}},
        {"differential_privacy": {"epsilon": 1.0, "delta": 1e-6}},
    ]
    assert run(*arguments, "--delta", "1e-6") == 2


def test_a_training_names_what_it_starts_from(serve) -> None:
    requests = serve(trained)
    assert run("train", "ds_1", "--images", "9", "--init-from", "base") == 0
    assert json.loads(requests[0].content)["init_from"] == "base"


def test_images_are_declared_public_by_licence_and_source_together(serve) -> None:
    requests = serve(trained)
    add = ("datasets", "add", "--phantom", "normal=9,effusion=9", "--public-licence", "CC0-1.0")
    assert run(*add) == 2
    assert run(*add, "--public-source", "an open archive") == 0
    [request] = requests
    declared = {"licence": "CC0-1.0", "source": "an open archive"}
    assert json.loads(request.content)["public"] == declared


def test_json_output_is_the_whole_job_and_nothing_else(serve, capsys) -> None:
    serve(trained)
    assert run("train", "ds_1", "--images", "9", "--wait", "--json") == 0
    assert json.loads(capsys.readouterr().out)["result"]["model_id"] == "mdl_1"


def test_a_failed_job_ends_in_1(serve, capsys) -> None:
    error = {"code": "worker_lost", "detail": "Three workers died."}
    failed = {**DONE, "state": "failed", "result": None, "error": error}
    serve(lambda _: httpx.Response(200, json=failed))
    assert run("train", "ds_1", "--images", "9", "--wait") == 1
    last_line = capsys.readouterr().err.splitlines()[-1]
    assert last_line == "Error: Job job_1 failed: Three workers died [worker_lost]"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "ds_1"),
        ("train", "ds_1", "--seconds", "30", "--images", "5"),
        ("train", "ds_1", "--seconds", "4"),
        ("generate", "mdl_1"),
        ("generate", "mdl_1", "--balance", "--class-counts", "COVID=1"),
        ("generate", "mdl_1", "--class-counts", "COVID"),
        ("generate", "mdl_1", "--mixture", "COVID=0.6,Normal=0.4"),
        ("generate", "mdl_1", "--interpolate", "COVID:1:2"),
        ("generate", "mdl_1", "--balance", "--guidance", "0.5"),
        ("datasets", "add"),
        ("datasets", "add", "--phantom", "normal=8", "--server-path", "/radiographs"),
        ("datasets", "add", "/does/not/exist"),
        ("datasets", "add", "--dicomweb", "/does/not/exist"),
        ("datasets", "add", "--dicomweb", __file__),
        ("frobnicate",),
    ],
)
def test_wrong_usage_ends_in_2_and_asks_nothing(serve, arguments: tuple[str, ...]) -> None:
    requests = serve(lambda _: httpx.Response(500))
    assert run(*arguments) == 2
    assert requests == []


def test_images_of_a_pacs_are_asked_for_as_a_file_says(serve, capsys, tmp_path: Path) -> None:
    asked = {"server": "pacs", "queries": [{"label": "a"}, {"label": "b"}]}
    (tmp_path / "queries.json").write_text(json.dumps(asked))
    [request] = asked_of(serve, "datasets", "add", "--dicomweb", str(tmp_path / "queries.json"))
    assert json.loads(request.content) == {"dicomweb": asked}
    assert capsys.readouterr().out == "ds_1\n"


def test_a_set_is_pushed_to_a_server_by_its_name(serve, capsys) -> None:
    [request] = asked_of(serve, "sets", "push", "syn_1", "--server", "pacs")
    assert request.url.path == "/synthetic-sets/syn_1/push"
    assert json.loads(request.content) == {"server": "pacs"}
    assert capsys.readouterr().out == "job_1\n"


def asked_of(serve, *arguments: str) -> list[httpx.Request]:
    requests = serve(lambda _: httpx.Response(202, json=DONE))
    assert run(*arguments) == 0
    return requests


def test_an_absent_service_ends_in_3_and_says_how_to_start_one(capsys) -> None:
    assert run("jobs", "list", "--url", "http://127.0.0.1:9") == 3
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("Error: No service answers at http://127.0.0.1:9")
    assert "synthcxr up" in line


def test_a_refusal_ends_in_4_with_its_code(serve, capsys) -> None:
    problem = {"code": "dataset_not_found", "detail": "There is no dataset ds_9."}
    serve(lambda _: httpx.Response(404, json=problem))
    assert run("datasets", "show", "ds_9") == 4
    assert capsys.readouterr().err == ("Error: There is no dataset ds_9 [dataset_not_found]\n")


def test_generating_to_a_file_verifies_it(serve, capsys, make_set, tmp_path: Path) -> None:
    content = make_set().read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    job = {**DONE, "kind": "generate", "result": {"synthetic_set_id": "syn_1"}}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/synthetic-sets/syn_1/download":
            return httpx.Response(200, content=content, headers={"ETag": f'"{sha256}"'})
        if request.url.path == "/synthetic-sets/syn_1":
            return httpx.Response(200, json=SET)
        if request.url.path == "/signing-keys":
            return httpx.Response(200, json={"items": [], "next_cursor": None})
        return httpx.Response(202, json=job)

    requests = serve(answer)
    output = tmp_path / "out.zip"
    counts = ("--class-counts", "COVID=3,Normal=3")
    assert run("generate", "mdl_1", *counts, "--steps", "20", "-o", str(output)) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{output}\n"
    assert "6 images, each as its manifest says; signed by key " in printed.err
    assert "verdict: passed_filtered(2)" in printed.err
    assert output.read_bytes() == content
    assert json.loads(requests[0].content) == {
        "model_id": "mdl_1",
        "class_counts": {"COVID": 3, "Normal": 3},
        "sampler": {"num_steps": 20},
    }


def test_a_set_that_does_not_verify_leaves_the_file_that_was_there(
    serve, capsys, make_set, tmp_path: Path
) -> None:
    content = make_set(altered="images/COVID/000000.png").read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/synthetic-sets/syn_1/download":
            return httpx.Response(200, content=content, headers={"ETag": f'"{sha256}"'})
        if request.url.path == "/signing-keys":
            return httpx.Response(200, json={"items": []})
        return httpx.Response(200, json=SET)

    serve(answer)
    output = tmp_path / "mine" / "out.zip"
    output.parent.mkdir()
    output.write_bytes(b"a good set")
    assert run("sets", "download", "syn_1", "-o", str(output), "--force") == 1
    assert f"{output}: images/COVID/000000.png is not the file" in capsys.readouterr().err
    assert output.read_bytes() == b"a good set"
    assert list(output.parent.iterdir()) == [output]


def test_a_set_not_released_ends_in_6_with_the_reason(serve, capsys, tmp_path: Path) -> None:
    job = {**DONE, "kind": "generate", "result": {"synthetic_set_id": "syn_1"}}
    refused = {"id": "syn_1", "verdict": {"outcome": "refused", "code": "memorises"}}
    problem = {"code": "set_refused", "detail": "syn_1 is refused(memorises). Train less long."}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/synthetic-sets/syn_1/download":
            return httpx.Response(409, json=problem)
        return httpx.Response(200, json=job if "jobs" in request.url.path else refused)

    def created(request: httpx.Request) -> httpx.Response:
        return httpx.Response(202, json=job) if request.method == "POST" else answer(request)

    serve(created)
    output = tmp_path / "out.zip"
    assert run("generate", "mdl_1", "--class-counts", "COVID=3", "-o", str(output)) == 6
    printed = capsys.readouterr().err
    assert "verdict: refused(memorises)" in printed
    assert "Train less long [set_refused]" in printed
    assert not output.exists()


@pytest.mark.parametrize(
    ("name", "kind"), [("r.html", "text/html"), ("r.json", "application/json")]
)
def test_a_report_is_saved_as_a_page_or_as_figures(serve, name, kind, tmp_path: Path) -> None:
    requests = serve(lambda _: httpx.Response(200, content=b"found"))
    assert run("sets", "report", "syn_1", "-o", str(tmp_path / name)) == 0
    assert (tmp_path / name).read_bytes() == b"found"
    assert requests[0].headers["accept"] == kind


def test_a_list_of_sets_says_what_was_found(serve, capsys) -> None:
    serve(lambda _: httpx.Response(200, json={"items": [SET], "next_cursor": None}))
    assert run("sets", "list") == 0
    assert "passed_filtered(2)" in capsys.readouterr().out


def test_a_list_is_a_table_with_the_image_counts(serve, capsys) -> None:
    dataset = {
        "id": "ds_1",
        "name": "images",
        "state": "ready",
        "image_size": 64,
        "classes": {"COVID": {"images": 7, "train": 5, "holdout": 2}},
    }
    serve(lambda _: httpx.Response(200, json={"items": [dataset], "next_cursor": None}))
    assert run("datasets", "list") == 0
    assert "COVID 7" in capsys.readouterr().out


def test_a_dataset_is_printed_as_received_and_omissions_are_listed(serve, capsys) -> None:
    dataset = {
        "id": "ds_1",
        "state": "ready",
        "classes": {"COVID": {"images": 7, "train": None, "holdout": None}},
        "fingerprint": None,
        "dropped": [{"file": None, "reason": "The file ends early.", "code": "truncated"}],
    }
    serve(lambda _: httpx.Response(200, json=dataset))
    assert run("datasets", "show", "ds_1") == 0
    printed = capsys.readouterr()
    shown = json.loads(printed.out)
    assert shown["classes"] == dataset["classes"]
    assert shown["dropped"] == dataset["dropped"]
    assert "private:read" in printed.err


def test_a_line_of_progress_says_phase_images_speed_time_and_loss() -> None:
    progress = {
        "phase": "autoencoder",
        "images_seen": 500,
        "total_images": 2000,
        "fraction": 0.25,
        "images_per_second": 123.4,
        "eta_seconds": 65.0,
    }
    job = Job.model_validate(
        {**DONE, "state": "running", "progress": progress, "metrics": {"loss": 0.12345, "n": 3}}
    )
    assert describe(job) == (
        "train autoencoder  500/2000 images  123 images/s  1:05 left  loss 0.1235"
    )
    ending = Job.model_validate(
        {**DONE, "state": "running", "progress": {**progress, "eta_seconds": 0.2}}
    )
    assert "left" not in describe(ending)


def test_what_a_training_is_expected_to_take_is_said_by_stage() -> None:
    plan = [
        {"stage": "autoencoder", "images": 4000, "images_per_second": 210.4, "seconds": 24.2},
        {"stage": "denoiser", "images": 30000, "images_per_second": 140.0, "seconds": 216.0},
    ]
    progress = {"phase": "trial", "expected_seconds": 245.3, "plan": plan}
    job = Job.model_validate({**DONE, "state": "running", "progress": progress})
    assert expectation(job) == (
        "train takes about 4:05:  autoencoder 0:24 at 210 images/s  denoiser 3:36 at 140 images/s"
    )
    assert expectation(Job.model_validate({**DONE, "state": "running"})) is None


def test_a_queued_job_says_how_many_are_before_it() -> None:
    job = Job.model_validate({**DONE, "state": "queued", "queue_position": 2})
    assert describe(job) == "train queued, 2 before it"


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (("api", "--port", "80"), ["service", "api", "--host", "127.0.0.1", "--port", "80"]),
        (("migrate",), ["service", "migrate"]),
        (("worker", "--name", "w"), ["workers", "worker", "--name", "w"]),
        (("worker", "--queues", "cpu.ingest"), ["workers", "worker", "--queues", "cpu.ingest"]),
        (("scheduler",), ["workers", "scheduler"]),
    ],
)
def test_single_processes_become_their_modules(
    arguments: tuple[str, ...], command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(server.os, "execv", lambda path, argv: became.append([*argv[3:]]))
    assert run(*arguments) == 0
    assert became == [command]


def test_a_set_is_verified_without_a_service(make_set, capsys) -> None:
    assert run("verify", str(make_set())) == 0
    counted, trust = capsys.readouterr().out.splitlines()
    assert counted == "6 images, each as the manifest says (COVID: 3, Normal: 3)"
    assert trust.startswith("signed by key ")
    assert trust.endswith(", which nobody has confirmed")


def test_a_spoilt_set_ends_in_1_by_the_name_of_the_problem(make_set, capsys) -> None:
    assert run("verify", str(make_set(missing="images/COVID/000001.png"))) == 1
    assert "[missing_file]" in capsys.readouterr().err


def test_a_key_given_to_verify_must_have_signed(make_set, capsys, tmp_path: Path) -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32).public_key()
    pem = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pem").write_bytes(pem)
    given = ("--public-key", str(tmp_path / "key.pem"))
    assert run("verify", str(make_set()), *given) == 1
    assert "[foreign_signature]" in capsys.readouterr().err


def test_a_set_that_is_not_there_ends_in_1_by_its_name(capsys, tmp_path: Path) -> None:
    assert run("verify", str(tmp_path / "set.zip")) == 1
    assert "set.zip: No such file" in capsys.readouterr().err


KEYS = [
    {"id": "2" * 64, "algorithm": "Ed25519", "pem": "NEW\n", "current": True},
    {"id": "1" * 64, "algorithm": "Ed25519", "pem": "OLD\n", "current": False},
]


def test_the_current_key_is_shown_as_a_file_and_all_as_json(serve, capsys) -> None:
    serve(lambda _: httpx.Response(200, json={"items": KEYS}))
    assert run("signing-keys", "show") == 0
    assert capsys.readouterr().out == "NEW\n"
    assert run("signing-keys", "show", "--json") == 0
    assert json.loads(capsys.readouterr().out) == KEYS


def test_keys_are_rotated_where_the_service_keeps_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    became: list[tuple[list[str], str]] = []
    monkeypatch.setenv("SYNTHCXR_DATA_DIR", "elsewhere")
    monkeypatch.setattr(
        server.os,
        "execv",
        lambda path, argv: became.append(([*argv[3:]], os.environ["SYNTHCXR_DATA_DIR"])),
    )
    assert run("signing-keys", "rotate", "--data-dir", str(tmp_path)) == 0
    assert became == [(["service", "rotate-keys"], str(tmp_path))]


API_KEY = {"id": "key_1", "name": "pipeline", "scopes": ["train"], "shown": "synthcxr_abcdef"}


def test_a_new_key_s_secret_alone_goes_to_where_it_can_be_piped(serve, capsys) -> None:
    requests = serve(lambda _: httpx.Response(201, json={**API_KEY, "secret": "synthcxr_x"}))
    asked = ("--name", "pipeline", "--scope", "train", "--expires-in-days", "9")
    assert run("keys", "create", *asked) == 0
    printed = capsys.readouterr()
    assert printed.out == "synthcxr_x\n"
    assert "synthcxr_x" not in printed.err
    assert json.loads(requests[0].content) == {
        "name": "pipeline",
        "scopes": ["train"],
        "expires_in_days": 9,
    }
    assert run("keys", "rotate", "key_1", "--grace-seconds", "60") == 0
    assert capsys.readouterr().out == "synthcxr_x\n"
    assert requests[1].url.path == "/keys/key_1/rotate"
    assert json.loads(requests[1].content) == {"grace_seconds": 60}


def test_keys_are_listed_shown_and_revoked(serve, capsys) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(204)
        if request.url.path == "/webhooks":
            return httpx.Response(200, json={"items": []})
        listed = request.url.path == "/keys"
        return httpx.Response(200, json={"items": [API_KEY]} if listed else API_KEY)

    requests = serve(answer)
    assert run("keys", "list") == 0
    assert "synthcxr_abcdef" in capsys.readouterr().out
    assert run("keys", "show", "key_1") == 0
    assert json.loads(capsys.readouterr().out)["name"] == "pipeline"
    assert run("keys", "revoke", "key_1") == 0
    [revoked] = [each for each in requests if each.method == "DELETE"]
    assert revoked.url.path == "/keys/key_1"


def test_a_key_that_is_revoked_names_what_it_made_that_goes_on(serve, capsys) -> None:
    ended = "2020-01-01T00:00:00Z"
    revoked, expired = {"revoked_at": ended}, {"expires_at": ended}
    keys = [
        API_KEY | {"id": "key_2", "created_by": "key_1"},
        API_KEY | {"id": "key_3", "created_by": "key_1"} | revoked,
        API_KEY | {"id": "key_4", "created_by": "key_1"} | expired,
        API_KEY | {"id": "key_5", "created_by": "key_9"},
    ]
    webhooks = [
        {"id": "wh_2", "url": "https://a.example.org/", "created_by": "key_1"},
        {"id": "wh_3", "url": "https://b.example.org/", "created_by": "key_9"},
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(200, json={"items": {"/keys": keys}.get(request.url.path, webhooks)})

    requests = serve(answer)
    assert run("keys", "revoke", "key_1") == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "synthcxr keys revoke key_2\n" in printed.err
    assert "https://a.example.org/" in printed.err
    assert "synthcxr webhooks delete wh_2\n" in printed.err
    assert not any(name in printed.err for name in ("key_3", "key_4", "key_5", "wh_3"))
    assert requests[0].method == "DELETE"  # nothing is waited for before


def test_what_goes_on_is_named_through_keys_that_ended(serve, capsys) -> None:
    keys = [
        API_KEY | {"id": "key_4", "created_by": "key_3"},
        API_KEY | {"id": "key_3", "created_by": "key_2", "revoked_at": "2020-01-01T00:00:00Z"},
        API_KEY | {"id": "key_2", "created_by": "key_1"},
        API_KEY | {"id": "key_6", "created_by": "key_5"},
    ]
    webhooks = [{"id": "wh_1", "url": "https://a.example.org/", "created_by": "key_4"}]

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(200, json={"items": {"/keys": keys}.get(request.url.path, webhooks)})

    serve(answer)
    assert run("keys", "revoke", "key_1") == 0
    said = capsys.readouterr().err
    assert "synthcxr keys revoke key_2\n" in said
    assert "synthcxr keys revoke key_4\n" in said
    assert "synthcxr webhooks delete wh_1\n" in said
    assert not any(name in said for name in ("revoke key_1", "revoke key_3", "key_6"))


def test_a_key_that_revokes_itself_cannot_ask_what_it_made(serve, capsys) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "DELETE":
            return httpx.Response(204)
        return httpx.Response(401, json={"code": "unauthenticated", "detail": "It was revoked."})

    serve(answer)
    assert run("keys", "revoke", "key_1") == 0
    assert "synthcxr webhooks list" in capsys.readouterr().err


def test_a_key_without_a_scope_is_not_asked_for(serve) -> None:
    requests = serve(lambda _: httpx.Response(500))
    assert run("keys", "create", "--name", "x") == 2
    assert requests == []


def test_the_first_key_is_made_on_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []
    monkeypatch.setattr(server.os, "execv", lambda path, argv: became.append([*argv[3:]]))
    assert run("keys", "bootstrap", "--scope", "admin", "--tenant", "radiology") == 0
    [command] = became
    assert command[:2] == ["service", "create-key"]
    assert command[2:] == [
        *("--name", "first key", "--tenant", "radiology"),
        *("--scope", "admin"),
    ]


WEIGHTS = b"weights"
CLEARED = {
    "model_id": "mdl_1",
    "weights": {"cleared": True, "ground": "white_box_audit", "text": "Sure.", "notice": "Mind."},
    "white_box": {"p_value": 0.4},
    "sets": [],
}


def test_scores_are_printed_the_least_likely_first(serve, capsys, tmp_path: Path) -> None:
    usual = {"label": "COVID", "most_likely": "COVID", "margin": 0.5}
    images = [
        {"file": "a.png", "score": 1.5, "percentile": 60.0, **usual},
        {"file": "b.png", "score": 0.25, "percentile": 2.5, **usual},
        {"file": "c.txt", "problem": {"code": "unsupported_format", "detail": "No image."}},
    ]
    scores = {"model_id": "mdl_1", "kind": "log_likelihood", "held_out": {}, "images": images}

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/models/mdl_1/scores/job_1":
            return httpx.Response(200, json=scores)
        return httpx.Response(200, json=DONE | {"kind": "score"})

    requests = serve(answer)
    (tmp_path / "COVID").mkdir()
    (tmp_path / "COVID" / "a.png").write_bytes(b"an image")
    assert run("models", "score", "mdl_1", str(tmp_path), "--label", "COVID") == 0
    sent = requests[0].content
    assert b'name="label"' in sent
    assert b"COVID/a.png" in sent
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert [line.split()[0] for line in lines] == ["file", "c.txt", "b.png", "a.png"]
    assert "c.txt: unsupported_format" in printed.err
    assert run("models", "score", "mdl_1", str(tmp_path / "COVID" / "a.png"), "--json") == 0
    assert b"an image" in requests[-3].content
    assert json.loads(capsys.readouterr().out)["images"][1]["percentile"] == 2.5


PREVIEW = DONE | {
    "kind": "preview",
    "request": {"model_id": "mdl_1", "classes": ["COVID", "../No: Finding"]},
}


def previewed(request: httpx.Request) -> httpx.Response:
    """Answer as a service that has drawn a preview."""
    if request.url.path.endswith(".png"):
        return httpx.Response(200, content=request.url.path.encode())
    return httpx.Response(202, json=PREVIEW)


def test_previews_are_drawn_and_saved_by_class(serve, capsys, tmp_path: Path) -> None:
    requests = serve(previewed)
    folder = tmp_path / "pictures"
    columns = (
        "--column",
        "guidance=1",
        "--column",
        "seed=2,guidance=4,name=ddim,between=[0.1,0.5]",
    )
    asked = ("--class", "COVID", "--class", "../No: Finding", "--images-per-class", "3")
    assert (
        run("models", "preview", "mdl_1", *columns, "--seed", "7", *asked, "-o", str(folder)) == 0
    )
    assert requests[0].url.path == "/models/mdl_1/previews"
    assert json.loads(requests[0].content) == {
        "columns": [
            {"seed": 7, "sampler": {"guidance": 1}},
            {"seed": 2, "sampler": {"guidance": 4, "name": "ddim", "between": [0.1, 0.5]}},
        ],
        "classes": ["COVID", "../No: Finding"],
        "images_per_class": 3,
    }
    printed = capsys.readouterr()
    files = [Path(line) for line in printed.out.splitlines()]
    assert [file.parent for file in files] == [folder, folder], "no class leads out of the folder"
    assert [file.name for file in files] == ["0-COVID.png", "1-.._No_Finding.png"]
    assert files[1].read_bytes() == b"/models/mdl_1/previews/job_1/1.png"
    assert "real images" in printed.err


def test_without_a_folder_a_preview_is_ordered_and_fetched_later(
    serve, capsys, tmp_path: Path
) -> None:
    requests = serve(previewed)
    assert run("models", "preview", "mdl_1") == 0
    assert capsys.readouterr().out == "job_1\n"
    assert json.loads(requests[0].content) == {"columns": [{"sampler": {}}]}
    assert run("models", "preview", "mdl_1", "--job", "job_1", "-o", str(tmp_path / "a")) == 0
    assert [each.method for each in requests].count("POST") == 1
    assert len(list((tmp_path / "a").iterdir())) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ("--column", "guidance"),
        ("--column", "seed=-1"),
        ("--column", "seed=1.5"),
        ("--column", "seed=true"),
        ("--job", "job_1"),
        ("--job", "job_1", "-o", "new", "--seed", "0"),
    ],
)
def test_a_preview_written_wrongly_asks_nothing(serve, arguments: tuple[str, ...]) -> None:
    requests = serve(lambda _: httpx.Response(500))
    assert run("models", "preview", "mdl_1", *arguments) == 2
    assert requests == []


@pytest.mark.parametrize("other", [{"kind": "generate"}, {"request": {"model_id": "mdl_2"}}])
def test_a_job_that_drew_nothing_of_the_model_is_refused_before_it_is_waited_for(
    serve, capsys, tmp_path: Path, other: dict[str, object]
) -> None:
    requests = serve(lambda _: httpx.Response(200, json=PREVIEW | other))
    folder = tmp_path / "a"
    assert run("models", "preview", "mdl_1", "--job", "job_1", "-o", str(folder)) == 2
    assert "no preview of mdl_1" in " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert len(requests) == 1
    assert not folder.exists()


def test_pictures_replace_nothing_without_force(serve, capsys, tmp_path: Path) -> None:
    requests = serve(previewed)
    mine = tmp_path / "0-COVID.png"
    mine.write_bytes(b"mine")
    assert run("models", "preview", "mdl_1", "-o", str(tmp_path)) == 2
    assert "--force" in capsys.readouterr().err
    assert run("models", "preview", "mdl_1", "-o", str(mine), "--force") == 2
    assert requests == []
    assert mine.read_bytes() == b"mine"
    assert run("models", "preview", "mdl_1", "-o", str(tmp_path), "--force") == 0
    assert mine.read_bytes() != b"mine"


def test_a_preview_that_failed_ends_in_1(serve, capsys, tmp_path: Path) -> None:
    error = {"code": "worker_lost", "detail": "The worker was lost."}
    serve(lambda _: httpx.Response(202, json=PREVIEW | {"state": "failed", "error": error}))
    assert run("models", "preview", "mdl_1", "-o", str(tmp_path / "a")) == 1
    assert "worker_lost" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


def with_weights(request: httpx.Request) -> httpx.Response:
    """Answer as a service that has a model whose weights can be released."""
    if request.url.path.endswith("/weights"):
        sha256 = hashlib.sha256(WEIGHTS).hexdigest()
        return httpx.Response(200, content=WEIGHTS, headers={"ETag": f'"{sha256}"'})
    if request.url.path.endswith("/audit"):
        return httpx.Response(200, json=CLEARED)
    card = {"differential_privacy": {"epsilon": 3}, "seed": 7, "dataset_fingerprint": "f" * 64}
    return httpx.Response(200, json={"id": "mdl_1", "family": "vae", "config": {}, "card": card})


def test_weights_are_saved_beside_the_ground_and_the_terms_they_left_on(
    serve, capsys, tmp_path: Path
) -> None:
    serve(with_weights)
    file = tmp_path / "vae.safetensors"
    assert run("models", "weights", "mdl_1", "-o", str(file)) == 0
    assert file.read_bytes() == WEIGHTS
    beside = (tmp_path / "vae.safetensors.json").read_text()
    shown = json.loads(beside)
    assert shown["sha256"] == hashlib.sha256(WEIGHTS).hexdigest()
    assert shown["clearance"] == CLEARED["weights"]
    assert shown["differential_privacy"] == {"epsilon": 3}
    assert "seed" not in beside
    assert "f" * 64 not in beside
    printed = capsys.readouterr()
    assert printed.out == f"{file}\n"
    assert "white_box_audit: Sure." in printed.err
    assert "Mind." in printed.err


def test_weights_that_are_not_released_are_refused_with_the_reason(
    serve, capsys, tmp_path: Path
) -> None:
    problem = {"code": "weights_not_cleared", "detail": "They stay.", "status": 409}
    serve(lambda _: httpx.Response(409, json=problem))
    assert run("models", "weights", "mdl_1", "-o", str(tmp_path / "w.safetensors")) == 6
    assert "They stay [weights_not_cleared]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


DELETED = {
    "id": "del_1",
    "kind": "dataset",
    "target": "ds_1",
    "removed": [{"kind": "dataset", "id": "ds_1", "num_files": 3, "num_bytes": 7}],
    "kept": [{"kind": "patient_ledger", "id": "ds_1", "why": "Patients keep their split."}],
    "receipt": None,
}


@pytest.mark.parametrize("what", ["datasets", "models"])
def test_a_deletion_says_what_went_and_what_stays_and_saves_its_receipt(
    serve: Callable[..., list[httpx.Request]],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    what: str,
) -> None:
    key = Ed25519PrivateKey.generate()
    signed = receipt_of(key, {"deleted": {"kind": "dataset", "id": "ds_1"}})
    requests = serve(lambda _: httpx.Response(200, json=DELETED | {"receipt": signed}))
    file = tmp_path / "receipt.json"
    assert run(what, "delete", "ds_1", "--cascade", "--receipt", str(file)) == 0
    assert str(requests[0].url).endswith(f"/{what}/ds_1?cascade=true")
    printed = capsys.readouterr()
    assert printed.out == "del_1\n"
    assert "removed 1 records, 3 files, 7 bytes" in printed.err
    assert "Patients keep their split." in printed.err

    pem = tmp_path / "key.pem"
    pem.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    assert run("deletions", "verify", str(file), "--public-key", str(pem)) == 0
    assert '"id": "ds_1"' in capsys.readouterr().out
    file.write_text(file.read_text().replace(signed["payload"], "e30="))
    assert run("deletions", "verify", str(file), "--public-key", str(pem)) == 1
    assert "signature" in capsys.readouterr().err


def receipt_of(key: Ed25519PrivateKey, content: dict[str, object]) -> dict[str, object]:
    """Sign a receipt as the service does."""
    kind, payload = "application/vnd.synthcxr.deletion+json", json.dumps(content).encode()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    signature = base64.b64encode(key.sign(signed_bytes(kind, payload))).decode()
    return {
        "payloadType": kind,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": hashlib.sha256(der).hexdigest(), "sig": signature}],
    }


def test_what_becomes_of_burnt_in_text_reaches_the_service(serve) -> None:
    requests = serve(lambda _: httpx.Response(202, json=DONE))
    asked = ("--phantom", "normal=8,effusion=8", "--burned-in-text", "mask")
    assert run("datasets", "add", *asked) == 0
    assert json.loads(requests[0].content)["burned_in_text"] == "mask"


def test_images_with_text_are_listed(serve, capsys) -> None:
    page = {"items": [{"file": "a/1.png", "num_places": 2}], "next_cursor": None}
    requests = serve(lambda _: httpx.Response(200, json=page))
    assert run("datasets", "text", "ds_1") == 0
    assert requests[0].url.path == "/datasets/ds_1/burned-in-text"
    assert capsys.readouterr().out.split() == ["file", "num_places", "a/1.png", "2"]


PLAN = {
    "can_pass": False,
    "reasons": ["COVID makes up 50 % of the images."],
    "remedies": ["ask for COVID=100, Normal=150"],
    "class_counts": {"COVID": 100, "Normal": 150},
    "num_examined": 500,
}


def test_a_plan_prints_counts_that_can_pass_and_makes_nothing(serve, capsys) -> None:
    requests = serve(lambda _: httpx.Response(200, json=PLAN))
    assert run("generate", "mdl_1", "--class-counts", "COVID=100,Normal=100", "--plan") == 0
    [request] = requests
    assert request.url.path == "/generate/plan"
    printed = capsys.readouterr()
    assert printed.out == "COVID=100,Normal=150\n"
    assert "COVID makes up 50 %" in printed.err


def test_what_cannot_pass_is_said_before_it_is_waited_for(serve, capsys) -> None:
    queued = {
        **DONE,
        "kind": "generate",
        "state": "queued",
        "done": False,
        "warnings": ["Too few."],
    }
    requests = serve(lambda _: httpx.Response(202, json=queued))
    assert run("generate", "mdl_1", "--class-counts", "COVID=1", "--strict") == 0
    assert json.loads(requests[0].content)["strict"] is True
    assert "warning: Too few." in capsys.readouterr().err


def test_a_set_that_is_not_released_prints_reasons_remedies_and_who_may_see_it(
    serve, capsys, tmp_path: Path
) -> None:
    verdict = {
        "outcome": "inconclusive",
        "code": "power",
        "reasons": ["the holdout is too small", "the images are too far from real ones"],
        "remedies": ["ingest more patients"],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/download"):
            problem = {
                "code": "scope_missing",
                "detail": "It is not to be released.",
                "status": 403,
            }
            return httpx.Response(403, json=problem)
        return httpx.Response(200, json={"id": "syn_1", "num_images": 5, "verdict": verdict})

    serve(answer)
    assert run("sets", "download", "syn_1", "-o", str(tmp_path / "set.zip")) == 6
    printed = capsys.readouterr().err
    for line in (*verdict["reasons"], *verdict["remedies"], "private:read", "sets report syn_1"):
        assert line in printed


def test_a_certificate_is_saved_for_its_recipient(serve, tmp_path: Path) -> None:
    requests = serve(lambda _: httpx.Response(200, content=b"%PDF-1.4"))
    file = tmp_path / "certificate.pdf"
    arguments = ("sets", "certificate", "syn_1", "--recipient", "University", "-o", str(file))
    assert run(*arguments) == 0
    assert requests[0].headers["accept"] == "application/pdf"
    assert requests[0].url.params["recipient"] == "University"
    assert file.read_bytes() == b"%PDF-1.4"


def running(progress: dict[str, object], **more: object) -> Job:
    return Job.model_validate(
        {**DONE, "done": False, "state": "running", "progress": progress, **more}
    )


def test_one_loss_is_shown_and_no_figure_of_the_monitor() -> None:
    metrics = {"memorisation_standard_errors": 1.5, "generator": 0.25, "discriminator": 0.5}
    line = describe(running({"phase": "gan"}, metrics=metrics))
    assert line == "train gan  generator 0.25"


def test_time_left_is_counted_down_and_then_gives_way_to_the_time_so_far() -> None:
    column = TimeColumn()
    with bar_for_jobs() as bar:
        task = bar.add_task(**shown(running({"phase": "sampling", "fraction": 0.5})))
        row = bar.tasks[0]
        assert str(column.render(row)).endswith("so far")
        bar.update(task, ends_at=time.monotonic() + 65.2)
        assert str(column.render(row)) == "1:05 left"
        bar.update(task, ends_at=time.monotonic() + 0.4)  # due, and nothing was reported since
        assert str(column.render(row)).endswith("so far")


def test_a_phase_of_unknown_length_pulses_without_a_percentage() -> None:
    assert shown(running({"phase": "examining"}))["total"] is None
    assert shown(running({"phase": "examining"}))["percentage"] == ""
    assert shown(running({"phase": "sampling", "fraction": 0.25}))["percentage"] == "25%"


def test_without_a_terminal_the_time_so_far_stands_where_no_share_is_known(serve, capsys) -> None:
    going = {**DONE, "done": False, "state": "running", "progress": {"phase": "preparing"}}
    answers = iter([going, going, DONE])
    serve(lambda _: httpx.Response(200, json=next(answers)))
    assert run("jobs", "wait", "job_1") == 0
    assert "train preparing  0:00 so far\n" in capsys.readouterr().err


def test_a_job_that_was_cancelled_is_not_all_done() -> None:
    cancelled = {**DONE, "state": "cancelled", "progress": {"phase": "adversarial"}}
    assert shown(Job.model_validate(cancelled))["percentage"] == ""
    assert shown(Job.model_validate(DONE))["percentage"] == "100%"


def test_the_bar_stays_on_a_narrow_terminal_whatever_is_beside_it(monkeypatch) -> None:
    console = Console(width=70, force_terminal=True, file=io.StringIO(), color_system=None)
    monkeypatch.setattr("synthcxr.cli.progress.stderr", console)
    bar = bar_for_jobs()
    job = running({"phase": "x" * 200, "fraction": 0.5})
    bar.add_task(**shown(job))
    console.print(bar.get_renderable())
    [line] = [each for each in console.file.getvalue().splitlines() if each.strip()]
    assert "50%" in line
    assert "so far" in line
