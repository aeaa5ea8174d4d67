"""What the domain asks of a database about datasets, models and synthetic sets."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from service.domain.audit import AuditDraft
from service.domain.deletion import Deletion, Removed
from service.domain.paging import DEFAULT_LIMIT, Page
from service.domain.records import Dataset, ExaminedSet, Model, SyntheticSet


class Catalog(Protocol):
    """Datasets and models. Methods that take an identifier raise the NotFound of their kind."""

    def dataset(self, dataset_id: str) -> Dataset:
        """Return a dataset."""

    def datasets(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Dataset]:
        """List datasets, newest first."""

    def newest_split_dataset(self) -> Dataset | None:
        """Return the newest dataset whose images were split, if there is any."""

    def model(self, model_id: str) -> Model:
        """Return a model."""

    def models(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Model]:
        """List models, newest first."""

    def private_models(self, dataset_version: str) -> Sequence[Model]:
        """Return the models trained with differential privacy on a dataset version."""

    def referenced_artifacts(self) -> set[str]:
        """Return the folders still needed, as `<kind>/<name>`; the rest may be pruned.

        Checkpoints are needed until their job succeeded or was deleted.
        """


class Releases(Protocol):
    """Synthetic sets and their examinations; raises SyntheticSetNotFound."""

    def synthetic_set(self, synthetic_set_id: str) -> SyntheticSet:
        """Return a synthetic set."""

    def synthetic_sets(
        self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT
    ) -> Page[SyntheticSet]:
        """List synthetic sets, newest first."""

    def delete_synthetic_set(
        self, synthetic_set_id: str, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        """Remove a synthetic set; one that stays known is only withdrawn, see `SyntheticSet`.

        Args:
            synthetic_set_id: The set.
            audit: Is written in the same transaction.

        Returns:
            What is left of it.
        """

    def read_findings(
        self, synthetic_set_id: str, max_sets: int, audit: AuditDraft | None = None
    ) -> SyntheticSet:
        """Record that a set's findings are read.

        Args:
            synthetic_set_id: The set.
            max_sets: Of how many sets of one model they may be read.
            audit: Is written in the same transaction.

        Raises:
            FindingsSpent: They were read of that many others.
        """

    def releases(self, dataset_id: str) -> list[SyntheticSet]:
        """Return every released set whose dataset shares patients with one, oldest first.

        Two datasets share a patient when models are trained on that patient in both. A dataset
        shares all with itself. Withdrawn sets and those of deleted datasets are returned too.
        """

    def released_examinations(self, dataset_id: str) -> list[ExaminedSet]:
        """Return what is kept of the examinations of the same sets, in the same order."""

    def examined_sets(self, model_id: str) -> list[ExaminedSet]:
        """Return every examined set of a model and its equals, deleted ones too, by number.

        Its equals have the same weights: a model that is trained once more starts no new count.
        """

    def examined_line(self, model_id: str) -> list[ExaminedSet]:
        """Return every examined set of a model's line, deleted ones too, by number.

        A line are a model that started from no private one, and all that started from it, directly
        or through others: their weights are nearly the same, so their sets are counted together.
        Models with the same weights are of one line.
        """

    def refused_elsewhere(self, model_id: str) -> bool:
        """Say whether a set of an equal model of another tenant was refused.

        Only of use in records of one tenant: there `examined_sets` returns that tenant's alone.
        """


class Deletions(Protocol):
    """Deletions of datasets and models, and their receipts."""

    def delete_dataset(self, dataset_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        """Remove the records of a dataset and of its ingest; what is to be kept is kept.

        Args:
            dataset_id: The dataset.
            audit: Is written in the same transaction, as is the deletion itself.
            cascade: Whether its models, their sets and all of its jobs go too.

        Returns:
            The deletion, whose files are still there; see `erasure.carry_out`.

        Raises:
            DatasetNotFound: There is no such dataset.
            DatasetInUse: A job that is not done needs it.
        """

    def delete_model(self, model_id: str, audit: AuditDraft, *, cascade: bool) -> Deletion:
        """Remove the records of a model and of its training, as `delete_dataset` does.

        Raises:
            ModelNotFound: There is no such model.
            ModelInUse: A job that is not done needs it.
        """

    def count(self, deletion_id: str, removed: Sequence[Removed]) -> Deletion:
        """Keep what the files come to before they go; the first count stands."""

    def finish(
        self, deletion_id: str, finished_at: datetime, receipt: Mapping[str, Any]
    ) -> Deletion:
        """Keep the receipt of a deletion whose files are gone; the first receipt stands."""

    def deletion(self, deletion_id: str) -> Deletion:
        """Return a deletion, or raise DeletionNotFound."""

    def deletions(self, *, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> Page[Deletion]:
        """List deletions, newest first."""

    def unfinished(self) -> list[Deletion]:
        """Return the deletions whose files may still be there, oldest first."""
