"""Public declarations that the service's own records contradict.

Nobody can check whether images are public. But the patient ledger knows a patient again, and so it
shows where images that one dataset declares public are private ones of another. A few patients in
common are passed over: whoever may add a dataset and train could otherwise learn of one patient
whether a private dataset holds images of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from radiographs.store.pixel_store import PixelStore
from service.domain.catalog_ports import Catalog
from service.domain.records import Dataset
from workers.runtime.attempt import Attempt

FEWEST_IN_COMMON = 10  # patients


def private_twin(attempt: Attempt, dataset: Dataset) -> str | None:
    """Name a private dataset of the tenant with many patients of a dataset, if there is one.

    Args:
        attempt: Knows the datasets of the job's tenant, and their files.
        dataset: One that was declared public; of another kind nothing is asked.
    """
    store = _store_of(attempt, dataset) if dataset.public else None
    if store is None:
        return None
    learned = np.unique(store.identities[store.trained])
    catalog = attempt.records.of_tenant(attempt.job.tenant).catalog
    for other in _private_datasets(catalog):
        theirs = _store_of(attempt, other)
        if theirs is not None and (np.isin(learned, theirs.identities).sum() >= FEWEST_IN_COMMON):
            return other.id
    return None


def _private_datasets(catalog: Catalog) -> Iterator[Dataset]:
    cursor = None
    while True:
        page = catalog.datasets(cursor=cursor)
        yield from (each for each in page.items if each.public_data is None)
        cursor = page.next_cursor
        if cursor is None:
            return


def _store_of(attempt: Attempt, dataset: Dataset) -> PixelStore | None:
    if dataset.artifact is None or not attempt.artifacts.exists(dataset.artifact.key):
        return None
    return PixelStore.open(attempt.artifacts.path(dataset.artifact.key))
