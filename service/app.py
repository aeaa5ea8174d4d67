"""Puts the parts of the service together: the one place that knows all of them."""

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import cache
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from starlette.types import ASGIApp

from service.adapters.artifact_store import copies_kept_current, open_artifacts
from service.adapters.background_queue import BackgroundQueue
from service.adapters.celery_queue import CeleryQueue
from service.adapters.clock import SystemClock
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.api.authorization import Callers, check_guarded
from service.api.errors import add_handlers
from service.api.http.body_deadline import BodyDeadline
from service.api.http.browser_guard import BrowserGuard
from service.api.http.middleware import RequestMiddleware
from service.api.http.rate_limits import RateLimits
from service.api.http.request_metrics import RequestMetrics
from service.api.openapi.description import as_json, as_yaml, describe
from service.api.openapi.webhook_messages import describe_messages
from service.api.routers import (
    approvals,
    audit,
    caller,
    certificates,
    console,
    datasets,
    deletions,
    events,
    generation,
    health,
    jobs,
    keys,
    metrics,
    models,
    previews,
    scores,
    signing_keys,
    synthetic_sets,
    training,
    webhooks,
    workers,
)
from service.api.views.metrics import ServiceCollector
from service.api.waiting.slots import Slots
from service.api.waiting.waiting import Waiting
from service.api.waiting.watcher import JobWatcher
from service.authentication import Authenticator
from service.context import AppContext
from service.domain.audit import SET_POLICY, AuditDraft
from service.domain.caller import DEFAULT_TENANT, Caller
from service.domain.errors import RecordsUnavailable
from service.domain.scores import FORM_BYTES, MAX_BYTES
from service.logs import configure_logs
from service.settings import Settings

_log = structlog.get_logger()

# settings that decide what is released or shown, and where it may be sent
POLICY = {
    *("auth", "scopes", "max_examinations_per_model", "max_findings_per_model", "extractors"),
    *("max_previews_per_model", "dicomweb_servers", "required_approvals"),
    *("webhook_hosts", "webhook_loopback"),
}


class _Service(FastAPI):
    """A FastAPI app inside our own middleware, which so sees every answer."""

    def build_middleware_stack(self) -> ASGIApp:
        """Wrap everything."""
        guarded = BrowserGuard(BodyDeadline(super().build_middleware_stack()), self.state.hosts)
        return RequestMetrics(RequestMiddleware(guarded), self.state.metrics)


def create_app(settings: Settings | None = None, context: AppContext | None = None) -> FastAPI:
    """Make the web application.

    Args:
        settings: By default read from the environment.
        context: Stands in for the adapters in tests.
    """
    settings = settings or Settings()
    configure_logs(settings.log_level)
    ports = context or connect(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        ports.artifacts.discard_abandoned_uploads()
        note_policy(settings, ports)
        with copies_kept_current(ports.artifacts) if settings.artifacts else nullcontext():
            yield
        ports.records.database.close()

    app = _Service(
        title="SynthCXR",
        version=ports.version,
        docs_url=None,  # the interactive pages load their scripts from elsewhere
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan,
        max_body_size=settings.max_json_bytes,
    )
    for each in ports.extractors:
        if not each.readable:
            _log.error("extractor unreadable", name=each.name, file=str(each.path))
    _keep_state(app, settings, ports)
    app.include_router(datasets.router, max_body_size=settings.max_upload_bytes)
    most_scored = min(settings.max_upload_bytes, MAX_BYTES + FORM_BYTES)
    app.include_router(scores.router, max_body_size=most_scored)
    parts = (
        *(training, jobs, events, generation, models, previews, synthetic_sets, approvals),
        *(certificates, signing_keys, keys, caller, webhooks, deletions, audit, health, metrics),
        *(workers, console),
    )
    for part in parts:
        app.router.routes.extend(part.router.routes)  # to include them builds each anew
    describe_messages(app)
    check_guarded(app)
    add_handlers(app)
    return app


def _keep_state(app: FastAPI, settings: Settings, ports: AppContext) -> None:
    """Keep what requests share for as long as the application runs."""
    app.state.context = ports
    app.state.metrics = CollectorRegistry()
    app.state.metrics.register(ServiceCollector(ports, settings.data_dir))
    app.state.rate_limits = RateLimits(
        settings.max_requests_per_minute, settings.max_failed_authentications_per_minute
    )
    app.state.callers = _callers(settings, ports)
    app.state.hosts = settings.own_hosts
    slots = Slots(settings.max_streams, settings.max_streams_per_caller)
    app.state.waiting = Waiting(JobWatcher(ports.records.jobs), slots)
    description = cache(lambda: describe(app))
    app.state.openapi_yaml = cache(lambda: as_yaml(description()))
    app.state.openapi_json = cache(lambda: as_json(description()))


def _callers(settings: Settings, ports: AppContext) -> Callers | None:
    if settings.auth == "none":
        return None
    provider = settings.identity_provider
    tokens = None
    if provider:
        from service.adapters.oidc import OidcTokens

        tokens = OidcTokens(provider, ports.clock)
    return Callers(ports.clock, Authenticator(ports.records.api_keys, ports.clock, tokens))


def note_policy(settings: Settings, context: AppContext) -> None:
    """Let the audit log say under which release policy the service answers from now on."""
    policy = settings.model_dump(mode="json", include=POLICY)
    digest = hashlib.sha256(json.dumps(policy, sort_keys=True).encode()).hexdigest()
    try:
        context.records.audit.note_policy(
            AuditDraft(DEFAULT_TENANT, "operator", SET_POLICY, f"policy_{digest[:26]}")
        )
    except RecordsUnavailable:
        _log.warning("policy not recorded")


def connect(settings: Settings) -> AppContext:
    """Open the adapters that the settings name; nothing is read or written yet."""
    clock = SystemClock()
    return AppContext(
        records=sql_records(open_engine(settings.resolved_database_url), clock),
        artifacts=open_artifacts(settings),
        queue=BackgroundQueue(CeleryQueue(settings.resolved_broker_url)),
        clock=clock,
        signing_keys=KeyRing(settings.data_dir),
        version=version("synthcxr"),
        dataset_roots=settings.dataset_roots,
        train_device=settings.resolved_train_device,
        max_images_per_set=settings.max_images_per_set,
        max_json_bytes=settings.max_json_bytes,
        upload_retention_seconds=settings.upload_retention_seconds,
        max_examinations_per_model=settings.max_examinations_per_model,
        max_findings_per_model=settings.max_findings_per_model,
        max_previews_per_model=settings.max_previews_per_model,
        required_approvals=settings.required_approvals,
        extractors=settings.extractors,
        dicomweb_servers=settings.named_dicomweb_servers,
        min_free_bytes=settings.min_free_bytes,
        hospital=settings.hospital,
        show_dataset_name=settings.show_dataset_name,
        caller=Caller.without_key(*settings.scopes),
        quotas=settings.quotas,
        tenants=settings.tenant_terms,
        secret_box=FileSecretBox(settings.data_dir),
        webhook_rules=settings.webhook_rules,
    )
