"""What goes with a dataset or a model, and what must outlive it, on every kind of records."""

import json
import os
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from service.adapters.local_artifacts import LocalArtifacts
from service.adapters.signing_keys import KeyRing
from service.domain import errors
from service.domain.audit import AuditDraft
from service.domain.deletion import Deletion
from service.domain.erasure import carry_out
from service.domain.job import Job, JobKind
from service.domain.job_events import NAMED_BY_JOB
from service.domain.job_ports import Idempotency
from service.domain.model_card import WarmStart
from service.domain.record_ports import Records
from service.domain.records import (
    ArtifactRef,
    IngestedDataset,
    JobOutput,
    Model,
    PreviewedModel,
    ScoredImages,
    TrainedModel,
)
from service.domain.requests import JobRequest, PreviewColumn, PreviewRequest, ScoreRequest
from synthcxr.errors import NotSigned
from synthcxr.statement import RECEIPT_TYPE, read_statement
from tests.in_memory_queue import ManualClock
from tests.integration.test_records import (
    PROBLEM,
    claimed,
    examined,
    ingested,
    make_dataset,
    make_job,
    make_model,
)
from tests.sample_records import model_card, privacy_account
from workers.generate.beside_dataset import publish_beside
from workers.generate.gate_assets import ArtifactArrayCache

DELETE = AuditDraft("default", "key_1", "delete_dataset", "ds_1")


def trained(records: Records, clock: ManualClock, model_id: str, **card: object) -> Model:
    job = claimed(records, make_job(clock))
    model = replace(
        make_model(job, clock),
        id=model_id,
        snapshot=ArtifactRef(f"models/{model_id}/snapshot.safetensors", "a" * 64, 3),
        card=model_card(**card),
    )
    records.jobs.succeed(job.claim_held, TrainedModel(model))
    return model


def removed(deletion: Deletion, kind: str) -> set[str]:
    return {each.id for each in deletion.removed if each.kind == kind}


def kept(deletion: Deletion) -> set[tuple[str, str]]:
    return {(each.kind, each.id) for each in deletion.kept}


def test_a_dataset_alone_leaves_its_models(records: Records, clock: ManualClock) -> None:
    dataset = ingested(records, clock, "ds_1", [1])
    model = trained(records, clock, "mdl_1")
    deletion = records.deletions.delete_dataset("ds_1", DELETE, cascade=False)
    assert removed(deletion, "dataset") == {"ds_1"}
    assert removed(deletion, "job") == {dataset.job_id}
    assert ("model", "mdl_1") in kept(deletion)
    assert records.catalog.model("mdl_1") == model
    with pytest.raises(errors.JobNotFound):
        records.jobs.job(dataset.job_id)
    assert records.jobs.job(model.job_id)


def test_with_cascade_everything_about_a_dataset_goes_and_nothing_of_another(
    records: Records, clock: ManualClock
) -> None:
    ingested(records, clock, "ds_1", [1])
    ingested(records, clock, "ds_2", [2])
    trained(records, clock, "mdl_1")
    failed = claimed(records, make_job(clock))
    records.jobs.fail(failed.claim_held, PROBLEM)
    examined(records, clock, "syn_1", "inconclusive")
    other = make_job(clock, JobKind.TRAIN, dataset_id="ds_2")
    records.jobs.submit(other, idempotency=Idempotency("other", "0" * 64))
    deletion = records.deletions.delete_dataset("ds_1", DELETE, cascade=True)
    assert removed(deletion, "model") == {"mdl_1"}
    assert removed(deletion, "synthetic_set") == {"syn_1"}
    assert failed.id in removed(deletion, "job")
    assert len(removed(deletion, "job")) == 4
    assert {job.request.dataset_id for job in records.jobs.jobs().items} == {"ds_2"}
    assert records.catalog.models().items == records.releases.synthetic_sets().items == []
    assert records.catalog.dataset("ds_2")
    for job_id in removed(deletion, "job"):
        with pytest.raises(errors.JobNotFound):
            records.jobs.events(job_id)


def test_what_the_release_rules_need_outlives_a_cascade(
    records: Records, clock: ManualClock
) -> None:
    """Deleting and training the same again must not wipe refusals, budgets and releases."""
    ingested(records, clock, "ds_1", [1, 2])
    trained(records, clock, "mdl_1", differential_privacy=privacy_account())
    released = examined(records, clock, "syn_1", "passed")
    examined(records, clock, "syn_2", "refused")
    deletion = records.deletions.delete_dataset("ds_1", DELETE, cascade=True)
    assert {
        ("synthetic_set", "syn_1"),
        ("examinations", "mdl_1"),
        ("privacy_account", "mdl_1"),
        ("trained_patients", "ds_1"),
        ("patient_ledger", "ds_1"),
    } <= kept(deletion)

    ingested(records, clock, "ds_2", [2, 3])
    assert [each.id for each in records.releases.releases("ds_2")] == ["syn_1"]
    assert records.releases.releases("ds_2")[0].zip == released.zip
    assert len(records.catalog.private_models(model_card().dataset_version)) == 1
    again = trained(records, clock, "mdl_9")  # the same weights
    found = records.releases.examined_sets(again.id)
    assert [(each.number, each.verdict.outcome) for each in found] == [
        (1, "passed"),
        (2, "refused"),
    ]
    assert found[0].tally == {"num_drawn": 256, "of": "syn_1"}
    assert "Because." not in str(found)
    with pytest.raises(errors.ModelNotFound):
        records.catalog.model("mdl_1")
    assert records.catalog.referenced_artifacts() == {
        "models/mdl_9",
        "synthetic-sets/syn_1-0",
    }


def test_a_model_goes_and_its_sets_stay_unless_they_are_to_go_too(
    records: Records, clock: ManualClock
) -> None:
    ingested(records, clock, "ds_1", [])
    for model_id, cascade in (("mdl_1", False), ("mdl_2", True)):
        model = trained(records, clock, model_id)
        made = examined(records, clock, f"syn_of_{model_id}", "inconclusive", model_id=model_id)
        deletion = records.deletions.delete_model(model_id, DELETE, cascade=cascade)
        assert removed(deletion, "job") >= {model.job_id}
        there = {each.id for each in records.releases.synthetic_sets().items}
        assert (made.id in there) is not cascade
        with pytest.raises(errors.ModelNotFound):
            records.deletions.delete_model(model_id, DELETE, cascade=cascade)
    assert records.catalog.models().items == []


@pytest.mark.parametrize("kind", [JobKind.SCORE, JobKind.PREVIEW])
@pytest.mark.parametrize("cascade", [False, True])
def test_scores_and_previews_go_with_their_model_whether_its_sets_do_or_not(
    records: Records, clock: ManualClock, cascade: bool, kind: JobKind
) -> None:
    ingested(records, clock, "ds_1", [1])
    trained(records, clock, "mdl_1")
    trained(records, clock, "mdl_2")
    named = {}
    for model_id in ("mdl_1", "mdl_2"):
        request: JobRequest = ScoreRequest(model_id, "ds_1")
        made: JobOutput = ScoredImages(model_id)
        if kind is JobKind.PREVIEW:
            columns = (PreviewColumn(0, {"name": "mixture"}), PreviewColumn(1, {}))
            request = PreviewRequest(model_id, "ds_1", ("normal",), 4, columns)
            made = PreviewedModel(model_id)
        job = replace(make_job(clock), kind=kind, queue=kind.queue, request=request)
        named[model_id] = job.id
        records.jobs.succeed(claimed(records, job).claim_held, made)
        assert records.jobs.job(job.id).request == request
    folders = {NAMED_BY_JOB[kind](job_id) for job_id in named.values()}
    assert folders <= records.catalog.referenced_artifacts()
    deletion = records.deletions.delete_model("mdl_1", DELETE, cascade=cascade)
    assert named["mdl_1"] in removed(deletion, "job")
    assert named["mdl_2"] not in removed(deletion, "job")
    left = folders & records.catalog.referenced_artifacts()
    assert left == {NAMED_BY_JOB[kind](named["mdl_2"])}


def test_a_model_that_a_job_needs_stays(records: Records, clock: ManualClock) -> None:
    trained(records, clock, "mdl_1")
    job = records.jobs.submit(make_job(clock, JobKind.GENERATE))
    with pytest.raises(errors.ModelInUse, match=job.id):
        records.deletions.delete_model("mdl_1", DELETE, cascade=True)
    assert records.audit.head("default").sequence == 0
    records.jobs.request_cancel(job.id)
    assert records.deletions.delete_model("mdl_1", DELETE, cascade=True).target == "mdl_1"


def test_a_late_worker_leaves_nothing_below_a_dataset_that_was_deleted(
    records: Records, clock: ManualClock, artifacts: LocalArtifacts, keys: KeyRing
) -> None:
    dataset = replace(
        ingested(records, clock, "ds_1", []), artifact=ArtifactRef("datasets/ds_1-abc", "0", 3)
    )
    publish = partial(publish_beside, artifacts, records.catalog, dataset)

    def learned(name: str) -> tuple[Path, str]:
        staged = artifacts.staging("late")
        (staged / "classifier").write_bytes(b"learned")
        return staged, f"datasets/ds_1-abc/{name}"

    publish(*learned("in-time"))
    assert artifacts.exists("datasets/ds_1-abc/in-time")
    deletion = records.deletions.delete_dataset("ds_1", DELETE, cascade=True)
    publishing = learned("between")  # the record is gone, the files are not yet
    with pytest.raises(errors.DatasetGone):
        publish(*publishing)
    carry_out(deletion, records, artifacts, keys, clock)
    with pytest.raises(errors.DatasetGone):
        publish(*learned("late"))
    assert not [*artifacts.folders()]

    arrays = ArtifactArrayCache(artifacts, "datasets/ds_1-abc/arrays-64", publish)
    found = {"far": np.array([0.5])}
    assert arrays.get("what is no longer kept", lambda: found) == found
    assert arrays.is_empty
    assert not [*artifacts.folders()]


def test_an_unknown_deletion_is_not_found(records: Records) -> None:
    with pytest.raises(errors.DeletionNotFound):
        records.deletions.deletion("del_1")
    with pytest.raises(errors.DatasetNotFound):
        records.deletions.delete_dataset("ds_none", DELETE, cascade=True)


# -- the files ----------------------------------------------------------------------------------


@pytest.fixture
def artifacts(tmp_path: Path) -> LocalArtifacts:
    return LocalArtifacts(tmp_path / "data")


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "data")


def with_files(
    records: Records, clock: ManualClock, artifacts: LocalArtifacts
) -> tuple[Job, Deletion]:
    """Delete a dataset that has files of every sort; they are still there."""
    job = make_job(clock, JobKind.INGEST)
    key = ArtifactRef("datasets/ds_1-abc", "0" * 64, 3)
    dataset = replace(make_dataset(job, clock), artifact=key)
    records.jobs.submit(job, dataset=dataset)
    upload = artifacts.open_upload(job.id)
    upload.write(b"PATIENT")
    upload.commit()
    taken = records.jobs.claim(job.id, worker="w", lease_seconds=30)
    assert taken
    records.jobs.succeed(taken.claim_held, IngestedDataset(dataset, [1]))
    for key_of_file in (
        "datasets/ds_1-abc/pixels.npy",
        "datasets/ds_1-abc/gate-assets-64/classifier.safetensors",
        "datasets/ds_1-fff/pixels.npy",  # of an attempt that lost its lease
        "datasets/ds_10-abc/pixels.npy",
    ):
        path = artifacts.path(key_of_file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"PATIENT")
    (artifacts.staging(f"{job.id}-1") / "pixels.npy").write_bytes(b"PATIENT")
    return job, records.deletions.delete_dataset("ds_1", DELETE, cascade=True)


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "keys" not in path.parts)
    return {str(path.relative_to(folder)) for path in found}


def test_the_files_go_and_the_receipt_counts_them(
    records: Records,
    clock: ManualClock,
    artifacts: LocalArtifacts,
    keys: KeyRing,
    tmp_path: Path,
) -> None:
    job, begun = with_files(records, clock, artifacts)
    assert records.deletions.unfinished() == [begun]
    done = carry_out(begun, records, artifacts, keys, clock)
    assert records.deletions.unfinished() == []
    assert records.deletions.deletion(begun.id) == done
    assert files(tmp_path / "data") == {"artifacts/datasets/ds_10-abc/pixels.npy"}
    counts = {each.id: (each.num_files, each.num_bytes) for each in done.removed}
    assert counts == {"ds_1": (3, 2**20), job.id: (2, 14)}
    assert done.receipt
    pem = [key.pem.encode() for key in keys.public_keys()]
    said = read_statement(done.receipt, RECEIPT_TYPE, pem)
    assert said.confirmed
    assert said.content["deleted"] == {"kind": "dataset", "id": "ds_1"}
    assert said.content["requested_by"] == "key_1"
    assert said.content["audit"]["sequence"] == 1
    actions = [entry.action for entry in records.audit.entries("default").items]
    assert actions == ["finish_deletion", "delete_dataset"]
    forged = {**done.receipt, "payload": "e30="}
    with pytest.raises(NotSigned):
        read_statement(forged, RECEIPT_TYPE, pem)
    with pytest.raises(NotSigned):
        read_statement(done.receipt, RECEIPT_TYPE, [KeyRing(tmp_path / "b").current().public_pem])


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("deaths", range(1, 9))
def test_a_deletion_that_dies_anywhere_is_finished_by_another_process(
    records: Records,
    clock: ManualClock,
    artifacts: LocalArtifacts,
    keys: KeyRing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deaths: int,
) -> None:
    """Killed before each change of the file system, and in the middle of the removal."""
    job, begun = with_files(records, clock, artifacts)
    left = deaths

    def dying(change):
        def instead(*arguments, **options):
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return change(*arguments, **options)

        return instead

    with monkeypatch.context() as patch:
        for owner, name in ((os, "unlink"), (os, "rmdir"), (Path, "rename"), (Path, "unlink")):
            patch.setattr(owner, name, dying(getattr(owner, name)))
        with suppress(Killed):
            carry_out(begun, records, artifacts, keys, clock)
    [unfinished] = records.deletions.unfinished() or [begun]
    done = carry_out(unfinished, records, artifacts, keys, clock)
    assert files(tmp_path / "data") == {"artifacts/datasets/ds_10-abc/pixels.npy"}
    counts = {each.id: each.num_files for each in done.removed}
    assert counts == {"ds_1": 3, job.id: 2}  # what there was before the first death
    assert len(records.audit.entries("default").items) == 2


def test_the_receipt_waits_for_a_lost_key(
    records: Records, clock: ManualClock, artifacts: LocalArtifacts, keys: KeyRing, tmp_path: Path
) -> None:
    _, begun = with_files(records, clock, artifacts)
    lost = tmp_path / "data" / "keys" / f"{keys.current().id}.key"
    content = lost.read_bytes()
    lost.unlink()
    with pytest.raises(errors.SigningKeyLost):
        carry_out(begun, records, artifacts, keys, clock)
    assert files(tmp_path / "data") == {"artifacts/datasets/ds_10-abc/pixels.npy"}
    assert len(records.deletions.unfinished()) == 1
    lost.write_bytes(content)
    assert carry_out(begun, records, artifacts, keys, clock).receipt


def test_a_receipt_names_nothing_but_identifiers_and_figures(
    records: Records, clock: ManualClock, artifacts: LocalArtifacts, keys: KeyRing
) -> None:
    _, begun = with_files(records, clock, artifacts)
    done = carry_out(begun, records, artifacts, keys, clock)
    assert done.receipt
    said = json.dumps(read_statement(done.receipt, RECEIPT_TYPE, []).content)
    for content in ("images", "/radiographs", "normal", "effusion", "datasets/"):
        assert content not in said.replace("small image", "").replace("its images", "").replace(
            "whose images", ""
        )


def started(records: Records, clock: ManualClock, model_id: str, parent: Model) -> Model:
    """A model of another dataset whose training started from an earlier one."""
    job = claimed(records, make_job(clock, dataset_id="ds_2"))
    start = WarmStart(parent.id, "b" * 64, (), ("stem",), (), (), (), 1.0)
    model = replace(
        make_model(job, clock),
        id=model_id,
        dataset_id="ds_2",
        snapshot=ArtifactRef(f"models/{model_id}/snapshot.safetensors", "d" * 64, 3),
        card=model_card(warm_start=start),
        inherited=parent.taints,
    )
    records.jobs.succeed(job.claim_held, TrainedModel(model))
    return model


def test_a_model_that_started_from_a_deleted_one_stays_and_is_named(
    records: Records, clock: ManualClock
) -> None:
    ingested(records, clock, "ds_1", [1])
    ingested(records, clock, "ds_2", [2])
    child = started(records, clock, "mdl_2", trained(records, clock, "mdl_1"))
    deletion = records.deletions.delete_model("mdl_1", DELETE, cascade=True)
    assert removed(deletion, "model") == {"mdl_1"}
    assert ("model", "mdl_2") in kept(deletion)
    assert records.catalog.model("mdl_2") == child


@pytest.mark.parametrize("cascade", [False, True])
def test_a_model_that_inherits_a_dataset_goes_with_it_where_that_is_asked_for(
    records: Records, clock: ManualClock, cascade: bool
) -> None:
    ingested(records, clock, "ds_1", [1])
    ingested(records, clock, "ds_2", [2])
    child = started(records, clock, "mdl_2", trained(records, clock, "mdl_1"))
    deletion = records.deletions.delete_dataset("ds_1", DELETE, cascade=cascade)
    assert records.catalog.dataset("ds_2")
    if not cascade:
        assert {("model", "mdl_1"), ("model", "mdl_2")} <= kept(deletion)
        assert records.catalog.model("mdl_2") == child
        return
    assert removed(deletion, "model") == {"mdl_1", "mdl_2"}
    assert child.job_id in removed(deletion, "job")
    with pytest.raises(errors.ModelNotFound):
        records.catalog.model("mdl_2")


@pytest.mark.parametrize("cascade", [False, True])
def test_a_job_of_a_model_that_would_go_too_needs_the_dataset(
    records: Records, clock: ManualClock, cascade: bool
) -> None:
    ingested(records, clock, "ds_1", [1])
    ingested(records, clock, "ds_2", [2])
    started(records, clock, "mdl_2", trained(records, clock, "mdl_1"))
    job = make_job(clock, JobKind.GENERATE, dataset_id="ds_2", model_id="mdl_2")
    records.jobs.submit(job)
    if cascade:
        with pytest.raises(errors.DatasetInUse, match=job.id):
            records.deletions.delete_dataset("ds_1", DELETE, cascade=True)
    else:
        records.deletions.delete_dataset("ds_1", DELETE, cascade=False)


def test_sets_of_datasets_that_a_model_joined_are_examined_together(
    records: Records, clock: ManualClock
) -> None:
    """Both hold images of what the parent learned from."""
    ingested(records, clock, "ds_1", [1])
    ingested(records, clock, "ds_2", [2])
    parent = trained(records, clock, "mdl_1")
    examined(records, clock, "syn_1", "passed")
    assert records.releases.releases("ds_2") == []
    started(records, clock, "mdl_2", parent)
    started(records, clock, "mdl_3", parent)  # once more changes nothing
    assert [each.id for each in records.releases.releases("ds_2")] == ["syn_1"]
