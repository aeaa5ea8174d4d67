"""What runs beside us: the API, where one listens, and the broker."""

from collections.abc import Iterator
from email.utils import parsedate_to_datetime

import httpx

from service.adapters.celery_queue import CeleryQueue
from service.operations.checks.finding import Finding, Status
from service.operations.checks.machine import compare_clock
from service.operations.database_copy import kind_of
from service.settings import Settings


def check_service(settings: Settings) -> Iterator[Finding]:
    """Ask the API that listens where the settings say, if one does."""
    url = f"http://{_client_host(settings.host)}:{settings.port}"
    try:
        answer = httpx.get(f"{url}/readyz", timeout=5.0, trust_env=False)
    except httpx.TransportError:
        yield Finding("service", "ok", f"none answers at {url}")
        return
    problem = "" if answer.status_code == httpx.codes.OK else answer.text[:200]
    fix = "See docs/errors.md for its code." if problem else ""
    yield Finding("service", "failed" if problem else "ok", problem or f"ready at {url}", fix)
    if "date" in answer.headers:
        now = parsedate_to_datetime(answer.headers["date"])
        yield compare_clock("clock against the service", now)


def _client_host(host: str) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return f"[{host}]" if ":" in host else host


def check_broker(settings: Settings) -> Iterator[Finding]:
    """Check that the broker answers, where one is named."""
    url = settings.resolved_broker_url
    if url is None:
        distributed = kind_of(settings.resolved_database_url) == "postgresql"
        fix = "Set SYNTHCXR_BROKER_URL, unless `synthcxr up` runs all." if distributed else ""
        status: Status = "warning" if distributed else "ok"
        yield Finding("broker", status, "none named; `synthcxr up` brings its own", fix)
    elif CeleryQueue(url).reachable():
        yield Finding("broker", "ok", "reachable")
    else:
        fix = (
            "Start it, or correct SYNTHCXR_BROKER_URL and its password; where an authority of your "
            "own signed its certificate, add ?ssl_ca_certs=/path/to/authority.pem to the URL."
        )
        yield Finding("broker", "failed", "unreachable", fix)
