"""Database, artifacts or keys cannot be used."""

from typing import Self

from service.domain.errors.problem import SyntheticDataError


class SplitKeyLost(SyntheticDataError):
    """The split key or the patient ledger is missing, or is another one."""

    code = "split_key_lost"
    retryable = True


class WebhookKeyLost(SyntheticDataError):
    """The key that the secrets of webhooks are sealed under is missing, or is another one."""

    code = "webhook_key_lost"
    retryable = True


class StorageFull(SyntheticDataError):
    """The disk is full; nothing half-written was kept."""

    code = "storage_full"
    retryable = True


class ArtifactsUnavailable(SyntheticDataError):
    """The object store of the artifacts cannot be reached or used."""

    code = "artifacts_unavailable"
    retryable = True


class RecordsUnavailable(SyntheticDataError):
    """The database cannot be reached or used."""

    code = "records_unavailable"
    retryable = True


class RecordsBusy(RecordsUnavailable):
    """Others use the database for longer than a request waits."""

    code = "records_busy"


class RecordsFull(RecordsUnavailable):
    """The disk of the database is full; nothing half-written was kept."""

    code = "records_full"


class RecordsNotMigrated(RecordsUnavailable):
    """The database has no schema yet."""

    code = "records_not_migrated"


class SchemaUnknown(RecordsUnavailable):
    """The database has the schema of another version: nothing of this one may use it."""

    code = "schema_unknown"
    retryable = False

    @classmethod
    def found(cls, revision: str, needed: str) -> Self:
        """Say what was found and what to do, in one line."""
        return cls(
            f"The database has schema {revision}, this version needs {needed}. Stop the service, "
            "then run `synthcxr migrate` of the newer of the two versions and use that one."
        )


class SigningKeyLost(SyntheticDataError):
    """The private key that signs sets is gone or cannot be read."""

    code = "signing_key_lost"
    retryable = True

    @classmethod
    def named(cls, key_id: str) -> Self:
        """Say which key, and what to do."""
        return cls(
            f"The private key {key_id} is gone from the data directory or cannot be read. "
            "Put its file back from a backup, or run `synthcxr signing-keys rotate`, then retry "
            "the job."
        )
