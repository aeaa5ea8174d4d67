"""The key that an ingest splits its images under, and the ledger of all it has split."""

from __future__ import annotations

from pathlib import Path

import structlog

from radiographs.splits.keyed_hash import published_version
from service.adapters.split_key import SplitKey
from service.domain.catalog_ports import Catalog
from service.domain.errors import SplitKeyLost
from service.settings import Settings

log = structlog.get_logger()

LEDGER = "identities.npz"


def split_key(settings: Settings, catalog: Catalog) -> bytes:
    """Return the key that every dataset of this service is split under.

    A new key for old images would put into training what an earlier split held out. So a key is
    made only where no dataset has been split yet, and one that is there must be that of the
    datasets: it names the newest as the records do.

    Raises:
        SplitKeyLost: The key is missing, or is not that of the datasets.
    """
    file = SplitKey(settings.data_dir, settings.split_key_file)
    split = catalog.newest_split_dataset()
    if split is None:
        return file.read_or_make()
    key = file.read()
    assert split.fingerprint is not None, "a dataset with a version has a fingerprint"
    if published_version(key, split.fingerprint) != split.version:
        # not named to the client: it may be another tenant's
        log.error("dataset split under another key", dataset_id=split.id)
        raise SplitKeyLost(
            f"The newest dataset was not split under the key in {file}. Restore the key it was "
            "split under, then retry: under another one, images that were held out would be "
            "trained on. Where no dataset is kept any more, a new key is made."
        )
    return key


def identity_ledger(settings: Settings, catalog: Catalog) -> Path:
    """Return where the split of every patient is kept who was ever split under the key.

    Raises:
        SplitKeyLost: There are datasets and the ledger is missing: patients who were held out
            could be trained on.
    """
    path = settings.data_dir.resolve() / "keys" / LEDGER
    if not path.exists() and catalog.newest_split_dataset() is not None:
        raise SplitKeyLost(
            f"The ledger of the patients that were split before, keys/{LEDGER} in the data "
            "directory, is missing. Restore it from a backup of the data directory, then retry: "
            "without it patients who were held out could be trained on."
        )
    return path
