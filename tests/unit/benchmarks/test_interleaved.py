from __future__ import annotations

from benchmarks.evaluation.interleaved import rates


def test_tasks_run_in_turn_and_every_other_round_backwards() -> None:
    order: list[str] = []
    time = [0.0]

    def task(name: str, seconds: float) -> int:
        order.append(name)
        time[0] += seconds
        return 6

    tasks = {"fast": lambda: task("fast", 1), "slow": lambda: task("slow", 3)}
    measured = rates(tasks, rounds=3, clock=lambda: time[0])
    assert order == ["fast", "slow", "fast", "slow", "slow", "fast", "fast", "slow"]
    assert measured == {"fast": [6, 6, 6], "slow": [2, 2, 2]}
