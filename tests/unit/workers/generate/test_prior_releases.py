"""Which earlier sets count, and which of them are named."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from release.gate.verdict import Verdict
from service.domain.records import (
    ArtifactRef,
    Dataset,
    DatasetState,
    ExaminedSet,
    Model,
    SyntheticSet,
)
from service.domain.requests import DatasetSource
from tests.in_memory_queue import ManualClock
from tests.in_memory_records import MemoryStore
from tests.sample_records import model_card
from workers.generate.prior_releases import PriorSets

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATASET = Dataset("ds_ours", "images", DatasetState.READY, DatasetSource(path="/x"), NOW, "job_1")


def released(store: MemoryStore, name: str, dataset_id: str, tenant: str) -> None:
    page = ArtifactRef(f"synthetic-sets/{name}/report.html", "0" * 64, 1)
    number = len(store.examined_sets) + 1
    at = NOW + timedelta(seconds=number)
    passed = (Verdict("passed"),)
    store.examined_sets[name] = ExaminedSet(name, "mdl_1", dataset_id, 1, passed, {"n": number}, at)
    store.synthetic_sets[name] = replace(_set(name, page, at), dataset_id=dataset_id)
    store.tenants[name] = tenant


def _set(name: str, page: ArtifactRef, at: datetime) -> SyntheticSet:
    return SyntheticSet(
        id=name,
        model_id="mdl_1",
        job_id="job_1",
        num_images=1,
        class_counts={"normal": 1},
        zip=page,
        manifest=page,
        created_at=at,
        dataset_id="ds_ours",
        verdict=Verdict("passed"),
        report=page,
        findings=page,
    )


def test_releases_of_all_tenants_count_and_the_own_ones_are_named() -> None:
    store = MemoryStore(ManualClock())
    store.trained_patients |= {"ds_ours": frozenset({1, 2}), "ds_theirs": frozenset({2, 3})}
    released(store, "syn_ours", "ds_ours", "a")
    released(store, "syn_theirs", "ds_theirs", "b")
    model = Model(
        id="mdl_2",
        family="vae",
        dataset_id="ds_ours",
        classes=("normal",),
        image_size=64,
        config={},
        preset="tiny",
        images_seen=1,
        snapshot=ArtifactRef("models/mdl_2/s", "1" * 64, 1),
        job_id="job_2",
        created_at=NOW,
        card=model_card(),
    )
    prior = PriorSets.of(store.records(), model, DATASET, "syn_new", "a")
    assert list(prior.names) == [each.id for each in prior.releases] == ["syn_ours", "syn_theirs"]
    assert prior.disclosed == ["syn_ours"]
