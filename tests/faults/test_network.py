"""A network that is slow, breaks connections or says nothing: every job still ends once."""

import os
import random
import uuid
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import redis
import sqlalchemy
from sqlalchemy import URL, make_url

from tests.faults import campaign as faults
from tests.faults.deployment import deployed
from tests.faults.judge import judge
from tests.faults.proxy import Proxy, Weather, proxied

POSTGRES = os.environ.get(
    "SYNTHCXR_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
REDIS = os.environ.get("SYNTHCXR_TEST_REDIS_URL", "redis://127.0.0.1:6379/6")
SEED = 5
# A lease must outlast what a database that went silent takes to be noticed, see sql_engine.
LEASES = {"SYNTHCXR_LEASE_SECONDS": "15"}

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]


@pytest.fixture
def database() -> Iterator[URL]:
    """A database of the test's own."""
    server = sqlalchemy.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    name = f"faults_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    except sqlalchemy.exc.OperationalError:
        pytest.skip("PostgreSQL is not reachable (SYNTHCXR_TEST_POSTGRES_URL)")
    yield make_url(POSTGRES).set(database=name)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture
def broker() -> Iterator[URL]:
    client = redis.Redis.from_url(REDIS)
    try:
        client.ping()
    except redis.ConnectionError:
        pytest.skip("Redis is not reachable (SYNTHCXR_TEST_REDIS_URL)")
    yield make_url(REDIS)
    client.flushdb()
    client.close()


def test_whatever_the_network_does_every_accepted_job_ends_once(
    tmp_path: Path, database: URL, broker: URL
) -> None:
    with (
        proxied(database.host or "", database.port or 5432) as to_database,
        proxied(broker.host or "", broker.port or 6379) as to_broker,
        deployed(
            tmp_path / "data",
            {"worker-1": "cpu.ingest", "worker-2": "cpu.ingest"},
            seen_at=database.render_as_string(hide_password=False),
            SYNTHCXR_DATABASE_URL=_through(to_database, database),
            SYNTHCXR_BROKER_URL=_through(to_broker, broker),
            **LEASES,
        ) as deployment,
    ):
        campaign = faults.begin(deployment, SEED)
        plan = [
            partial(_change, proxy, weather)
            for proxy in (to_database, to_broker)
            for weather in Weather
        ]
        plan += [to_database.reset, to_broker.reset] * 3
        random.Random(SEED).shuffle(plan)
        campaign.run_actions([*plan, partial(_clear, to_database, to_broker)], 4.0, num_open=3)
        assert campaign.client.wrong == []
        judge(deployment, campaign.client.accepted).assert_whole()
        assert len(campaign.client.accepted) >= 5


def _through(proxy: Proxy, url: URL) -> str:
    return url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)


def _change(proxy: Proxy, weather: Weather) -> None:
    proxy.weather = weather


def _clear(*proxies: Proxy) -> None:
    for proxy in proxies:
        proxy.weather = Weather.FAIR
