"""Datasets, models and synthetic sets in memory."""

from collections.abc import Sequence
from dataclasses import replace

from typing_extensions import override

from service.domain import errors, job_events, release_rules
from service.domain.audit import AuditDraft
from service.domain.catalog_ports import Catalog, Releases
from service.domain.job import JobState
from service.domain.paging import DEFAULT_LIMIT, Cursor, Page
from service.domain.records import Dataset, ExaminedSet, GeneratedSet, Model, SyntheticSet
from tests.in_memory.tables import MemoryTables, get, page


class MemoryCatalog(Catalog):
    """The datasets and models of a store."""

    def __init__(self, store: MemoryTables, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @property
    def _datasets(self) -> dict[str, Dataset]:
        return self._store.of(self._tenant, self._store.datasets)

    @property
    def _models(self) -> dict[str, Model]:
        return self._store.of(self._tenant, self._store.models)

    @override
    def dataset(self, dataset_id: str) -> Dataset:
        return get(self._datasets, dataset_id, errors.DatasetNotFound)

    @override
    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        return page(list(self._datasets.values()), cursor, limit)

    @override
    def newest_split_dataset(self) -> Dataset | None:
        split = [dataset for dataset in self._datasets.values() if dataset.version]
        return max(split, key=Cursor.after, default=None)

    @override
    def model(self, model_id: str) -> Model:
        model = get(self._models, model_id, errors.ModelNotFound)
        if model.deleted:
            raise errors.ModelNotFound.named(model_id)
        return model

    @override
    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        there = [model for model in self._models.values() if not model.deleted]
        return page(there, cursor, limit)

    @override
    def private_models(self, dataset_version: str) -> Sequence[Model]:
        found = [
            model
            for model in self._models.values()
            if model.card.differential_privacy and model.card.dataset_version == dataset_version
        ]
        return sorted(found, key=Cursor.after)

    @override
    def referenced_artifacts(self) -> set[str]:
        store = self._store
        with store.lock:
            folders = [each.artifact.folder for each in store.datasets.values() if each.artifact]
            there = [model for model in store.models.values() if not model.deleted]
            folders += [model.snapshot.folder for model in there]
            folders += [made.report.folder for made in store.synthetic_sets.values()]
            checkpoints = [job_events.checkpoint_folder(job) for job in store.jobs.values()]
            named_by_job = (
                job_events.NAMED_BY_JOB[job.kind](job.id)
                for job in store.jobs.values()
                if job.kind in job_events.NAMED_BY_JOB and job.state is JobState.SUCCEEDED
            )
            return {*folders, *filter(None, checkpoints), *named_by_job}


class MemoryReleases(Releases):
    """The synthetic sets of a store."""

    def __init__(self, store: MemoryTables, tenant: str | None) -> None:
        self._store = store
        self._tenant = tenant

    @property
    def _sets(self) -> dict[str, SyntheticSet]:
        return self._store.of(self._tenant, self._store.synthetic_sets)

    @property
    def _examined(self) -> dict[str, ExaminedSet]:
        return self._store.of(self._tenant, self._store.examined_sets)

    @override
    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        made = get(self._sets, synthetic_set_id, errors.SyntheticSetNotFound)
        if made.withdrawn:
            raise errors.SyntheticSetNotFound.named(synthetic_set_id)
        return made

    @override
    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        there = [made for made in self._sets.values() if not made.withdrawn]
        return page(there, cursor, limit)

    @override
    def delete_synthetic_set(
        self, synthetic_set_id: str, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        sets = self._store.synthetic_sets
        with self._store.lock:
            made = self.synthetic_set(synthetic_set_id)
            self._store.write_entry(audit)
            if made.stays_known:
                sets[made.id] = replace(made, withdrawn=True)
                return sets[made.id]
            return sets.pop(made.id)

    @override
    def read_findings(
        self, synthetic_set_id: str, max_sets: int, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        sets = self._store.synthetic_sets
        with self._store.lock:
            made = self.synthetic_set(synthetic_set_id)
            if not made.findings_read:
                read = [each for each in sets.values() if each.findings_read]
                num_read = sum(each.model_id == made.model_id for each in read)
                release_rules.check_findings(made.model_id, num_read, max_sets)
                sets[made.id] = replace(made, findings_read=True)
            self._store.write_entry(audit)
            return made

    @override
    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        with self._store.lock:
            examined = self.released_examinations(dataset_id)
            return [self._store.synthetic_sets[each.id] for each in examined]

    @override
    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        with self._store.lock:
            known = self._store.trained_patients
            ours = known.get(dataset_id, frozenset())
            return [
                each
                for each in sorted(self._examined.values(), key=Cursor.after)
                if each.released
                and (
                    each.dataset_id == dataset_id or ours & known.get(each.dataset_id, frozenset())
                )
            ]

    @override
    def refused_elsewhere(self, model_id: str) -> bool:
        if self._tenant is None:
            return False
        everywhere = MemoryReleases(self._store, None).examined_sets(model_id)
        here = self._examined
        return any(each.refused for each in everywhere if each.id not in here)

    @override
    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        store = self._store
        with store.lock:
            model = store.models.get(model_id)
            names = {model_id} | {
                each.id
                for each in store.models.values()
                if model and each.snapshot.sha256 == model.snapshot.sha256
            }
            examined = [each for each in self._examined.values() if each.model_id in names]
        return sorted(examined, key=lambda each: each.number)

    @override
    def examined_line(self, model_id: str) -> list[ExaminedSet]:
        store = self._store
        with store.lock:

            def weights_of(names: set[str]) -> set[str]:
                return {store.models[each].snapshot.sha256 for each in names & {*store.models}}

            def lines_of(names: set[str]) -> set[str]:
                return {store.lines[each] for each in names if each in store.lines}

            def of_lines(lines: set[str]) -> set[str]:
                return {each for each, line in store.lines.items() if line in lines}

            related = {model_id} | of_lines(lines_of({model_id}))
            weights = weights_of(related)
            equals = {e.id for e in store.models.values() if e.snapshot.sha256 in weights}
            names = related | equals | of_lines(lines_of(equals))
            examined = [each for each in self._examined.values() if each.model_id in names]
        return sorted(examined, key=lambda each: (each.number, each.created_at, each.id))

    def examined(self, made: GeneratedSet) -> ExaminedSet:
        """Return what is kept of an examination; see `release_rules.examined`."""
        new = made.synthetic_set
        of_model = self.examined_line(new.model_id)
        return release_rules.examined(made, of_model, self.released_examinations(new.dataset_id))
