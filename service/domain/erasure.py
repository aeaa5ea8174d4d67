"""Carries a deletion out: the records are gone already; the files follow, then the receipt.

Every step may be repeated. A process that dies in between leaves a deletion that is not finished,
which the scheduler takes to its end.
"""

from service.domain.deletion import RECEIPT_TYPE, Deletion, Removed
from service.domain.ports import ArtifactStore, Clock, SigningKeys, StoredSize
from service.domain.record_ports import Records


def carry_out(
    deletion: Deletion,
    records: Records,
    artifacts: ArtifactStore,
    keys: SigningKeys,
    clock: Clock,
) -> Deletion:
    """Remove the files of a deletion and sign its receipt.

    Returns:
        The deletion, finished; whoever finishes first signs the receipt that stands.

    Raises:
        SigningKeyLost: The files are gone, the receipt waits for the key.
        OSError, ArtifactsUnavailable: A file could not be removed; the deletion stays unfinished.
    """
    if not deletion.counted:
        needed = records.catalog.referenced_artifacts()
        counted = tuple(_counted(each, artifacts, needed) for each in deletion.removed)
        deletion = records.deletions.count(deletion.id, counted)
    for each in deletion.removed:
        for key in each.keys:
            artifacts.delete(key)
        if each.kind == "job":
            artifacts.delete_upload(each.id)
            artifacts.delete_staging(each.id)
    records.database.wipe()
    now = clock.now()
    return records.deletions.finish(
        deletion.id, now, keys.envelope(RECEIPT_TYPE, deletion.statement(now))
    )


def _counted(removed: Removed, artifacts: ArtifactStore, needed: set[str]) -> Removed:
    """Find and count the files of a record, those too that an attempt published in vain."""
    keys = (*removed.keys, *sorted(artifacts.folders_of(removed.id) - needed - {*removed.keys}))
    total = sum((artifacts.size(key) for key in keys), StoredSize(0, 0))
    if removed.kind == "job":
        total += artifacts.size_of_work(removed.id)
    return removed.counted(keys, total.num_files, total.num_bytes)
