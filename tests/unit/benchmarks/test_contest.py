from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.evaluation.contest import ENTRANTS, run_side_by_side, runs
from benchmarks.evaluation.private_folder import CHECKOUT
from benchmarks.peers.contestant import output_path
from benchmarks.time_to_quality import main
from radiographs.phantom import FINDINGS

PEERS = CHECKOUT / "benchmarks" / "peers"


def test_ours_and_its_peers_run_in_turn() -> None:
    names = [each.name for each in ENTRANTS]
    for entrant in ENTRANTS:
        assert all(names.index(rival) > names.index(entrant.name) for rival in entrant.rivals)
    commands = runs(ENTRANTS, ["--seed", "0"])
    assert [command[0] == sys.executable for command in commands] == [
        each.is_ours for each in ENTRANTS
    ]
    assert all(command[-2:] == ["--seed", "0"] for command in commands)


def test_every_entrant_is_a_module_of_the_peers() -> None:
    for entrant in ENTRANTS:
        assert (PEERS / f"{entrant.module[0].rpartition('.')[2]}.py").exists()


def test_the_peers_environment_is_pinned_exactly_and_names_no_place() -> None:
    for line in (PEERS / "requirements.txt").read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[\w.-]+==[\w.!+]+", line), line


def test_runs_are_kept_to_their_cores(tmp_path: Path) -> None:
    note = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(' '.join(sys.argv[2:]))"
    commands = [[sys.executable, "-c", note, str(tmp_path / str(k))] for k in range(4)]
    run_side_by_side(commands, cores=[5, 7])
    pinned = {(tmp_path / str(k)).read_text(encoding="utf-8") for k in range(4)}
    assert pinned <= {"--core 5", "--core 7"}


def test_a_run_that_fails_is_not_passed_over() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        run_side_by_side([[sys.executable, "-c", "raise SystemExit(3)"]], cores=None)


def test_what_lies_in_the_store_is_judged_and_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    store, results = tmp_path / "store", tmp_path / "results.json"
    asked = [
        *("--phantoms", "240", "--store", str(store), "--judge-only", "--per-class", "8"),
        *("--marks", "60", "--classifier-images", "256", "--output", str(results)),
    ]
    with pytest.raises(SystemExit, match="holds no images") as refused:
        main(asked)
    folder = Path(str(refused.value).partition(" holds no images")[0])
    folder.mkdir(parents=True)
    labels = np.repeat(np.arange(len(FINDINGS)), 8)
    rng = np.random.default_rng(0)
    for name, sampler in (("vae", "default"), ("pyhealth_vae", "prior")):
        np.savez(
            output_path(folder, name, sampler, 60, 0),
            pixels=rng.integers(0, 256, (len(labels), 64, 64), np.uint8),
            labels=labels,
            images_seen=1234,
            training_seconds=60.5,
            sampling_seconds=2.0,
            num_parameters=10,
        )
    main(asked)
    content = json.loads(results.read_text(encoding="utf-8"))
    assert [each["name"] for each in content["contestants"]] == ["pyhealth_vae", "vae"]
    assert "pixels" not in content["contestants"][0]
    assert content["contestants"][0]["images_seen"] == 1234
    [ratio] = content["ratios"]
    assert ratio["ours"] == "vae, default, 60 s"
    assert ratio["kid"]["value"] == pytest.approx(1, rel=0.2)  # both are noise
    printed = capsys.readouterr().out
    assert "| vae, default | 60 s | 0.0 M | 1,234 |" in printed
    assert "| real, held out |" in printed
    assert re.search(r"\| \d+\.\d % \[\d+\.\d, \d+\.\d\] \| 0\.0 % \|$", printed, re.MULTILINE)


def test_drawn_images_are_not_kept_where_git_would_take_them_in() -> None:
    with pytest.raises(ValueError, match="inside the checkout"):
        main(["--phantoms", "240", "--store", str(CHECKOUT / "benchmarks" / "results")])
