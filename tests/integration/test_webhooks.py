"""Messages are written with what they announce, and reach a real receiver, whatever fails."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import event, text

from release.gate.verdict import Verdict
from service.adapters.secret_box import FileSecretBox
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.adapters.webhook_sender import WebhookSender
from service.domain import errors
from service.domain.audit import AuditDraft
from service.domain.errors import Problem
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.record_ports import Records
from service.domain.records import ArtifactRef, GeneratedSet, SyntheticSet
from service.domain.webhook_targets import TargetRules
from service.domain.webhooks import (
    MOST_PENDING_BY_HAND,
    DeliveryState,
    Outcome,
    Webhook,
    new_secret,
)
from synthcxr.webhooks import verify
from tests.in_memory_queue import ManualClock, ManualDatabaseClock
from tests.in_memory_records import MemoryStore
from tests.sample_records import generate_request
from tests.webhook_receiver import Receiver
from workers.runtime.webhook_delivery import LEASE_SECONDS, WebhookDelivery

PROBLEM = Problem("broken", "It broke.")
HERE = TargetRules(loopback=True)
BY = AuditDraft("default", "anybody", "create_webhook")
MOST_OF_A_SENDING = 10.0  # seconds; a loaded machine takes its time


@dataclass
class Service:
    """Records, a webhook and who delivers."""

    records: Records
    clock: ManualClock
    box: FileSecretBox
    delivery: WebhookDelivery

    def webhook(self, url: str, **changes: Any) -> tuple[Webhook, str]:
        secret, name = new_secret(), new_id("wh")
        sealed, now = self.box.seal(secret, name), self.clock.now()
        webhook = replace(Webhook(name, "default", url, (), now, "key_1", sealed), **changes)
        self.records.webhooks.add(webhook, replace(BY, target=name))
        return webhook, secret

    def job(self, tenant: str = "default") -> Job:
        job = Job(
            id=new_id("job"),
            kind=JobKind.GENERATE,
            queue="gpu.generate",
            state=JobState.QUEUED,
            request=generate_request(),
            created_at=self.clock.now(),
            tenant=tenant,
        )
        return self.records.jobs.submit(job)

    def claimed(self, **changes: Any) -> Job:
        claimed = self.records.jobs.claim(self.job(**changes).id, worker="w", lease_seconds=30)
        assert claimed
        return claimed

    def deliveries(self, webhook: Webhook) -> list[Any]:
        return list(self.records.webhooks.deliveries(webhook.id).items)

    def last(self, webhook: Webhook) -> Any:
        return self.deliveries(webhook)[0]


def delivering(records: Records, clock: ManualClock, box: FileSecretBox, **changes: Any) -> Any:
    sender = WebhookSender(HERE, **({"timeout_seconds": MOST_OF_A_SENDING} | changes))
    return WebhookDelivery(records.webhooks, box, sender, clock, jitter=lambda: 0.0)


@pytest.fixture
def service(records: Records, clock: ManualClock, tmp_path: Path) -> Service:
    box = FileSecretBox(tmp_path / "data")
    return Service(records, clock, box, delivering(records, clock, box))


@pytest.fixture
def small(clock: ManualClock, tmp_path: Path) -> Service:
    """The same in memory, for what depends on no database."""
    records, box = MemoryStore(clock).records(), FileSecretBox(tmp_path / "data")
    return Service(records, clock, box, delivering(records, clock, box))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().running() as receiver:
        yield receiver


def test_a_job_that_fails_is_announced_and_the_receiver_can_check_it(
    service: Service, receiver: Receiver
) -> None:
    webhook, secret = service.webhook(receiver.url)
    job = service.claimed()
    assert service.deliveries(webhook) == [], "nothing is announced of a job that runs"
    service.records.jobs.fail(job.claim_held, PROBLEM)
    assert service.delivery.run_once() == 1
    [(headers, body)] = receiver.received
    found = verify(headers, body, secret, now=service.clock.now().timestamp())
    assert (found.type, found.data["job_id"]) == ("job.failed", job.id)
    assert found.data["error_code"] == "broken"
    assert service.last(webhook).state is DeliveryState.DELIVERED
    assert service.delivery.run_once() == 0, "it is not sent twice"


def test_a_set_and_its_job_are_announced(service: Service, receiver: Receiver) -> None:
    service.webhook(receiver.url)
    job = service.claimed()
    stored = ArtifactRef("synthetic-sets/syn_1-1/report.html", "0", 1)
    made = SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id=job.id,
        num_images=1,
        class_counts={"normal": 1},
        zip=None,
        manifest=None,
        created_at=service.clock.now(),
        dataset_id="ds_1",
        verdict=Verdict("refused", "memorises", reasons=("2 images are copies.",)),
        report=stored,
        findings=stored,
    )
    service.records.jobs.succeed(job.claim_held, GeneratedSet(made))
    while service.delivery.run_once():
        pass
    sent = {body["type"]: body["data"] for body in (json.loads(b) for _, b in receiver.received)}
    assert set(sent) == {"job.succeeded", "set.refused"}
    assert sent["set.refused"] == {
        "synthetic_set_id": "syn_1",
        "model_id": "mdl_1",
        "job_id": job.id,
        "outcome": "refused",
        "code": "memorises",
    }


def test_a_webhook_gets_the_messages_that_it_wants_of_its_own_tenant(
    service: Service, receiver: Receiver
) -> None:
    wants, _ = service.webhook(receiver.url, events=("job.cancelled",))
    others, _ = service.webhook(receiver.url, tenant="b")
    service.records.jobs.request_cancel(service.job().id)
    service.records.jobs.fail(service.claimed().claim_held, PROBLEM)
    assert [each.type for each in service.deliveries(wants)] == ["job.cancelled"]
    assert service.deliveries(others) == []
    service.records.jobs.request_cancel(service.job(tenant="b").id)
    assert [each.type for each in service.deliveries(others)] == ["job.cancelled"]


def test_a_failing_receiver_is_tried_by_the_schedule_under_one_id_until_it_is_dead(
    service: Service, receiver: Receiver
) -> None:
    receiver.status = 500
    webhook, secret = service.webhook(receiver.url)
    service.records.jobs.request_cancel(service.job().id)
    for pause in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400):
        if pause:
            service.clock.advance(pause - 1)
            assert service.delivery.run_once() == 0
            service.clock.advance(1)
        assert service.delivery.run_once() == 1
    last = service.last(webhook)
    assert (last.state, last.num_attempts, last.last_status) == (DeliveryState.DEAD, 10, 500)
    assert {headers["webhook-id"] for headers, _ in receiver.received} == {last.id}
    assert len({body for _, body in receiver.received}) == 1
    service.clock.advance(10**6)
    assert service.delivery.run_once() == 0
    receiver.status = 200
    service.records.webhooks.resend(webhook.id, last.id)
    assert service.delivery.run_once() == 1
    headers, body = receiver.received[-1]
    assert verify(headers, body, secret, now=service.clock.now().timestamp()).id == last.id
    assert service.last(webhook).state is DeliveryState.DELIVERED


def test_a_receiver_that_is_gone_is_sent_nothing_more(service: Service, receiver: Receiver) -> None:
    receiver.status = 410
    webhook, _ = service.webhook(receiver.url)
    for _ in range(3):
        service.records.jobs.request_cancel(service.job().id)
    assert service.delivery.run_once() == 1
    assert service.delivery.run_once() == 0
    assert {each.state for each in service.deliveries(webhook)} == {DeliveryState.DEAD}
    assert service.records.webhooks.webhook(webhook.id).disabled_reason == "gone"
    service.records.jobs.request_cancel(service.job().id)
    assert len(service.deliveries(webhook)) == 3
    with pytest.raises(errors.WebhookDisabled):
        service.records.webhooks.ping(webhook.id)
    with pytest.raises(errors.WebhookDisabled):
        service.records.webhooks.resend(webhook.id, service.last(webhook).id)


def test_a_receiver_that_is_back_is_sent_what_comes_after_it_was_enabled(
    service: Service, receiver: Receiver
) -> None:
    receiver.status = 410
    webhook, _ = service.webhook(receiver.url)
    missed = service.job()
    service.records.jobs.request_cancel(missed.id)
    service.delivery.run_once()
    unheard = service.job()
    service.records.jobs.request_cancel(unheard.id)  # while it is disabled: announced to nobody
    entry = replace(BY, action="enable_webhook", target=webhook.id)
    service.records.webhooks.change(webhook.id, Webhook.enabled, entry)
    receiver.status = 204
    assert service.delivery.run_once() == 0, "what died stays dead"
    service.records.webhooks.resend(webhook.id, service.last(webhook).id)
    later = service.job()
    service.records.jobs.request_cancel(later.id)
    while service.delivery.run_once():
        pass
    received = [json.loads(body)["data"]["job_id"] for _, body in receiver.received]
    assert received == [missed.id, missed.id, later.id]
    assert unheard.id not in received


def test_a_redirect_is_not_followed(small: Service, receiver: Receiver) -> None:
    with Receiver().running() as elsewhere:
        receiver.status, receiver.location = 307, elsewhere.url
        webhook, _ = small.webhook(receiver.url)
        small.records.webhooks.ping(webhook.id)
        small.delivery.run_once()
        assert elsewhere.received == []
    assert (small.last(webhook).state, small.last(webhook).last_error) == (
        DeliveryState.PENDING,
        "redirected",
    )


def test_a_receiver_that_does_not_answer_is_left_and_tried_again(
    small: Service, receiver: Receiver
) -> None:
    receiver.silent = True
    impatient = delivering(small.records, small.clock, small.box, timeout_seconds=0.2)
    webhook, _ = small.webhook(receiver.url)
    small.records.webhooks.ping(webhook.id)
    began = time.monotonic()
    impatient.run_once()
    assert time.monotonic() - began < 20
    assert small.last(webhook).last_error == "timeout"


def test_a_slow_receiver_delays_its_own_messages_alone(
    service: Service, receiver: Receiver
) -> None:
    slow, _ = service.webhook(receiver.url)
    quick, _ = service.webhook(receiver.url)
    for _ in range(2):
        service.records.jobs.request_cancel(service.job().id)
    [first, second] = service.records.webhooks.claim_due(8, LEASE_SECONDS)
    assert {each[1].id for each in (first, second)} == {slow.id, quick.id}
    assert service.records.webhooks.claim_due(8, LEASE_SECONDS) == [], "one at a time of each"


def test_one_tenants_webhooks_leave_room_for_those_of_others(service: Service) -> None:
    webhooks = service.records.webhooks
    for _ in range(4):
        webhooks.ping(service.webhook("http://127.0.0.1:9/")[0].id)
    service.clock.advance(1)
    webhooks.ping(service.webhook("http://127.0.0.1:9/", tenant="b")[0].id)
    first = webhooks.claim_due(2, LEASE_SECONDS)
    assert {each.tenant for each, _ in first} == {"default", "b"}, "each tenant has its turn"
    second = webhooks.claim_due(8, LEASE_SECONDS)
    assert [each.tenant for each, _ in second] == ["default"]
    assert webhooks.claim_due(8, LEASE_SECONDS) == [], "two at a time of each tenant"
    webhooks.settle(second[0][0], Outcome(204), 0.0)
    assert len(webhooks.claim_due(8, LEASE_SECONDS)) == 1
    service.clock.advance(LEASE_SECONDS + 1)
    assert len(webhooks.claim_due(8, LEASE_SECONDS)) == 3, "leases that ran out do not count"


def test_nobody_adds_by_hand_to_many_messages_that_wait(service: Service) -> None:
    webhooks, (webhook, _) = service.records.webhooks, service.webhook("http://127.0.0.1:9/")
    sent = webhooks.ping(webhook.id)
    [(claimed, _)] = webhooks.claim_due(1, LEASE_SECONDS)
    webhooks.settle(claimed, Outcome(204), 0.0)
    for _ in range(MOST_PENDING_BY_HAND):
        webhooks.ping(webhook.id)
    with pytest.raises(errors.TooManyPendingMessages):
        webhooks.ping(webhook.id)
    with pytest.raises(errors.TooManyPendingMessages):
        webhooks.resend(webhook.id, sent.id)
    webhooks.ping(service.webhook("http://127.0.0.1:9/")[0].id)  # another webhook is free
    service.records.jobs.request_cancel(service.job().id)
    assert len(service.deliveries(webhook)) == MOST_PENDING_BY_HAND + 2, "events are announced"


def test_a_message_that_is_being_sent_is_not_sent_anew(service: Service) -> None:
    webhooks, (webhook, _) = service.records.webhooks, service.webhook("http://127.0.0.1:9/")
    sent = webhooks.ping(webhook.id)
    [(late, _)] = webhooks.claim_due(1, LEASE_SECONDS)
    with pytest.raises(errors.MessageBeingSent):
        webhooks.resend(webhook.id, sent.id)
    service.clock.advance(LEASE_SECONDS + 1)
    webhooks.resend(webhook.id, sent.id)
    [(again, _)] = webhooks.claim_due(1, LEASE_SECONDS)
    assert again.num_attempts == late.num_attempts == 1
    webhooks.settle(late, Outcome(204), 0.0)
    assert service.last(webhook) == again, "the outcome of the earlier attempt changes nothing"
    with pytest.raises(errors.MessageBeingSent):
        webhooks.resend(webhook.id, sent.id)


def test_a_process_that_died_while_it_sent_is_replaced_when_its_lease_is_over(
    service: Service, receiver: Receiver
) -> None:
    webhook, _ = service.webhook(receiver.url)
    service.records.jobs.request_cancel(service.job().id)
    [(lost, _)] = service.records.webhooks.claim_due(8, LEASE_SECONDS)  # and nothing more is heard
    assert service.delivery.run_once() == 0
    service.clock.advance(LEASE_SECONDS + 1)
    assert service.delivery.run_once() == 1
    [(headers, _)] = receiver.received
    assert headers["webhook-id"] == lost.id
    assert service.last(webhook).state is DeliveryState.DELIVERED


def test_processes_side_by_side_send_each_message_once(
    service: Service, receiver: Receiver, tmp_path: Path
) -> None:
    for _ in range(3):
        service.webhook(receiver.url)
    for _ in range(2):
        service.records.jobs.request_cancel(service.job().id)

    until = time.monotonic() + 60

    def deliver() -> None:
        beside = delivering(service.records, service.clock, service.box)
        while len(receiver.received) < 6 and time.monotonic() < until:
            beside.run_once()  # what the other holds is passed over, so a round may send nothing

    threads = [Thread(target=deliver) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert service.delivery.run_once() == 0
    sent = [headers["webhook-id"] for headers, _ in receiver.received]
    assert (len(sent), len(set(sent))) == (6, 6)


def test_who_comes_late_changes_nothing(service: Service, receiver: Receiver) -> None:
    webhook, _ = service.webhook(receiver.url)
    service.records.webhooks.ping(webhook.id)
    [(late, _)] = service.records.webhooks.claim_due(8, LEASE_SECONDS)
    service.clock.advance(LEASE_SECONDS + 1)
    service.delivery.run_once()
    service.records.webhooks.settle(late, Outcome(error="timeout"), 0.0)
    assert service.last(webhook).state is DeliveryState.DELIVERED


def test_a_deleted_webhook_is_sent_nothing(service: Service, receiver: Receiver) -> None:
    webhook, _ = service.webhook(receiver.url)
    service.records.jobs.request_cancel(service.job().id)
    service.records.webhooks.delete(webhook.id, replace(BY, action="delete_webhook"))
    assert service.delivery.run_once() == 0
    with pytest.raises(errors.WebhookNotFound):
        service.records.webhooks.deliveries(webhook.id)
    actions = [each.action for each in service.records.audit.entries("default").items]
    assert actions[:2] == ["delete_webhook", "create_webhook"]


def test_what_is_settled_is_forgotten_after_a_while(service: Service, receiver: Receiver) -> None:
    webhook, _ = service.webhook(receiver.url)
    service.records.webhooks.ping(webhook.id)
    service.delivery.run_once()
    service.clock.advance(10)
    service.records.webhooks.ping(webhook.id)
    assert service.records.webhooks.forget_settled(service.clock.now()) == 1
    assert [each.state for each in service.deliveries(webhook)] == [DeliveryState.PENDING]


def test_a_secret_that_cannot_be_opened_sends_nothing_unsigned(
    small: Service, receiver: Receiver, tmp_path: Path
) -> None:
    webhook, _ = small.webhook(receiver.url)
    small.records.webhooks.ping(webhook.id)
    (tmp_path / "data" / "keys" / "webhooks.key").write_bytes(b"k" * 32)
    small.delivery.run_once()
    assert receiver.received == []
    assert small.last(webhook).last_error == "webhook_key_lost"


# -- what a name leads to --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"]
)
def test_a_name_that_leads_to_another_network_is_not_connected_to(
    receiver: Receiver, address: str
) -> None:
    sender = WebhookSender(TargetRules(), resolve=lambda *_: ["93.184.215.14", address])
    sent = sender.send("https://a.example.org/", {}, "{}")
    assert sent.error == "target_refused"
    assert receiver.received == []


def test_the_connection_goes_to_the_address_that_was_judged(receiver: Receiver) -> None:
    asked = []

    def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    port = receiver.url.split(":")[2].split("/")[0]
    sender = WebhookSender(HERE, resolve=resolve)
    assert sender.send(f"http://localhost:{port}/a", {}, "{}").error is None
    assert asked == ["localhost"], "a second answer could be another one"
    [(headers, _)] = receiver.received
    assert headers["host"] == f"localhost:{port}"


# -- the transaction -------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.services)])
def engine(request: pytest.FixtureRequest, database_urls: Any) -> Iterator[Any]:
    engine = open_engine(database_urls(request.param))
    yield engine
    engine.dispose()


def test_a_transition_that_is_rolled_back_announces_nothing(
    engine: Any, clock: ManualClock, tmp_path: Path
) -> None:
    records = sql_records(engine, clock, ManualDatabaseClock(clock))
    box = FileSecretBox(tmp_path / "data")
    service = Service(records, clock, box, delivering(records, clock, box))
    webhook, _ = service.webhook("http://127.0.0.1:9/")
    job = service.claimed()

    @event.listens_for(engine, "commit")
    def break_it(connection: Any) -> None:
        if connection.execute(text("SELECT count(*) FROM webhook_deliveries")).scalar():
            raise RuntimeError("the process dies before it commits")

    with pytest.raises(RuntimeError):
        records.jobs.fail(job.claim_held, PROBLEM)
    event.remove(engine, "commit", break_it)
    assert records.jobs.job(job.id).state is JobState.RUNNING
    assert service.deliveries(webhook) == []


def test_what_was_committed_is_delivered_by_the_next_process(
    engine: Any, clock: ManualClock, tmp_path: Path, receiver: Receiver
) -> None:
    box = FileSecretBox(tmp_path / "data")
    records = sql_records(engine, clock, ManualDatabaseClock(clock))
    service = Service(records, clock, box, delivering(records, clock, box))
    _, secret = service.webhook(receiver.url)
    records.jobs.fail(service.claimed().claim_held, PROBLEM)
    records.database.close()  # nothing of this process is left
    later = sql_records(engine, clock, ManualDatabaseClock(clock))
    assert delivering(later, clock, FileSecretBox(tmp_path / "data")).run_once() == 1
    [(headers, body)] = receiver.received
    assert verify(headers, body, secret, now=clock.now().timestamp()).type == "job.failed"


@pytest.mark.services
def test_an_outcome_locks_the_webhook_before_its_delivery(
    database_urls: Any, clock: ManualClock, tmp_path: Path
) -> None:
    """As a resend and a deletion do: otherwise each of two could wait for the other."""
    engine = open_engine(database_urls("postgres"))
    records = sql_records(engine, clock, ManualDatabaseClock(clock))
    box = FileSecretBox(tmp_path / "data")
    service = Service(records, clock, box, delivering(records, clock, box))
    webhook, _ = service.webhook("http://127.0.0.1:9/")
    records.webhooks.ping(webhook.id)
    [(claimed, _)] = records.webhooks.claim_due(1, LEASE_SECONDS)
    settling = Thread(target=records.webhooks.settle, args=(claimed, Outcome.answered(410), 0.0))
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    def is_waiting() -> bool:
        with engine.connect() as beside:
            return bool(beside.execute(waiting).scalar_one())

    with engine.begin() as resending:
        resending.execute(text("SELECT id FROM webhooks FOR UPDATE"))
        settling.start()
        end = time.monotonic() + MOST_OF_A_SENDING
        while not is_waiting():
            assert time.monotonic() < end
            time.sleep(0.02)
        locked = text("SELECT id FROM webhook_deliveries FOR UPDATE NOWAIT")
        assert resending.execute(locked).scalar_one() == claimed.id, "nobody holds it"
    settling.join(MOST_OF_A_SENDING)
    assert service.last(webhook).state is DeliveryState.DEAD
    assert records.webhooks.webhook(webhook.id).disabled_reason == "gone"
    engine.dispose()
