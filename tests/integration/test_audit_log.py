"""The audit log only grows, in one unbroken chain for each tenant, and a change is noticed."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError

from release.gate.verdict import Verdict
from service.adapters.audit_export import exported
from service.adapters.clock import SystemClock
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_records import sql_records
from service.domain import errors
from service.domain.audit import EXAMINE_SET, GENESIS, AuditDraft
from service.domain.identifiers import new_id
from service.domain.job import Job, JobKind, JobState
from service.domain.record_ports import Records
from service.domain.records import ArtifactRef, GeneratedSet, SyntheticSet
from synthcxr.audit_chain import verify_chains
from synthcxr.errors import ChainBroken, NotSigned
from tests.in_memory_records import MemoryStore
from tests.integration.test_records_races import NUM_RACERS, race
from tests.sample_records import generate_request, train_request

DRAFT = AuditDraft("default", "key_1", "get_findings", "syn_1", origin="10.0.0.1")
ANYWHERE = ["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.services)]


@pytest.fixture(params=ANYWHERE)
def records(request: pytest.FixtureRequest) -> Iterator[Records]:
    if request.param == "memory":
        yield MemoryStore(SystemClock()).records()
        return
    engine = open_engine(request.getfixturevalue("database_urls")(request.param))
    yield sql_records(engine, SystemClock())
    engine.dispose()


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "data")


def export(records: Records, keys: KeyRing) -> list[str]:
    return list(exported(records.audit, keys, SystemClock()))


def trusted(keys: KeyRing) -> list[bytes]:
    return [key.pem.encode() for key in keys.public_keys()]


def test_an_exported_log_is_verified_with_the_service_s_key(
    records: Records, keys: KeyRing, tmp_path: Path
) -> None:
    for number in range(2001):  # more than two pages
        if number < 5 or number % 500 == 0:
            records.audit.append(replace(DRAFT, target=f"syn_{number}"))
    records.audit.append(replace(DRAFT, tenant="other"))
    chains = verify_chains(export(records, keys), trusted(keys))
    assert [(chain.tenant, chain.num_entries) for chain in chains] == [("default", 9), ("other", 1)]
    assert all(chain.head.confirmed for chain in chains)
    with pytest.raises(NotSigned):
        verify_chains(export(records, keys), trusted(KeyRing(tmp_path / "another")))


def test_the_entries_of_a_tenant_are_listed_newest_first_and_no_other_s(records: Records) -> None:
    records.audit.append(*(replace(DRAFT, target=f"syn_{number}") for number in range(5)))
    records.audit.append(replace(DRAFT, tenant="other", target="syn_other"))
    page = records.audit.entries("default", limit=3)
    rest = records.audit.entries("default", cursor=page.next_cursor, limit=3)
    found = [*page.items, *rest.items]
    assert [entry.target for entry in found] == [f"syn_{number}" for number in range(4, -1, -1)]
    assert rest.next_cursor is None
    assert found[-1].previous == GENESIS
    for cursor in ("x", "-1", "9" * 40, "٣"):
        with pytest.raises(errors.InvalidRequest):
            records.audit.entries("default", cursor=cursor)


def test_many_writers_make_one_chain(records: Records, keys: KeyRing) -> None:
    def write(index: int) -> None:
        draft, left = replace(DRAFT, actor=f"key_{index}"), 5
        while left:
            with suppress(errors.RecordsUnavailable):  # SQLite may be busy for longer than it waits
                records.audit.append(draft)
                left -= 1

    assert race(write) == [None] * NUM_RACERS
    [chain] = verify_chains(export(records, keys), trusted(keys))
    assert chain.num_entries == 5 * NUM_RACERS


def test_what_a_transaction_does_not_do_is_not_recorded(records: Records) -> None:
    kind = JobKind.TRAIN
    now = SystemClock().now()
    job = records.jobs.submit(
        Job(new_id("job"), kind, kind.queue, JobState.QUEUED, train_request(), now)
    )
    audit = replace(DRAFT, action="delete_job", target=job.id)
    with pytest.raises(errors.JobNotDone):
        records.jobs.delete_job(job.id, audit)
    assert records.audit.head("default").sequence == 0
    records.jobs.request_cancel(job.id)
    records.jobs.delete_job(job.id, audit)
    [entry] = records.audit.entries("default").items
    assert (entry.action, entry.target) == ("delete_job", job.id)


def test_a_worker_s_verdict_is_recorded_with_the_set(records: Records) -> None:
    kind, now = JobKind.GENERATE, SystemClock().now()
    job = Job(new_id("job"), kind, kind.queue, JobState.QUEUED, generate_request(), now)
    records.jobs.submit(job)
    taken = records.jobs.claim(job.id, worker="host:7", lease_seconds=30)
    assert taken
    page = ArtifactRef("synthetic-sets/syn_1-0/report.html", "0" * 64, 1)
    verdict = Verdict("refused", "memorises", reasons=("Label covid is copied.",))
    made = SyntheticSet(
        "syn_1", "mdl_1", job.id, 0, {}, None, None, now, "ds_1", verdict, page, page
    )
    records.jobs.succeed(taken.claim_held, GeneratedSet(made))
    [entry] = records.audit.entries("default").items
    assert (entry.actor, entry.action) == ("worker host:7", EXAMINE_SET)
    assert (entry.target, entry.outcome) == ("syn_1", "refused(memorises)")


def test_the_policy_is_recorded_when_it_changes(records: Records) -> None:
    for target in ("policy_a", "policy_a", "policy_b", "policy_a"):
        records.audit.note_policy(replace(DRAFT, target=target))
    found = [entry.target for entry in records.audit.entries("default").items]
    assert found == ["policy_a", "policy_b", "policy_a"]


# -- what somebody with the database in their hands may try -------------------------------------


@pytest.fixture
def database(database_url: str) -> Iterator[tuple[Records, Engine]]:
    engine = open_engine(database_url)
    records = sql_records(engine, SystemClock())
    records.audit.append(*(replace(DRAFT, target=f"syn_{number}") for number in range(1, 6)))
    raw = create_engine(engine.url)
    yield records, raw
    raw.dispose()
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_entries SET actor = 'somebody' WHERE sequence = 3",
        "DELETE FROM audit_entries WHERE sequence = 5",
        "DELETE FROM audit_heads",
        "UPDATE audit_heads SET sequence = 4",
        "UPDATE audit_heads SET digest = 'x'",
    ],
)
def test_the_database_refuses_to_change_an_entry(
    database: tuple[Records, Engine], statement: str, keys: KeyRing
) -> None:
    records, raw = database
    with pytest.raises(DBAPIError, match="only grows"), raw.begin() as connection:
        connection.execute(text(statement))
    assert verify_chains(export(records, keys))[0].num_entries == 5


def test_each_database_refuses_its_own_ways_around(
    database: tuple[Records, Engine], keys: KeyRing
) -> None:
    records, raw = database
    columns = "tenant, sequence, at, actor, action, outcome, previous, digest"
    statements = ["TRUNCATE audit_entries", "TRUNCATE audit_heads"]
    if raw.dialect.name == "sqlite":
        copied = columns.replace("actor", "'somebody'", 1)
        replacing = f"INSERT OR REPLACE INTO audit_entries ({columns})"
        statements = [
            f"{replacing} SELECT {copied} FROM audit_entries WHERE sequence = 3",  # noqa: S608 - of constants
            "INSERT OR REPLACE INTO audit_heads VALUES ('default', 4, 'x')",
        ]
    for statement in statements:
        with pytest.raises(DBAPIError, match="only grows"), raw.begin() as connection:
            connection.execute(text(statement))
    assert verify_chains(export(records, keys))[0].num_entries == 5


def without_triggers(raw: Engine, *statements: str) -> None:
    """Change the log as whoever owns the database can."""
    with raw.begin() as connection:
        if raw.dialect.name == "sqlite":
            triggers = connection.scalars(
                text("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            ).all()
            for name in triggers:
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            for table in ("audit_entries", "audit_heads"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE audit_entries SET actor = 'somebody' WHERE sequence = 3", "3 .* was changed"),
        ("UPDATE audit_entries SET origin = NULL WHERE sequence = 1", "1 .* was changed"),
        ("DELETE FROM audit_entries WHERE sequence = 3", "3 .* is missing"),
        ("DELETE FROM audit_entries WHERE sequence = 1", "1 .* is missing"),
        ("DELETE FROM audit_entries WHERE sequence = 5", "5 .* is missing"),
        ("DELETE FROM audit_entries", "5 .* is missing"),
    ],
)
def test_a_change_past_the_triggers_is_found(
    database: tuple[Records, Engine], keys: KeyRing, statement: str, found: str
) -> None:
    records, raw = database
    without_triggers(raw, statement)
    with pytest.raises(ChainBroken, match=found):
        verify_chains(export(records, keys))


def forged(lines: list[str], change: Callable[[list[Any]], list[Any]]) -> list[str]:
    return [json.dumps(line) for line in change([json.loads(line) for line in lines])]


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: lines[1:],  # without the signed end
        lambda lines: lines[:-1],
        lambda lines: [lines[0], *lines[2:]],
        lambda lines: [*lines, lines[-1]],
        lambda lines: [lines[0], lines[2], lines[1], *lines[3:]],
        lambda lines: [lines[0], {**lines[1], "outcome": "denied"}, *lines[2:]],
        lambda lines: [lines[0], {**lines[1], "note": "more"}, *lines[2:]],
        lambda lines: [],
    ],
)
def test_a_changed_file_is_found(
    records: Records, keys: KeyRing, change: Callable[[list[Any]], list[Any]]
) -> None:
    records.audit.append(DRAFT, replace(DRAFT, target="syn_2"), replace(DRAFT, target="syn_3"))
    with pytest.raises(ChainBroken):
        verify_chains(forged(export(records, keys), change), trusted(keys))


def test_an_older_end_is_an_older_log_unless_a_receipt_names_a_later_entry(
    records: Records, keys: KeyRing
) -> None:
    """What a chain without an outside anchor cannot show, and what a receipt adds."""
    records.audit.append(DRAFT)
    older = export(records, keys)
    records.audit.append(replace(DRAFT, target="syn_2"))
    assert verify_chains(older, trusted(keys))[0].num_entries == 1
    head = records.audit.head("default")
    receipt = type("Receipt", (), {})()
    receipt.content = {
        "audit": {"tenant": "default", "sequence": head.sequence, "digest": head.digest}
    }
    assert verify_chains(export(records, keys), trusted(keys), [receipt])
    with pytest.raises(ChainBroken, match="which a receipt names"):
        verify_chains(older, trusted(keys), [receipt])


def test_what_came_of_an_action_on_a_record_is_found(records: Records) -> None:
    for action, target, outcome in (("a", "x", "done"), ("a", "x", "refused"), ("b", "x", "done")):
        records.audit.append(AuditDraft("default", "key_1", action, target, outcome))
    records.audit.append(
        AuditDraft("default", "key_2", "a", "x"), AuditDraft("other", "k", "a", "x")
    )
    found = records.audit.of_action("default", "a", "x")
    outcomes = [(each.actor, each.outcome) for each in found]
    assert outcomes == [("key_1", "done"), ("key_1", "refused"), ("key_2", "done")]


def test_what_came_of_a_record_is_found_by_an_index(database_urls: Callable[[str], str]) -> None:
    engine = create_engine(database_urls("sqlite"))
    query = "SELECT * FROM audit_entries WHERE tenant='a' AND action='b' AND target='c'"
    with engine.connect() as connection:
        [(*_, plan)] = connection.execute(text(f"EXPLAIN QUERY PLAN {query} ORDER BY sequence"))
    engine.dispose()
    assert plan.startswith("SEARCH audit_entries USING INDEX audit_entries_by_target")
