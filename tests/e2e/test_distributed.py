"""The same spine on PostgreSQL and Redis, the pair that docker-compose uses."""

import os
import uuid

import pytest
import redis
import sqlalchemy

from synthcxr.verification import verify_set

POSTGRES = os.environ.get(
    "SYNTHCXR_TEST_POSTGRES_URL", "postgresql+psycopg://postgres@127.0.0.1:5432/test"
)
REDIS = os.environ.get("SYNTHCXR_TEST_REDIS_URL", "redis://127.0.0.1:6379/7")

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def database_url():
    """A database of this run's own."""
    server = sqlalchemy.create_engine(POSTGRES, isolation_level="AUTOCOMMIT")
    name = f"synthcxr_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
    except sqlalchemy.exc.OperationalError:
        pytest.skip("PostgreSQL is not reachable (SYNTHCXR_TEST_POSTGRES_URL)")
    url = sqlalchemy.make_url(POSTGRES).set(database=name)
    yield url.render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sqlalchemy.text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(scope="module")
def broker_url():
    broker = redis.Redis.from_url(REDIS)
    try:
        broker.ping()
    except redis.ConnectionError:
        pytest.skip("Redis is not reachable (SYNTHCXR_TEST_REDIS_URL)")
    yield REDIS
    broker.flushdb()
    broker.close()


def test_labelled_set_arrives_whole(start_service, tmp_path, database_url, broker_url):
    urls = {"SYNTHCXR_DATABASE_URL": database_url, "SYNTHCXR_BROKER_URL": broker_url}
    with start_service(tmp_path, workers=2, **urls) as service:
        dataset_id = service.phantoms(normal=48, cardiomegaly=32)
        model_id = service.trained(dataset_id)
        job = service.client.generate(
            model_id, class_counts={"normal": 9, "cardiomegaly": 3}, seed=7
        )
        set_id = service.finished(job).synthetic_set_id
        service.client.sets.download(set_id, tmp_path / "set.zip")
        made = service.client.sets.get(set_id)
        assert verify_set(tmp_path / "set.zip").num_images == made.num_images > 0
        assert not list(tmp_path.glob("*.db")), "no SQLite file beside PostgreSQL"
