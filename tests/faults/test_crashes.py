"""Crashes, stops and restarts of every process, in any order: no job is lost, none is doubled."""

import random
from pathlib import Path

from tests.faults import campaign as faults
from tests.faults.deployment import deployed
from tests.faults.judge import judge

SEED = 12
WORKERS = {"worker-1": "cpu.ingest", "worker-2": "cpu.ingest,gpu.train"}
EACH = [
    *["kill_process_of_a_job"] * 12,
    *["kill_worker", "kill_host", "restart_a_program", "stop_process_past_its_lease"] * 2,
    *["kill_api", "kill_scheduler", "kill_broker", "wipe_broker", "repeat_messages"] * 2,
    *["cancel_a_job"] * 4,
    *["stop_worker_past_its_lease", "leave_broker_down"],
]


def test_whatever_dies_every_accepted_job_ends_once(tmp_path: Path) -> None:
    plan = list(EACH)
    random.Random(SEED).shuffle(plan)
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
        assert found.jobs["succeeded"] >= 10
        assert campaign.faults.total() >= len(EACH) - 3
        print(found, campaign.faults, campaign.restart_gaps("kill_process_of_a_job"))
