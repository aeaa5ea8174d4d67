"""What webhooks say, how they are signed, and when they are tried again."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from release.gate.verdict import Verdict
from service.domain.errors import Problem, WebhookTargetRefused
from service.domain.job import Job, JobKind, JobResult, JobState
from service.domain.records import ArtifactRef, SyntheticSet
from service.domain.webhook_targets import TargetRules
from service.domain.webhooks import (
    PAUSES,
    Delivery,
    DeliveryState,
    Message,
    Outcome,
    Webhook,
    headers_of,
    new_secret,
    signature,
)
from tests.sample_records import generate_request

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
WEBHOOK = Webhook("wh_1", "default", "https://a.example.org/", (), NOW, "key_1", "sealed")


def job(state: JobState, **changes: Any) -> Job:
    return Job(
        id="job_1",
        kind=JobKind.GENERATE,
        queue="gpu.generate",
        state=state,
        request=generate_request(),
        created_at=NOW,
        labels={"patient": "Jane Doe"},
        **changes,
    )


def made(verdict: Verdict) -> SyntheticSet:
    stored = ArtifactRef("synthetic-sets/syn_1-0/report.html", "0", 1)
    return SyntheticSet(
        id="syn_1",
        model_id="mdl_1",
        job_id="job_1",
        num_images=1,
        class_counts={"Jane Doe": 1},
        zip=None,
        manifest=None,
        created_at=NOW,
        dataset_id="ds_1",
        verdict=verdict,
        report=stored,
        findings=stored,
    )


def test_a_message_is_signed_as_in_the_example_of_the_specification() -> None:
    signed = signature(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1614265330,
        '{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_while_a_secret_changes_both_sign() -> None:
    delivery = Delivery.of(Message.ping(WEBHOOK), WEBHOOK, NOW)
    old, new = new_secret(), new_secret()
    signed = headers_of(delivery, [new, old], NOW)["webhook-signature"].split(" ")
    timestamp = int(NOW.timestamp())
    assert signed == [signature(each, delivery.id, timestamp, delivery.body) for each in (new, old)]


def test_the_earlier_secret_signs_until_its_time_is_over() -> None:
    rotated = WEBHOOK.rotated("newer", NOW, timedelta(hours=1))
    assert rotated.sealed_secrets(NOW) == ("newer", "sealed")
    assert rotated.sealed_secrets(NOW + timedelta(hours=1)) == ("newer",)


def test_a_message_of_a_job_names_identifiers_and_codes_alone() -> None:
    problem = Problem("training_diverged", "Jane Doe's image number 7 is at fault.")
    message = Message.of_job(job(JobState.FAILED, error=problem))
    assert message
    assert json.loads(message.body(NOW)) == {
        "type": "job.failed",
        "timestamp": "2026-05-04T03:02:01.000000Z",
        "data": {
            "job_id": "job_1",
            "kind": "generate",
            "state": "failed",
            "dataset_id": None,
            "model_id": None,
            "synthetic_set_id": None,
            "error_code": "training_diverged",
        },
    }


def test_a_job_that_succeeded_names_what_it_made() -> None:
    made = JobResult(synthetic_set_id="syn_1")
    message = Message.of_job(job(JobState.SUCCEEDED, result=made))
    assert message
    assert (message.type, message.data["synthetic_set_id"]) == ("job.succeeded", "syn_1")


@pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING])
def test_a_job_that_is_not_done_is_not_announced(state: JobState) -> None:
    assert Message.of_job(job(state)) is None


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (Verdict("passed"), "set.released"),
        (Verdict("passed_filtered", num_filtered=2), "set.released"),
        (Verdict("refused", "memorises"), "set.refused"),
        (Verdict("inconclusive", "power"), "set.inconclusive"),
    ],
)
def test_a_set_is_announced_by_its_verdict(verdict: Verdict, expected: str) -> None:
    message = Message.of_set(made(verdict), job(JobState.RUNNING))
    assert message.type == expected
    assert set(message.data) == {"synthetic_set_id", "model_id", "job_id", "outcome", "code"}


def test_attempts_follow_the_example_schedule_of_the_specification_and_then_end() -> None:
    delivery, now = Delivery.of(Message.ping(WEBHOOK), WEBHOOK, NOW), NOW
    waited = []
    while delivery.state is DeliveryState.PENDING:
        delivery = delivery.begun(now).after(Outcome(error="timeout"), now, 0.0)
        if delivery.next_attempt_at:
            waited.append((delivery.next_attempt_at - now).total_seconds())
            now = delivery.next_attempt_at
    assert waited == [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert (delivery.state, delivery.num_attempts) == (DeliveryState.DEAD, len(PAUSES) + 1)


@pytest.mark.parametrize(("jitter", "seconds"), [(-1, 4.5), (1, 5.5)])
def test_jitter_moves_an_attempt_by_at_most_a_tenth(jitter: float, seconds: float) -> None:
    begun = Delivery.of(Message.ping(WEBHOOK), WEBHOOK, NOW).begun(NOW)
    after = begun.after(Outcome.answered(503), NOW, jitter)
    assert after.next_attempt_at == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("status", "state", "error"),
    [
        (200, "delivered", None),
        (204, "delivered", None),
        (301, "pending", "redirected"),
        (400, "pending", "status"),
        (410, "dead", "status"),
        (500, "pending", "status"),
    ],
)
def test_an_answer_settles_a_delivery_or_does_not(status: int, state: str, error: Any) -> None:
    begun = Delivery.of(Message.ping(WEBHOOK), WEBHOOK, NOW).begun(NOW)
    after = begun.after(Outcome.answered(status), NOW, 0.0)
    assert (after.state, after.last_status, after.last_error) == (state, status, error)


REFUSED_URLS = [
    "http://a.example.org/",
    "ftp://a.example.org/",
    "https://user:password@a.example.org/",
    "https://user@a.example.org/",
    "https://a.example.org:22/",
    "https://a.example.org:80/",
    "https://a.example.org:99999/",
    "https://169.254.169.254/latest/meta-data",
    "https://127.0.0.1/",
    "https://0.0.0.0/",
    "https://10.0.0.1/",
    "https://192.168.1.1/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[::]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[::ffff:10.0.0.1]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "https://[2002:7f00:1::]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://127.1/",
    "https://0177.0.0.1/",
    "https://a.example.org\\@127.0.0.1/",
    "https://a.example.org/#fragment",
    "https://a.example.org/ b",
    "https://ä.example.org/",
    "https:///path",
    "https://[::1",
    "//a.example.org/",
    "a.example.org",
    "https://a.example.org/" + "a" * 2000,
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_could_reach_what_only_the_service_can_is_refused(url: str) -> None:
    with pytest.raises(WebhookTargetRefused) as refused:
        TargetRules().target(url)
    assert refused.value.fields[0].pointer == "/url"


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "169.254.169.254", "10.1.2.3", "172.16.0.1", "192.168.0.1", "0.0.0.0"),  # noqa: S104 - not bound
        *("::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"),
        *("64:ff9b::7f00:1", "2002:a00:1::", "224.0.0.1", "255.255.255.255"),
        *("64:ff9b:1::7f00:1", "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1::808:808", "::7f00:1"),
        *("::808:808", "::ffff:0:7f00:1", "fec0::1", "5f00::1", "4000::1", "8000::1", "ff02::1"),
        *("2001:db8::1", "2001:2::1", "3fff::1", "192.0.0.8", "192.0.0.192", "192.88.99.1"),
        *("168.63.129.16", "64:ff9b::a83f:8110", "198.18.0.1", "203.0.113.1", "240.0.0.1"),
    ],
)
def test_a_name_that_has_an_address_of_another_network_is_refused(address: str) -> None:
    rules = TargetRules()
    with pytest.raises(WebhookTargetRefused):
        rules.check_address(rules.target("https://a.example.org/"), address)


def test_a_public_address_is_allowed() -> None:
    rules = TargetRules()
    for address in (
        *("93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"),
        *("2a00:1450:4001::1", "64:ff9b::5db8:d70e", "192.0.1.1", "168.63.129.17"),
    ):
        rules.check_address(rules.target("https://a.example.org/"), address)


HOSPITAL = TargetRules((("pipeline.hospital.test", frozenset({9443})),))


def test_a_host_that_the_operator_names_may_be_of_the_own_network() -> None:
    target = HOSPITAL.target("https://pipeline.hospital.test:9443/a?b=c")
    HOSPITAL.check_address(target, "10.1.2.3")
    assert target.at("10.1.2.3") == "https://10.1.2.3:9443/a?b=c"
    for address in (
        *("127.0.0.1", "169.254.169.254", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200"),
        *("::1", "168.63.129.16", "192.0.0.192", "64:ff9b:1::a00:1"),
    ):
        with pytest.raises(WebhookTargetRefused):
            HOSPITAL.check_address(target, address)


@pytest.mark.parametrize(
    "url", ["https://a.example.org/", "https://pipeline.hospital.test/", "https://8.8.8.8/"]
)
def test_where_the_operator_names_hosts_no_other_is_allowed(url: str) -> None:
    with pytest.raises(WebhookTargetRefused):
        HOSPITAL.target(url)


def test_this_machine_is_reached_only_where_the_operator_says_so() -> None:
    here = TargetRules(loopback=True)
    for url in ("http://127.0.0.1:8000/", "http://localhost:8000/", "http://[::1]:8000/"):
        host = here.target(url).host
        here.check_address(here.target(url), "::1" if ":" in host else "127.0.0.1")
    with pytest.raises(WebhookTargetRefused):
        here.target("http://a.example.org/")
    with pytest.raises(WebhookTargetRefused):  # a name of somebody else's that leads here
        here.check_address(here.target("https://a.example.org/"), "127.0.0.1")
