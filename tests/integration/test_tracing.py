"""Traces from a request to the worker that does its job."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from service import tracing
from tests.integration.jobs import finished, submit_ingest
from tests.unit.service.conftest import PHANTOM, Scene
from tests.unit.service.conftest import scene as scene  # noqa: PLC0414 - a fixture
from workers.runtime.context import WorkerContext

CANARY = "Canary"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    monkeypatch.setattr(tracing._State, "tracer", None)
    monkeypatch.setattr(tracing._State, "provider", None)
    exporter = InMemorySpanExporter()
    tracing.send_to(exporter, "test")
    yield exporter
    assert tracing._State.provider
    tracing._State.provider.shutdown()


def ended(exporter: InMemorySpanExporter) -> list[ReadableSpan]:
    tracing.flush()
    return list(exporter.get_finished_spans())


def test_a_job_s_row_carries_the_trace_of_its_request(
    scene: Scene, exporter: InMemorySpanExporter
) -> None:
    answer = scene.client.post(
        "/datasets", json={"name": CANARY, "phantom": PHANTOM}, headers={"traceparent": PARENT}
    )
    job = scene.records.jobs.job(answer.json()["id"])
    assert job.trace_context
    [_, trace_id, *_] = PARENT.split("-")
    assert trace_id in job.trace_context
    assert trace_id not in scene.client.get(f"/jobs/{job.id}").text
    with tracing.span("ingest job", job.trace_context):
        pass
    spans = {span.name: span for span in ended(exporter)}
    request, job_span = spans["POST /datasets"], spans["ingest job"]
    assert f"{job_span.context.trace_id:032x}" == trace_id
    assert job_span.parent
    assert job_span.parent.span_id == request.context.span_id
    assert CANARY not in "".join(span.to_json() for span in ended(exporter))


def test_a_job_has_a_span_and_each_of_its_phases_one_below_it(
    context: WorkerContext, exporter: InMemorySpanExporter
) -> None:
    job = finished(context, submit_ingest(context))
    spans = ended(exporter)
    [job_span] = [span for span in spans if span.name == "ingest job"]
    phases = [span for span in spans if span is not job_span]
    assert phases
    for phase in phases:
        assert phase.name.startswith("phase ")
        assert phase.parent
        assert phase.parent.span_id == job_span.context.span_id
    assert dict(job_span.attributes or {}) == {
        "job_id": job.id,
        "kind": "ingest",
        "attempt": 1,
        "state": "succeeded",
    }


def test_what_an_error_says_is_in_no_span(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match=CANARY), tracing.span("a job"):
        raise ValueError(CANARY)
    assert CANARY not in ended(exporter)[0].to_json()


def test_nothing_of_it_is_imported_where_it_is_off() -> None:
    code = (
        "import sys; from service import tracing; from service.app import create_app; "
        "tracing.start('api'); create_app(); "
        "print([name for name in sys.modules if name.startswith('opentelemetry.sdk')])"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == "[]"
