"""The loop that delivers: it goes on whatever happens, and ends when it is asked to."""

import threading
import time

import pytest

from service.adapters.secret_box import FileSecretBox
from service.domain.audit import AuditDraft
from service.domain.errors import RecordsUnavailable
from service.domain.webhooks import PAUSES, DeliveryState, Outcome, Webhook, new_secret
from tests.in_memory_queue import ManualClock
from tests.in_memory_records import MemoryStore
from workers.runtime.flag import Flag
from workers.runtime.webhook_delivery import WebhookDelivery, drawn_jitter

TIMEOUT_SECONDS = 30.0


class Sender:
    """Notes what is sent; the first message to `stuck` waits for `free`."""

    def __init__(self):
        self.sent = []
        self.free = threading.Event()

    def send(self, url, headers, body):
        if url == "https://stuck.example.org/":
            self.free.wait(TIMEOUT_SECONDS)
        if url == "https://broken.example.org/":
            raise ArithmeticError("a fault of ours")
        self.sent.append((url, headers["webhook-id"]))
        return Outcome(204)


@pytest.fixture
def sender():
    return Sender()


@pytest.fixture
def webhooks():
    return MemoryStore(ManualClock()).records().webhooks


@pytest.fixture
def box(tmp_path):
    return FileSecretBox(tmp_path)


def add(webhooks, box, clock, host):
    name = f"wh_{host}"
    sealed = box.seal(new_secret(), name)
    webhook = Webhook(
        name, "default", f"https://{host}.example.org/", (), clock.now(), "key_1", sealed
    )
    webhooks.add(webhook, AuditDraft("default", "key_1", "create_webhook"))
    return name


def until(happened):
    end = time.monotonic() + TIMEOUT_SECONDS
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_one_stuck_receiver_and_one_fault_hold_nobody_up(webhooks, box, sender):
    clock = ManualClock()
    for host in ("stuck", "broken", "quick"):
        webhooks.ping(add(webhooks, box, clock, host))
    webhooks.ping("wh_quick")
    stop = Flag()
    delivery = WebhookDelivery(webhooks, box, sender, clock)
    thread = threading.Thread(target=delivery.run, args=(stop, 0.01))
    thread.start()
    try:
        until(lambda: len(sender.sent) == 2)
        assert {url for url, _ in sender.sent} == {"https://quick.example.org/"}
        sender.free.set()
        until(lambda: len(sender.sent) == 3)
        until(lambda: webhooks.deliveries("wh_stuck").items[0].state is DeliveryState.DELIVERED)
    finally:
        sender.free.set()
        stop.set()
        thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive()
    [broken] = webhooks.deliveries("wh_broken").items
    assert (broken.state, broken.last_error) == (DeliveryState.PENDING, "internal_error")


def test_a_message_that_only_causes_faults_is_dead_in_the_end(box, sender):
    clock = ManualClock()
    webhooks = MemoryStore(clock).records().webhooks
    webhooks.ping(add(webhooks, box, clock, "broken"))
    delivery = WebhookDelivery(webhooks, box, sender, clock, jitter=lambda: 0.0)
    for pause in (0, *PAUSES):
        clock.advance(pause)
        assert delivery.run_once() == 1
    [broken] = webhooks.deliveries("wh_broken").items
    assert (broken.state, broken.last_error) == (DeliveryState.DEAD, "internal_error")


@pytest.mark.parametrize("method", ["claim_due", "settle", "forget_settled"])
def test_a_fault_of_the_records_does_not_end_the_loop(webhooks, box, sender, monkeypatch, method):
    clock, stop = ManualClock(), Flag()
    webhooks.ping(add(webhooks, box, clock, "first"))
    real, faults = getattr(webhooks, method), []

    def faulty_once(*arguments):
        if not faults:
            faults.append(method)
            raise ArithmeticError("a fault of ours")
        return real(*arguments)

    monkeypatch.setattr(webhooks, method, faulty_once)
    delivery = WebhookDelivery(webhooks, box, sender, clock)
    thread = threading.Thread(target=delivery.run, args=(stop, 0.01))
    thread.start()
    try:
        until(lambda: faults)
        webhooks.ping(add(webhooks, box, clock, "second"))
        until(lambda: webhooks.deliveries("wh_second").items[0].state is DeliveryState.DELIVERED)
    finally:
        stop.set()
        thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive()


def test_a_database_that_is_away_is_waited_for(webhooks, box, sender, monkeypatch):
    clock, stop = ManualClock(), Flag()
    webhooks.ping(add(webhooks, box, clock, "quick"))
    asked = []
    claim = webhooks.claim_due

    def sometimes(limit, lease_seconds):
        asked.append(limit)
        if len(asked) < 3:
            raise RecordsUnavailable("away")
        return claim(limit, lease_seconds)

    monkeypatch.setattr(webhooks, "claim_due", sometimes)
    thread = threading.Thread(
        target=WebhookDelivery(webhooks, box, sender, clock).run, args=(stop, 0.01)
    )
    thread.start()
    try:
        until(lambda: sender.sent)
    finally:
        stop.set()
        thread.join(TIMEOUT_SECONDS)
    assert not thread.is_alive()


def test_jitter_is_between_minus_one_and_one():
    drawn = [drawn_jitter() for _ in range(100)]
    assert -1 <= min(drawn) < 0 < max(drawn) <= 1
