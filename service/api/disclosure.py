"""What the audit log learns of an answer: that private or released content leaves, or was refused.

An entry is written before the answer is sent: what cannot be recorded is not shown.
"""

import re
import threading
import time
from collections.abc import Iterable
from http import HTTPStatus
from typing import cast

import structlog
from fastapi import Request, Response

from service.api.dependencies import about
from service.context import AppContext
from service.domain.caller import PRIVATE_READ, Caller
from service.domain.errors import RecordsUnavailable, ScopeMissing, Unauthenticated

_log = structlog.get_logger()

_RECORD_ID = re.compile(r"(?:ds|mdl|syn|job|del|key)_[0-9a-z]{26}")
REPEAT_SECONDS = 60.0
_MAX_REMEMBERED = 10_000
_WHATEVER_IS_NAMED = {Unauthenticated.code, ScopeMissing.code}


def disclosed(context: AppContext, record_id: str, answer: Response) -> Response:
    """Record that an answer carries content of a record; one without content is not recorded."""
    if answer.status_code != HTTPStatus.NOT_MODIFIED:
        context.records.audit.append(context.entry(record_id))
    return answer


def shown_privately(context: AppContext, record_ids: Iterable[str]) -> None:
    """Record which records were shown with the fields that need the scope private:read."""
    if PRIVATE_READ in context.scopes:
        drafts = [context.entry(record_id) for record_id in record_ids]
        if drafts:
            context.records.audit.append(*drafts)


class RecentRefusals:
    """Refusals of the last minute, so that one who knocks all day fills no log.

    The same refusal of the same caller from the same address is recorded once a minute.
    """

    def __init__(self) -> None:
        self._at: dict[tuple[str | None, ...], float] = {}
        self._lock = threading.Lock()

    def is_new(self, *refusal: str | None) -> bool:
        """Say whether a refusal is to be recorded, and remember it."""
        now = time.monotonic()
        with self._lock:
            if now - self._at.get(refusal, float("-inf")) < REPEAT_SECONDS:
                return False
            if len(self._at) >= _MAX_REMEMBERED:
                self._at = {k: at for k, at in self._at.items() if now - at < REPEAT_SECONDS}
            if len(self._at) >= _MAX_REMEMBERED:
                self._at.clear()
            self._at[refusal] = now
            return True


_recent = RecentRefusals()


def record_refusal(request: Request, code: str) -> None:
    """Record that a request was refused; the refusal stands whether or not this can be done."""
    service = cast("AppContext", request.app.state.context)
    caller = getattr(request.state, "caller", None) or Caller.unknown()
    context = about(request, service.of_caller(caller))
    named = map(str, request.path_params.values())
    target = next((name for name in named if _RECORD_ID.fullmatch(name)), None)
    entry = context.entry(target, code)
    # whoever may not do this at all names what they like: that makes no refusal another one
    of = None if code in _WHATEVER_IS_NAMED else entry.target
    if not _recent.is_new(entry.tenant, entry.actor, entry.action, of, code, entry.origin):
        return
    try:
        context.records.audit.append(entry)
    except RecordsUnavailable:
        _log.warning("refusal not recorded", code=code)
