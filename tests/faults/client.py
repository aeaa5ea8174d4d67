"""A client that never gives up: it sends a request under one key until it is accepted."""

import random
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from service.domain.job import Job
from tests.faults.deployment import Deployment

ANSWER_SECONDS = 10.0
LATER = {429, 503}


@dataclass
class PatientClient:
    """Sends requests that make jobs, and knows which were accepted.

    Attributes:
        deployment: To whom.
        chance: Decides; seeded.
        accepted: The jobs that were answered 202, by the key of their request.
        answered_after: Seconds from a request to its 202.
        num_unanswered: How often no answer came, or one that asked to come again.
        wrong: Repeated requests that were answered with another job, and unforeseen answers.
    """

    deployment: Deployment
    chance: random.Random
    accepted: dict[str, str] = field(default_factory=dict)
    answered_after: list[float] = field(default_factory=list)
    num_unanswered: int = 0
    wrong: list[str] = field(default_factory=list)
    _open: set[str] = field(default_factory=set)
    _waiting: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)
    _sent: dict[str, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def ask(self, path: str, **body: Any) -> str | None:
        """Ask for a job under a new key; returns it, or None where it must be asked for again."""
        key = str(uuid.UUID(int=self.chance.getrandbits(128)))
        self._waiting[key] = (path, body)
        return self._send(key)

    def ask_again(self) -> None:
        """Send again what was not accepted yet, and now and then what was."""
        for key in list(self._waiting):
            self._send(key)
        if self.accepted and self.chance.random() < 0.05:
            key = self.chance.choice(list(self.accepted))
            self._waiting[key] = self._sent[key]
            self._send(key)

    @property
    def all_accepted(self) -> bool:
        """Whether no request waits to be sent again."""
        return not self._waiting

    def _send(self, key: str) -> str | None:
        path, body = self._sent[key] = self._waiting[key]
        began = time.monotonic()
        try:
            answer = self.deployment.http.post(
                path, headers={"Idempotency-Key": key}, timeout=ANSWER_SECONDS, **body
            )
        except httpx.TransportError:
            self.num_unanswered += 1
            return None
        if answer.status_code in LATER:
            self.num_unanswered += 1
            return None
        del self._waiting[key]
        if answer.status_code != 202:
            self.wrong.append(f"{path}: {answer.status_code} {answer.text[:200]}")
            return None
        job_id = str(answer.json()["id"])
        if key not in self.accepted:
            self.answered_after.append(time.monotonic() - began)
            self._open.add(job_id)
        if self.accepted.setdefault(key, job_id) != job_id:
            self.wrong.append(f"{job_id} repeats {self.accepted[key]}")
        return job_id

    def jobs(self) -> list[Job]:
        """Return the accepted jobs."""
        ids = list(self.accepted.values())
        few = [ids[start : start + 200] for start in range(0, len(ids), 200)]
        return [job for some in few for job in self.deployment.records.jobs.some_jobs(some)]

    def adopt(self, accepted: Mapping[str, str]) -> None:
        """Look after jobs, too, that were accepted from another client."""
        self.accepted.update(accepted)
        self._open.update(accepted.values())

    def open_jobs(self) -> list[Job]:
        """Return the accepted jobs that have not ended."""
        known = sorted(self._open)
        found = self.deployment.records.jobs.some_jobs(known) if known else []
        left = [job for job in found if not job.state.done]
        self._open = {job.id for job in left}
        return sorted(left, key=lambda job: job.id)

    def cancel(self, job: Job) -> bool:
        """Ask once for a job to be cancelled; return whether it will be."""
        try:
            answer = self.deployment.http.post(f"/jobs/{job.id}/cancel", timeout=ANSWER_SECONDS)
        except httpx.TransportError:
            return False
        if answer.status_code >= 500 and answer.status_code != 503:
            self.wrong.append(f"cancel: {answer.status_code}")
        return answer.is_success
