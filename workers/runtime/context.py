"""Puts a worker's parts together, once a process."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from typing import Self

from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain.ports import ArtifactStore, Clock, Records
from service.settings import Settings


@dataclass(frozen=True)
class WorkerContext:
    """What a worker works with.

    Attributes:
        name: Host and process, to be found in the records and in the logs.
    """

    name: str
    settings: Settings
    records: Records
    artifacts: ArtifactStore
    clock: Clock

    @classmethod
    @cache
    def of(cls, settings: Settings) -> Self:
        """Connect to what the settings name."""
        clock = SystemClock()
        return cls(
            name=f"{socket.gethostname()}:{os.getpid()}",
            settings=settings,
            records=sql_records(open_engine(settings.resolved_database_url), clock),
            artifacts=LocalArtifacts(settings.data_dir),
            clock=clock,
        )
