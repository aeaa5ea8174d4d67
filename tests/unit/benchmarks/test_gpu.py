"""The script for a machine with a GPU: what it does without one, and when a part fails."""

import json

import pytest
import torch

from benchmarks.gpu import __main__ as script


@pytest.fixture
def parts(monkeypatch):
    parts = {}
    monkeypatch.setattr(script, "_parts", lambda *_, **__: parts)
    return parts


def read(output):
    return json.loads(output.read_text())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_it_says_what_can_be_done():
    with pytest.raises(SystemExit, match="--dry-run"):
        script.main([])


def test_a_part_that_fails_is_written_down_and_the_others_go_on(parts, tmp_path):
    parts["broken"] = 0, lambda: {}["missing"]
    parts["whole"] = 0, lambda: {"some": {"passed": True}}
    output = tmp_path / "gpu.json"
    with pytest.raises(SystemExit):
        script.main(["--dry-run", "--output", str(output)])
    found = read(output)
    assert found["broken"]["error"].startswith("KeyError")
    assert found["whole"]["some"] == {"passed": True}
    assert found["dry_run"] is True


def test_a_check_that_does_not_pass_ends_in_a_failure(parts):
    parts["checks"] = 0, lambda: {"drawing": {"passed": False}}
    with pytest.raises(SystemExit):
        script.main(["--dry-run"])


def test_no_part_begins_that_would_end_too_late(parts, tmp_path):
    parts["long"] = 120.0, lambda: pytest.fail("it began")
    output = tmp_path / "gpu.json"
    script.main(["--dry-run", "--minutes", "1", "--output", str(output)])
    assert "left_out" in read(output)["long"]
