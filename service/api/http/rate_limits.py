"""How often one client may ask: counted in this process, shown in the headers of every answer.

The window moves: it holds the requests of this minute, and of the one before the share that is
younger than sixty seconds. Each process of the API counts for itself, so n processes let n times as
many requests through.
"""

import math
import time
from dataclasses import dataclass

from fastapi import Request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

from service.domain.caller import Caller
from service.domain.errors import RateLimited

WINDOW_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a client has left after a request.

    Attributes:
        policy: Name of the limit.
        quota: Requests per window.
        remaining: Requests left.
        reset_seconds: Until there are more; at least 1.
    """

    policy: str
    quota: int
    remaining: int
    reset_seconds: int

    @property
    def headers(self) -> dict[str, str]:
        """The fields of draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"{self.policy}";q={self.quota};w={WINDOW_SECONDS}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset_seconds}',
        }


class RateLimit:
    """One limit, for each client by itself.

    Args:
        policy: Its name in the headers.
        max_per_minute: Requests of one client.
    """

    def __init__(self, policy: str, max_per_minute: int) -> None:
        self._policy = policy
        self._item = RateLimitItemPerMinute(max_per_minute, namespace=policy)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def take(self, client: str) -> tuple[Allowance, bool]:
        """Count a request of a client; return what is left, and whether it is within the limit."""
        granted = self._limiter.hit(self._item, client)
        reset, remaining = self._limiter.get_window_stats(self._item, client)
        wait = max(math.ceil(reset - time.time()), 1)
        left = max(remaining, 0) if granted else 0
        return Allowance(self._policy, self._item.amount, left, wait), granted


class RateLimits:
    """The limits of a service.

    Args:
        max_requests_per_minute: Of one caller; 0 for no limit.
        max_failures_per_minute: Failed authentications of one address; 0 for no limit.
    """

    def __init__(self, max_requests_per_minute: int, max_failures_per_minute: int) -> None:
        self._requests = _limit("requests", max_requests_per_minute)
        self._failures = _limit("failed-authentications", max_failures_per_minute)

    def admit(self, request: Request, caller: Caller) -> None:
        """Count a request of a caller; raises RateLimited past the limit."""
        _take(request, self._requests, caller.id, "Too many requests.")

    def count_failure(self, request: Request) -> None:
        """Count a failed authentication; raises RateLimited in its place past the limit.

        A caller with a valid key is not held up by the failures of others behind their address.
        """
        address = request.client.host if request.client else "unknown"
        _take(request, self._failures, address, "Too many keys that are not valid.")


def _limit(policy: str, max_per_minute: int) -> RateLimit | None:
    return RateLimit(policy, max_per_minute) if max_per_minute else None


def _take(request: Request, limit: RateLimit | None, client: str, what: str) -> None:
    if limit is None:
        return
    allowance, granted = limit.take(client)
    request.state.allowance = allowance
    if not granted:
        raise RateLimited(
            f"{what} {allowance.quota:,} a minute are allowed. Wait {allowance.reset_seconds} s, "
            "as `Retry-After` says, and ask less often: `GET /jobs/{id}?wait=30` answers when the "
            "job is done.",
            allowance.reset_seconds,
        )
