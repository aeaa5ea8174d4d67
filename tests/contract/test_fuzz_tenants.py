"""Two tenants go through the service as its answers lead them, and never meet.

A walk is one tenant's: what one request made is what the next one asks for, by the links that
schemathesis finds in openapi.yaml. All its checks hold at every step. Now and then a record of the
other tenant is asked for in place of an own one. `SYNTHCXR_FUZZ_STEPS` sets how many requests are
sent in all at least.
"""

import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import hypothesis
import pytest
import schemathesis
import yaml
from schemathesis import Case, GenerationMode
from schemathesis.core.transport import Response
from schemathesis.specs.openapi.checks import positive_data_acceptance, use_after_free

from service.adapters.clock import SystemClock
from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.secret_box import FileSecretBox
from service.adapters.signing_keys import KeyRing
from service.adapters.sql_engine import open_engine
from service.adapters.sql_migrate import migrate
from service.adapters.sql_records import sql_records
from service.app import create_app
from service.context import AppContext
from service.domain.caller import SCOPES, Caller
from service.key_management import KeyManager
from service.settings import Settings
from tests.contract.running_server import running
from tests.instant_worker import InstantWorker

NUM_STEPS = int(os.environ.get("SYNTHCXR_FUZZ_STEPS", "300"))
TENANTS = ("a", "b")
FOREIGN_EVERY = 5  # steps that name a record
RECORD_ID = re.compile(r"\b(?:ds|mdl|syn|job|key|del)_[0-9a-z]{8,}\b")
# what a schema cannot say: which cursor the service gave, which folder is there
NOT_IN_A_SCHEMA = [positive_data_acceptance]
# a revoked key, what was withdrawn, and a model whose sets are out stay known after DELETE
STAYS_KNOWN = {kind: [use_after_free] for kind in ("keys", "synthetic-sets", "models")}
WALKS = hypothesis.settings(
    max_examples=50,
    stateful_step_count=20,
    phases=[hypothesis.Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
PHANTOMS = {"class_counts": {"normal": 20, "effusion": 20}, "image_size": 64}
TRAINING = {"family": "vae", "budget": {"images": 128}}


class TwoTenants:
    """A service whose two tenants begin each walk with the same few records.

    Attributes:
        app: To be served.
        ids: What each tenant has seen that is theirs.
        bearers: How each says who they are.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "synthcxr.db"
        self._engine = open_engine(f"sqlite:///{self._file}")
        migrate(self._engine)
        records = sql_records(self._engine, SystemClock())
        artifacts = LocalArtifacts(folder)
        self._worker = InstantWorker(records=records, artifacts=artifacts, clock=SystemClock())
        context = AppContext(
            records,
            artifacts,
            self._worker,
            SystemClock(),
            KeyRing(folder),
            "0",
            secret_box=FileSecretBox(folder),
        )
        settings = Settings(
            data_dir=folder,
            log_level="CRITICAL",
            max_requests_per_minute=0,
            max_failed_authentications_per_minute=0,
        )
        self.app = create_app(settings, context)
        self.bearers = {tenant: _bearer(context, tenant) for tenant in TENANTS}
        self.ids: dict[str, set[str]] = {tenant: set() for tenant in TENANTS}

    def make_first_records(self, url: str) -> None:
        """Make a dataset, a model and a set of each tenant, and remember all there is."""
        for tenant in TENANTS:
            with httpx.Client(base_url=url, headers=self.bearers[tenant], timeout=60) as client:
                dataset = self._done(client, "/datasets", phantom=PHANTOMS)
                model = self._done(client, "/train", dataset_id=dataset, **TRAINING)
                self._done(client, "/generate", model_id=model, class_counts={"normal": 2})
                self.see(tenant, "".join(client.get(f"/{each}").text for each in ("jobs", "keys")))
        self._first_ids = {tenant: frozenset(found) for tenant, found in self.ids.items()}
        self._snapshot = sqlite3.connect(":memory:", check_same_thread=False)
        with closing(sqlite3.connect(self._file)) as source:
            source.backup(self._snapshot)

    def _done(self, client: httpx.Client, path: str, **request: Any) -> str:
        """Submit a job; returns what it made."""
        answer = client.post(path, json=request)
        assert answer.status_code == 202, answer.text
        submitted = answer.json()
        ended = client.get(f"/jobs/{submitted['id']}").json()
        assert ended["state"] == "succeeded", ended
        return next(filter(None, ended["result"].values()))

    def restart(self) -> None:
        """Bring the first records back, and nothing else, so that equal walks go equally."""
        with closing(sqlite3.connect(self._file, timeout=30)) as target:
            self._snapshot.backup(target)
        self._worker.num_jobs = 0
        self.ids = {tenant: set(found) for tenant, found in self._first_ids.items()}

    def see(self, tenant: str, text: str) -> None:
        """Take note of the records that an answer to a tenant names; none may be the other's."""
        named = set(RECORD_ID.findall(text))
        assert not named & self.ids[_other(tenant)]
        self.ids[tenant] |= named

    def close(self) -> None:
        self._snapshot.close()
        self._engine.dispose()


def _bearer(context: AppContext, tenant: str) -> dict[str, str]:
    maker = Caller("fuzz", tenant, frozenset(SCOPES))
    manager = KeyManager(context.records.api_keys, context.clock, maker)
    return {"Authorization": f"Bearer {manager.create('of all', SCOPES).secret}"}


def _other(tenant: str) -> str:
    [other] = set(TENANTS) - {tenant}
    return other


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[TwoTenants, str]]:
    service = TwoTenants(tmp_path_factory.mktemp("tenants"))
    with running(service.app) as url:
        service.make_first_records(url)
        yield service, url
    service.close()


def test_two_tenants_never_meet(service: tuple[TwoTenants, str]) -> None:
    two_tenants, url = service
    document = yaml.load(Path("openapi.yaml").read_text(), Loader=yaml.CSafeLoader)
    for item in document["paths"].values():
        item.pop("head", None)  # answered by the same code as a GET
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    schema.config.generation.update(modes=[GenerationMode.POSITIVE])
    turns = cycle(TENANTS)
    sent: Counter[str] = Counter()
    failures: list[BaseException] = []

    class Walk(schema.as_state_machine()):  # type: ignore[misc]
        def setup(self) -> None:
            two_tenants.restart()
            self.tenant = next(turns)
            self.num_named = 0

        def before_call(self, case: Case) -> None:
            self.foreign = False
            for name, value in case.path_parameters.items():
                theirs = sorted(two_tenants.ids[_other(self.tenant)])
                kind = str(value).partition("_")[0]
                candidates = [each for each in theirs if each.startswith(f"{kind}_")]
                self.num_named += 1
                if candidates and self.num_named % FOREIGN_EVERY == 0:
                    case.path_parameters[name] = candidates[-1]
                    self.foreign = True

        def get_call_kwargs(self, case: Case) -> dict[str, Any]:
            return {"headers": two_tenants.bearers[self.tenant]}

        def validate_response(self, response: Response, case: Case, **kwargs: Any) -> None:
            sent["all"] += 1
            sent["foreign"] += self.foreign
            sent["succeeded"] += response.status_code < 300
            if self.foreign:
                assert response.status_code >= 400
            elif (
                response.status_code < 300
                and "json" in response.headers.get("content-type", [""])[0]
            ):
                two_tenants.see(self.tenant, response.text)
            try:
                case.validate_response(
                    response,
                    excluded_checks=[
                        *NOT_IN_A_SCHEMA,
                        *STAYS_KNOWN.get(case.path.split("/")[1], ()),
                    ],
                    transport_kwargs=kwargs,
                    recorder=self.recorder,
                )
            except BaseException as failure:
                failures.append(failure)
                raise

    while sent["all"] < NUM_STEPS and not failures:
        # Hypothesis takes it for flaky that identifiers differ from walk to walk
        with suppress(hypothesis.errors.Flaky):
            Walk.run(settings=WALKS)
    print(sent)
    assert not failures, failures[0]
    assert sent["foreign"] >= sent["all"] / 50
    assert sent["succeeded"] >= sent["all"] / 4
