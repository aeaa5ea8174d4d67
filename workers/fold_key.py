"""The key that an ingest splits its films under."""

from __future__ import annotations

from radiographs.keyed_hash import published_version
from service.adapters.fold_key import FoldKey
from service.domain.errors import FoldKeyLost
from service.domain.ports import Records
from service.domain.references import Dataset
from service.settings import Settings


def fold_key(settings: Settings, records: Records) -> bytes:
    """Return the key that every dataset of this service is split under.

    A new key for old films would put into training what an earlier split held out. So a key is
    made only where no dataset has been split yet, and one that is there must be that of the
    datasets: it names the newest as the records do.

    Raises:
        FoldKeyLost: The key is missing, or is not that of the datasets.
    """
    file = FoldKey(settings.data_dir, settings.fold_key_file)
    split = _newest_split(records)
    if split is None:
        return file.read_or_make()
    key = file.read()
    assert split.fingerprint is not None, "a dataset with a version has a fingerprint"
    if published_version(key, split.fingerprint) != split.version:
        raise FoldKeyLost(
            f"{file.path} is not the key that dataset {split.id} was split under. Restore that "
            "key, then retry; films ingested under another one would be split otherwise, and held-"
            "out films would be trained on. Only where no dataset is kept may the key be replaced."
        )
    return key


def _newest_split(records: Records) -> Dataset | None:
    cursor = None
    while True:
        page = records.datasets(cursor=cursor)
        for dataset in page.items:
            if dataset.version:
                return dataset
        cursor = page.next_cursor
        if cursor is None:
            return None
