"""Puts a worker's parts together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from service.adapters.artifact_store import open_artifacts
from service.adapters.clock import SystemClock
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.ports import ArtifactStore, Clock
from service.domain.record_ports import Records
from service.settings import Settings
from workers.runtime.sign_of_life import SignOfLife
from workers.runtime.stop_request import StopRequest


@dataclass(frozen=True)
class WorkerContext:
    """What a worker works with.

    Attributes:
        name: Host, worker and process, to be found in the records and in the logs.
        settings: Of this deployment.
        records: Jobs and what they made.
        artifacts: The files of those.
        clock: The time of day.
        sign: Shows that the work gets on.
        stop: Whether the work should stop at its next step.
    """

    name: str
    settings: Settings
    records: Records
    artifacts: ArtifactStore
    clock: Clock
    sign: SignOfLife = field(default_factory=SignOfLife)
    stop: StopRequest = field(default_factory=StopRequest)

    @classmethod
    def of(
        cls,
        settings: Settings,
        name: str,
        sign: SignOfLife | None = None,
        stop: StopRequest | None = None,
    ) -> Self:
        """Connect to what the settings name; see the attributes."""
        clock, sign = SystemClock(), sign or SignOfLife()
        return cls(
            name=name,
            settings=settings,
            records=sql_records(open_engine(settings.resolved_database_url), clock),
            artifacts=open_artifacts(settings, sign.step),
            clock=clock,
            sign=sign,
            stop=stop or StopRequest(),
        )
