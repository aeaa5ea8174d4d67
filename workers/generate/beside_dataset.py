"""Publishes what is learned of a dataset in its folder, and leaves nothing where it was deleted.

A worker that lost its lease can be late: its dataset was deleted while it computed.
"""

from __future__ import annotations

from pathlib import Path

from service.domain.catalog_ports import Catalog
from service.domain.errors import DatasetGone, DatasetNotFound
from service.domain.ports import ArtifactStore
from service.domain.records import Dataset


def publish_beside(
    artifacts: ArtifactStore, catalog: Catalog, dataset: Dataset, staged: Path, key: str
) -> None:
    """Publish a file or folder whose key lies in the folder of a dataset.

    A deletion removes the record first and the files then. So where the record is found after the
    publication, the deletion is yet to come and takes the files along; where it is not, the files
    are removed here.

    Raises:
        DatasetGone: The dataset was deleted, and nothing of this was left.
        ArtifactsUnavailable, OSError, StorageFull: It could not be published.
    """
    assert dataset.artifact is not None, "only a ready dataset has a folder"
    artifacts.publish(staged, key)
    try:
        catalog.dataset(dataset.id)
    except DatasetNotFound as error:
        artifacts.delete(dataset.artifact.key)  # whatever late workers left there
        raise DatasetGone(f"Dataset {dataset.id} was deleted while the job ran.") from error
