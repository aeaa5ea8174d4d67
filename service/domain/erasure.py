"""Carries a deletion out: the records are gone already; the files follow, then the receipt.

Every step may be repeated. A process that dies in between leaves a deletion that is not finished,
which the scheduler takes to its end.
"""

from service.domain.deletion import RECEIPT_TYPE, Deletion, Removed
from service.domain.ports import ArtifactStore, Clock, SigningKeys
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
        OSError: A file could not be removed; the deletion stays unfinished.
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
    places = [artifacts.path(key) for key in keys]
    if removed.kind == "job":
        places += [artifacts.upload_path(removed.id), *artifacts.stagings(removed.id)]
    found = [
        file.stat().st_size
        for place in places
        for file in (place.rglob("*") if place.is_dir() else [place])
        if file.is_file()
    ]
    return removed.counted(keys, len(found), sum(found))
