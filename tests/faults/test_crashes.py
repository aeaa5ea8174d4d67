"""Crashes, stops and restarts of every process, in any order: no job is lost, none is doubled."""

import os
import random
from pathlib import Path

import pytest

from tests.faults import campaign as faults
from tests.faults.deployment import deployed
from tests.faults.judge import judge

SEED = 12
WORKERS = {"worker-1": "cpu.ingest", "worker-2": "cpu.ingest,gpu.train"}
EACH = [
    *["kill_process_of_a_job"] * 12,
    *["kill_api", "kill_scheduler", "kill_broker", "wipe_broker", "repeat_messages"] * 2,
    *["kill_worker", "kill_host", "restart_a_program"],
    *["stop_process_past_its_lease", "stop_worker_past_its_lease", "leave_broker_down"],
    *["cancel_a_job"] * 4,
]
OTHER_CLOCK = [
    *Path("/usr/lib").glob("*/faketime/libfaketime.so.1"),
    *map(Path, filter(None, [os.environ.get("SYNTHCXR_TEST_LIBFAKETIME")])),
]

pytestmark = pytest.mark.timeout(900)


def test_whatever_dies_every_accepted_job_ends_once(tmp_path: Path) -> None:
    plan = random.Random(SEED).sample(EACH, len(EACH))
    with deployed(tmp_path / "data", WORKERS) as deployment:
        campaign = faults.begin(deployment, SEED)
        campaign.run(
            lambda: plan.pop() if plan else None,
            pause_seconds=0.8,
            num_open=4,
            goes_on=lambda: bool(plan),
        )
        found = judge(deployment, campaign.client.accepted)
        assert campaign.client.wrong == []
        found.assert_whole()
        assert found.jobs["succeeded"] >= 4
        assert campaign.faults.total() >= len(EACH) // 2


def test_clocks_that_differ_by_minutes_make_no_difference(tmp_path: Path) -> None:
    library = next((each for each in OTHER_CLOCK if each.exists()), None)
    if library is None:
        pytest.skip("libfaketime is not installed")
    skews = {"worker-1": "+45s", "worker-2": "-45s", "scheduler": "+90s"}
    skewed = {name: {"LD_PRELOAD": str(library), "FAKETIME": skew} for name, skew in skews.items()}
    plan = ["kill_process_of_a_job", "kill_host"] * 2
    with deployed(tmp_path / "data", WORKERS, of_program=skewed) as deployment:
        campaign = faults.begin(deployment, SEED)
        campaign.run(
            lambda: plan.pop() if plan else None,
            pause_seconds=2.0,
            num_open=3,
            goes_on=lambda: bool(plan),
        )
        assert campaign.client.wrong == []
        judge(deployment, campaign.client.accepted).assert_whole()
