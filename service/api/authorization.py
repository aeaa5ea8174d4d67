"""Who may call what: one line for each operation, settled before a byte of the body is read."""

from collections.abc import Callable, Coroutine, Mapping
from hashlib import sha256
from typing import Any, cast

from anyio.to_thread import run_sync
from cachetools import TTLCache
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Match
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope
from typing_extensions import override

from service.api.http.head_requests import answer_head, is_head
from service.api.http.query_parameters import check_parameters, known_parameters
from service.api.http.rate_limits import RateLimits
from service.authentication import Authenticator
from service.domain.caller import (
    ADMIN,
    DATASETS,
    GENERATE,
    METRICS_READ,
    PRIVATE_READ,
    RELEASE_APPROVE,
    SCOPES,
    TRAIN,
    WEIGHTS_READ,
    Caller,
    Scope,
)
from service.domain.errors import ScopeMissing, Unauthenticated
from service.domain.ports import Clock

PUBLIC: tuple[Scope, ...] = ()  # nobody is asked who they are
# whoever holds a scope that is about records; a scraper of metrics sees none
ANY = tuple(scope for scope in SCOPES if scope != METRICS_READ)
JOBS = (DATASETS, TRAIN, GENERATE)  # which one, the job's kind says

# For each operation the scopes of which the caller must hold one. Keys are operation ids, as the
# routers and openapi.yaml name them: POST /models/{id}/previews is preview_model.
NEEDS: Mapping[str, tuple[Scope, ...]] = {
    "healthz": PUBLIC,
    "readyz": PUBLIC,
    "version": PUBLIC,
    "openapi": PUBLIC,
    "openapi_json": PUBLIC,
    "front": PUBLIC,
    "console": PUBLIC,
    "console_file": PUBLIC,
    "docs": PUBLIC,
    "list_signing_keys": PUBLIC,
    "metrics": (METRICS_READ, ADMIN),
    "create_dataset": (DATASETS,),
    "list_datasets": ANY,
    "get_dataset": ANY,
    "list_dropped_files": ANY,
    "list_images_with_text": ANY,
    "get_dataset_samples": (PRIVATE_READ,),
    "delete_dataset": (DATASETS,),
    "train": (TRAIN,),
    "generate": (GENERATE,),
    "plan_generation": (GENERATE,),
    "list_jobs": ANY,
    "get_job": ANY,
    "list_events": ANY,
    "cancel_job": JOBS,
    "retry_job": JOBS,
    "delete_job": JOBS,
    "list_models": ANY,
    "get_model": ANY,
    "get_model_audit": ANY,
    "get_model_weights": (WEIGHTS_READ,),
    "get_model_samples": (PRIVATE_READ,),
    "preview_model": (PRIVATE_READ,),
    "get_preview": (PRIVATE_READ,),
    "score_images": (PRIVATE_READ,),
    "get_scores": (PRIVATE_READ,),
    "list_synthetic_sets": ANY,
    "get_synthetic_set": ANY,
    "get_manifest": ANY,
    "get_image": ANY,
    "download_synthetic_set": ANY,
    "get_report": ANY,
    "get_certificate": ANY,
    "get_findings": (PRIVATE_READ,),
    "get_nearest_pairs": (PRIVATE_READ,),
    "list_approvals": ANY,
    "approve_synthetic_set": (RELEASE_APPROVE,),
    "push_synthetic_set": (GENERATE,),
    "delete_synthetic_set": (GENERATE,),
    "delete_model": (TRAIN,),
    "list_deletions": ANY,
    "get_deletion": ANY,
    "list_audit_entries": (ADMIN,),
    "get_audit_head": (ADMIN,),
    "get_caller": ANY,
    "create_key": (ADMIN,),
    "list_keys": (ADMIN,),
    "get_key": (ADMIN,),
    "rotate_key": (ADMIN,),
    "revoke_key": (ADMIN,),
    "list_workers": (ADMIN,),
    "create_webhook": (ADMIN,),
    "list_webhooks": (ADMIN,),
    "get_webhook": (ADMIN,),
    "delete_webhook": (ADMIN,),
    "rotate_webhook_secret": (ADMIN,),
    "enable_webhook": (ADMIN,),
    "test_webhook": (ADMIN,),
    "list_webhook_deliveries": (ADMIN,),
    "resend_webhook_delivery": (ADMIN,),
}

# Here the caller is judged once the record is found, by domain/access.py: what is unknown is 404 to
# whoever holds a scope at all.
JUDGED_BY_RECORD = frozenset(
    {
        "cancel_job",
        "retry_job",
        "delete_job",
        "get_model_weights",
        "get_model_samples",
        "get_dataset_samples",
        "get_findings",
        "get_nearest_pairs",
    }
)

# A key that was revoked through another process of the API is accepted for so long.
CACHE_SECONDS = 5.0
_MAX_CACHED = 10_000

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class GuardedRoute(APIRoute):
    """A route that asks who calls, then whether it knows the parameters of the query.

    One whose operation is not in `NEEDS` cannot be made.
    """

    def get_route_handler(self) -> Handler:
        """Return what answers a request: its caller first, then the endpoint."""
        answer = super().get_route_handler()
        operation = str(self.operation_id)
        needed = ANY if operation in JUDGED_BY_RECORD else NEEDS[operation]
        known = known_parameters(self.dependant)

        async def guarded(request: Request) -> Response:
            request.state.caller = await admitted(request, needed)
            if needed:  # a probe of what is public may add what it likes
                check_parameters(request, known)
            return await answer(request)

        return guarded

    @override
    def matches(self, scope: ASGIScope) -> tuple[Match, ASGIScope]:
        """Match a HEAD where a GET would match."""
        match, found = super().matches(scope)
        if match is Match.PARTIAL and is_head(scope) and "GET" in (self.methods or ()):
            return Match.FULL, found
        return match, found

    @override
    async def handle(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer a request; a HEAD as a GET without its body."""
        if is_head(scope) and "GET" in (self.methods or ()):
            await answer_head(self.app, scope, receive, send)
        else:
            await super().handle(scope, receive, send)


def check_guarded(app: FastAPI) -> None:
    """Raise TypeError where a route of an app asks nobody who they are."""
    for found in iter_route_contexts(app.routes):
        if not isinstance(found.original_route, GuardedRoute):
            raise TypeError(f"{found.path} needs `route_class=GuardedRoute` in its APIRouter")


class Callers:
    """Asks an authenticator, and remembers for some seconds what it said.

    Used on the event loop alone. Tokens are remembered by their sha256.

    Args:
        clock: The time, by which keys and tokens expire.
        authenticator: Knows the callers.
    """

    def __init__(self, clock: Clock, authenticator: Authenticator) -> None:
        self._clock = clock
        self._authenticator = authenticator
        self._known: TTLCache[bytes, Caller] = TTLCache(_MAX_CACHED, CACHE_SECONDS)

    async def caller(self, bearer: str | None) -> Caller:
        """Return who shows a key or token; raises as the authenticator does."""
        digest = sha256((bearer or "").encode()).digest()
        known = self._known.get(digest)
        if known and (known.expires_at is None or self._clock.now() < known.expires_at):
            return known
        found = await run_sync(self._authenticator.caller, bearer)
        self._known[digest] = found
        return found

    def forget(self) -> None:
        """Ask anew about everybody, since a key was changed."""
        self._known.clear()


async def admitted(request: Request, needed: tuple[Scope, ...]) -> Caller:
    """Return who sent a request, if they may call it now; raises as `caller_of` does.

    Raises:
        RateLimited: They ask too often, or their address showed too many keys that are not valid.
    """
    limits = cast("RateLimits", request.app.state.rate_limits)
    try:
        caller = await caller_of(request, needed)
    except Unauthenticated:
        limits.count_failure(request)
        raise
    except ScopeMissing:
        limits.admit(request, request.state.caller)
        raise
    if needed:
        limits.admit(request, caller)
    return caller


async def caller_of(request: Request, needed: tuple[Scope, ...]) -> Caller:
    """Return who sent a request, if they may call what needs one of some scopes.

    Raises:
        Unauthenticated: They do not say who they are.
        ScopeMissing: They hold none of the scopes.
    """
    if not needed:
        return Caller.unknown()
    callers = cast("Callers | None", request.app.state.callers)
    if callers:
        caller = await callers.caller(bearer_of(request))
    else:  # a service without keys
        caller = cast("Caller", request.app.state.context.caller)
    request.state.caller = caller  # whom the audit log names where they are refused
    if caller.scopes.isdisjoint(needed):
        raise ScopeMissing.named(*needed)
    return caller


def bearer_of(request: Request) -> str | None:
    """Return the key or token that a request carries.

    Raises:
        Unauthenticated: It carries several, or one of another kind.
    """
    given = request.headers.getlist("authorization")
    if not given:
        return None
    kind, _, bearer = given[0].partition(" ")
    if len(given) > 1 or kind.lower() != "bearer":
        raise Unauthenticated("Send one `Authorization` header, of the form `Bearer KEY`.")
    return bearer.strip()


def forget_callers(request: Request) -> None:
    """Ask anew about every caller, since a key was changed."""
    callers = cast("Callers | None", request.app.state.callers)
    if callers:
        callers.forget()
