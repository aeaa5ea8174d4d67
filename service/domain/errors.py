"""Everything that can go wrong, drawn in one place.

SyntheticDataError
├── InvalidRequest                  the request cannot be carried out as written
│   ├── UnknownFamily, UnknownPreset, InvalidConfig, UnknownSampler
│   ├── UnknownClass, InvalidClassCounts, InvalidMixture
│   ├── CannotPass                  a set that could not be released, where strict was asked for
│   ├── ImageSizeUnavailable, BudgetOutOfRange, PrivacyUnavailable
│   ├── InitFromUnavailable         a training cannot start from this model or base
│   ├── NotAZip, PathNotFound
│   ├── ScoreUnavailable            the model says nothing of how likely an image is
│   ├── TooManyImages, NoImages     to be scored
│   ├── DicomwebServerUnknown       no such server in the settings
│   └── IdempotencyConflict         a key came back with another body
├── PathNotAllowed                  a folder outside the roots this service may read
├── DicomwebNotAllowed              a server that is not for this
├── UploadTooLarge
├── HostNotAllowed                  by a name that is not this service's
├── OriginNotAllowed                sent by a web page that is not this service's
├── TooManyStreams                  of one caller, or of all together
├── Overloaded                      every connection or open file is in use
├── NotFound
│   ├── JobNotFound, DatasetNotFound, ModelNotFound, SyntheticSetNotFound, ApiKeyNotFound
│   ├── DeletionNotFound
│   └── ImageNotFound, ScoresNotFound, ArtifactMissing
├── Conflict                        right request, wrong moment
│   ├── DatasetNotReady, DatasetFailed, DatasetInUse, ModelInUse
│   ├── JobNotDone, IllegalMove, UploadGone
│   ├── TooFewPatients              in the holdout, for a set to be examined at all
│   ├── DatasetGone                 the images that a set must be examined against were deleted
│   ├── ExaminationFailed           a similarity metric returned invalid distances
│   ├── SetRefused, SetInconclusive
│   ├── SetWithoutDicom             only sets that were made with format dicom can be pushed
│   ├── ReleasesChanged             a set that counts in this one's examination came first
│   ├── ApiKeyEnded                 a key that was revoked or expired gets no new secret
│   ├── ExaminationsSpent           the limit of examined sets of a model is reached
│   ├── WeightsNotCleared           no passed audit or differential privacy clears the weights
│   └── FindingsSpent               the quota for per-image findings of a model is exhausted
├── SplitKeyLost                     the secret that datasets were split under is not there
├── ScopeMissing                    for those only who may see what is not for everybody
├── QuotaExceeded                   the tenant uses as much as it may
├── RateLimited                     the caller asks too often
├── Unauthenticated                 no key or token came with the request, or no valid one
├── ScopeMissing                    the caller's key or token does not allow this
├── IdentityProviderUnavailable     the public keys of the tokens' issuer cannot be read
├── StorageFull
├── ArtifactsUnavailable            the object store of the artifacts cannot be used
├── RecordsUnavailable              the database cannot be reached
│   ├── RecordsBusy                 others use it for longer than a request waits
│   ├── RecordsFull                 its disk is full
│   ├── RecordsNotMigrated          it has no schema yet
│   └── SchemaUnknown               it has the schema of another version
├── SigningKeyLost                  what signs the sets is gone
├── ExtractorUnavailable            a network that the operator named cannot be used
├── DicomwebFailed                  a DICOMweb server did not do what it was asked for
│   ├── DicomwebUnreachable, DicomwebTlsFailed, DicomwebDenied, DicomwebMisconfigured
│   ├── DicomwebRedirected, DicomwebAnswerInvalid, DicomwebPagingBroken
│   ├── DicomwebQueryIgnored, DicomwebOtherInstance
│   ├── DicomwebNothingFound, DicomwebTooMuch, DicomwebLabelsConflict
│   └── DicomwebStoreRefused
├── DevicesUnavailable, DeviceLost  a training on several devices lacks some, or lost one
├── WorkerLost                      every attempt lost its worker
└── LeaseLost                       a worker lost its job to another attempt
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from service.domain.quoting import bounded

_MAX_FIELDS = 50
_MAX_FIELD_BYTES = 512


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field of a request.

    Attributes:
        pointer: JSON pointer (RFC 6901) into the body, such as `/class_counts/covid`.
        detail: What is wrong and what was expected.

    Both are made printable and cut, since they may quote what a client sent.
    """

    pointer: str
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "pointer", bounded(self.pointer, _MAX_FIELD_BYTES))
        object.__setattr__(self, "detail", bounded(self.detail, _MAX_FIELD_BYTES))


@dataclass(frozen=True, slots=True)
class Problem:
    """A failure in words a client can act on; the stored form of an error.

    Attributes:
        code: Stable name, explained in docs/errors.md.
        detail: What happened, what was expected and what to do.
        retryable: Whether the same request may succeed later.
        fields: The fields at fault, if any; the first fifty.

    The detail is made printable and cut at 2 KB, since it may quote what a client sent.
    """

    code: str
    detail: str
    retryable: bool = False
    fields: tuple[FieldError, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", bounded(self.detail))
        object.__setattr__(self, "fields", tuple(self.fields[:_MAX_FIELDS]))


class SyntheticDataError(Exception):
    """Base of every error this service raises on purpose."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, *, fields: Sequence[FieldError] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.fields = tuple(fields)

    def problem(self) -> Problem:
        """Return the error as a record."""
        return Problem(self.code, self.message, self.retryable, self.fields)


class InvalidRequest(SyntheticDataError):
    """The request cannot be carried out as written."""

    code = "invalid_request"

    @classmethod
    def at(cls, pointer: str, message: str) -> Self:
        """Blame one field."""
        return cls(message, fields=[FieldError(pointer, message)])


class UnknownFamily(InvalidRequest):
    """No model family has this name."""

    code = "unknown_family"


class UnknownPreset(InvalidRequest):
    """The family has no preset of this name."""

    code = "unknown_preset"


class InvalidConfig(InvalidRequest):
    """A hyper-parameter is unknown, of the wrong type or out of range."""

    code = "invalid_config"


class UnknownSampler(InvalidRequest):
    """The model's family has no sampler of this name or with these options."""

    code = "unknown_sampler"


class UnknownClass(InvalidRequest):
    """The model was not trained on this class."""

    code = "unknown_class"


class InvalidClassCounts(InvalidRequest):
    """A count is below one, or the set would be too large or empty."""

    code = "invalid_class_counts"


class InvalidMixture(InvalidRequest):
    """A mixture is of one class only, or its weights do not add up to 1."""

    code = "invalid_mixture"


class CannotPass(InvalidRequest):
    """The set cannot be examined well enough to be released, and `strict` was asked for."""

    code = "cannot_pass"


class ImageSizeUnavailable(InvalidRequest):
    """The dataset's pixels cannot be brought to this size."""

    code = "image_size_unavailable"


class BudgetOutOfRange(InvalidRequest):
    """The training budget is too small or too large."""

    code = "budget_out_of_range"


class PrivacyUnavailable(InvalidRequest):
    """Differential privacy of this kind cannot be had here."""

    code = "privacy_unavailable"


class InitFromUnavailable(InvalidRequest):
    """A training cannot start from this model or base."""

    code = "init_from_unavailable"


class NotAZip(InvalidRequest):
    """The uploaded file is not a ZIP archive."""

    code = "not_a_zip"


class PathNotFound(InvalidRequest):
    """The folder does not exist."""

    code = "path_not_found"


class ScoreUnavailable(InvalidRequest):
    """The model says nothing of how likely an image is."""

    code = "score_unavailable"


class TooManyImages(InvalidRequest):
    """More images than are scored in one request."""

    code = "too_many_images"

    @classmethod
    def above(cls, most: int) -> Self:
        """Say how many may be sent."""
        return cls.at("/file", f"At most {most:,} images are scored in one request. Send fewer.")


class NoImages(InvalidRequest):
    """None of the files to be scored is an image that can be read."""

    code = "no_images_to_score"


class DicomwebServerUnknown(InvalidRequest):
    """The settings name no such DICOMweb server for the caller's tenant."""

    code = "dicomweb_server_unknown"


class IdempotencyConflict(InvalidRequest):
    """An Idempotency-Key came back with another body."""

    code = "idempotency_key_reused"

    @classmethod
    def for_key(cls, key: str) -> "IdempotencyConflict":
        """Say which key."""
        return cls(
            f"Idempotency-Key {key!r} came with another request before. "
            "Send the same body again, or choose a new key."
        )


class PathNotAllowed(SyntheticDataError):
    """The folder lies outside the roots this service may read."""

    code = "path_not_allowed"


class DicomwebNotAllowed(SyntheticDataError):
    """The operator does not allow this use of the DICOMweb server."""

    code = "dicomweb_not_allowed"


class UploadTooLarge(SyntheticDataError):
    """The body is larger than this service accepts."""

    code = "upload_too_large"


class HostNotAllowed(SyntheticDataError):
    """The request names a host that this service is not known by."""

    code = "host_not_allowed"


class OriginNotAllowed(SyntheticDataError):
    """A browser sent the request for a web page that is not this service's."""

    code = "origin_not_allowed"


class TooManyStreams(SyntheticDataError):
    """The limit of streams and waiting requests is reached."""

    code = "too_many_streams"
    retryable = True


class Overloaded(SyntheticDataError):
    """The service has no connection or open file left."""

    code = "overloaded"
    retryable = True


class NotFound(SyntheticDataError):
    """Nothing here has this identifier."""

    code = "not_found"

    @classmethod
    def named(cls, name: str) -> Self:
        """Say what was looked for."""
        return cls(f"{cls.__doc__} Looked for {name!r}.")


class JobNotFound(NotFound):
    """No job has this identifier."""

    code = "job_not_found"


class DatasetNotFound(NotFound):
    """No dataset has this identifier."""

    code = "dataset_not_found"


class ModelNotFound(NotFound):
    """No model has this identifier; one exists only once its training succeeded."""

    code = "model_not_found"


class SyntheticSetNotFound(NotFound):
    """No synthetic set has this identifier."""

    code = "synthetic_set_not_found"


class ApiKeyNotFound(NotFound):
    """No API key has this identifier."""

    code = "api_key_not_found"


class DeletionNotFound(NotFound):
    """No deletion has this identifier."""

    code = "deletion_not_found"


class ImageNotFound(NotFound):
    """The set or model has no such image."""

    code = "image_not_found"


class ScoresNotFound(NotFound):
    """The model has no scores of this job."""

    code = "scores_not_found"


class ArtifactMissing(NotFound):
    """The record is there, its file is not."""

    code = "artifact_missing"


class Conflict(SyntheticDataError):
    """The request is right, the moment is wrong."""

    code = "conflict"


class DatasetNotReady(Conflict):
    """The dataset is still being ingested."""

    code = "dataset_not_ready"
    retryable = True


class DatasetFailed(Conflict):
    """The dataset's ingest failed or was cancelled."""

    code = "dataset_failed"


class DatasetInUse(Conflict):
    """A job that is not done needs the dataset."""

    code = "dataset_in_use"
    retryable = True

    @classmethod
    def by(cls, dataset_id: str, job_id: str) -> "DatasetInUse":
        """Say which job needs it."""
        return cls(f"Job {job_id} needs dataset {dataset_id}. Wait for it or cancel it first.")


class ModelInUse(Conflict):
    """A job that is not done needs the model."""

    code = "model_in_use"
    retryable = True

    @classmethod
    def by(cls, model_id: str, job_id: str) -> "ModelInUse":
        """Say which job needs it."""
        return cls(f"Job {job_id} needs model {model_id}. Wait for it or cancel it first.")


class JobNotDone(Conflict):
    """The job must end before this can be done."""

    code = "job_not_done"
    retryable = True


class IllegalMove(Conflict):
    """A job cannot go from its state to the one asked for."""

    code = "illegal_move"


class UploadGone(Conflict):
    """The archive of an ingest is no longer kept, so the ingest cannot be tried again."""

    code = "upload_gone"


class SplitKeyLost(SyntheticDataError):
    """The split key or the patient ledger is missing, or is another one."""

    code = "split_key_lost"
    retryable = True


class DatasetGone(Conflict):
    """A dataset that the model learned from was deleted, so its sets cannot be examined."""

    code = "dataset_gone"

    @classmethod
    def inherited(cls, model_id: str, dataset_id: str) -> "DatasetGone":
        """Say which dataset of an earlier model is missing, and the way out."""
        return cls(
            f"Dataset {dataset_id} was deleted, and through the model that its training started "
            f"from model {model_id} learned from it too: its sets cannot be searched for copies of "
            "those images. Train again without init_from, or from a base."
        )


class TooFewPatients(Conflict):
    """The holdout has too few patients for any set to be examined."""

    code = "too_few_patients"


class ExaminationFailed(Conflict):
    """A similarity metric returned invalid distances."""

    code = "examination_failed"


class SetRefused(Conflict):
    """The gate refused the set: it copies real images or discloses who was trained on."""

    code = "set_refused"


class SetInconclusive(Conflict):
    """The gate could not decide whether the set can be released."""

    code = "set_inconclusive"


class SetWithoutDicom(Conflict):
    """The set was made without DICOM files."""

    code = "set_without_dicom"

    @classmethod
    def named(cls, set_id: str) -> "SetWithoutDicom":
        """Say which set, and the way out."""
        return cls(
            f"{set_id} holds no DICOM files. Generate a set with `format` dicom (`synthcxr "
            "generate --format dicom`) and push that one."
        )


class ReleasesChanged(Conflict):
    """A set that counts in the examination of this one ended while this one was examined."""

    code = "releases_changed"
    retryable = True

    def problem(self) -> Problem:
        """Return the error without the sets that the message names: they may be others'."""
        return Problem(
            self.code,
            "Another set, of the same model or of a dataset with the same patients, was examined "
            "at the same time. The job is done once more.",
            self.retryable,
        )


class ApiKeyEnded(Conflict):
    """The API key was revoked or has expired."""

    code = "api_key_ended"


class ExaminationsSpent(Conflict):
    """The limit of examined sets of the model has been reached."""

    code = "examinations_spent"


class WeightsNotCleared(Conflict):
    """The weights are not cleared for release: no passed audit, no differential privacy."""

    code = "weights_not_cleared"


class FindingsSpent(Conflict):
    """The limit for reading per-image findings of the model has been reached."""

    code = "findings_spent"


class Unauthenticated(SyntheticDataError):
    """The request does not say who asks, or not in a way that is accepted."""

    code = "unauthenticated"


class ScopeMissing(SyntheticDataError):
    """This needs a scope that the caller does not hold."""

    code = "scope_missing"

    @classmethod
    def named(cls, *scopes: str) -> "ScopeMissing":
        """Say which scopes would do, each by itself, and how to get one."""
        these = f"the scope {scopes[0]}" if len(scopes) == 1 else f"one of {', '.join(scopes)}"
        return cls(
            f"This needs {these}. On a machine of your own start the service with "
            f"`synthcxr up --scope {scopes[0]}`; elsewhere ask an administrator for a key that "
            f"has it (`synthcxr keys create --scope {scopes[0]}`)."
        )


class QuotaExceeded(SyntheticDataError):
    """The caller's tenant uses as much of the service as it may."""

    code = "quota_exceeded"
    retryable = True


class RateLimited(SyntheticDataError):
    """Too many requests of one client in a short time."""

    code = "rate_limited"
    retryable = True

    def __init__(self, message: str, retry_after_seconds: int) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class IdentityProviderUnavailable(SyntheticDataError):
    """The public keys of the issuer of tokens cannot be read."""

    code = "identity_provider_unavailable"
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


class ExtractorUnavailable(SyntheticDataError):
    """A network that the settings name, to compare sets by, cannot be used."""

    code = "extractor_unavailable"
    retryable = True

    @classmethod
    def named(cls, name: str, why: str) -> "ExtractorUnavailable":
        """Say which one, why, and what to do."""
        return cls(
            f"The extractor {name} cannot be used: {why.rstrip('.')}. The operator corrects or "
            "removes its entry in SYNTHCXR_EXTRACTORS, which the service and all workers must "
            "share, and restarts them; then send the request again."
        )


class DicomwebFailed(SyntheticDataError):
    """A DICOMweb server did not do what it was asked for; nothing it sent is quoted."""

    code = "dicomweb_failed"


class DicomwebUnreachable(DicomwebFailed):
    """The DICOMweb server cannot be reached, fails, or answers too slowly."""

    code = "dicomweb_unreachable"
    retryable = True


class DicomwebTlsFailed(DicomwebFailed):
    """The DICOMweb server's certificate is not trusted, or TLS failed otherwise."""

    code = "dicomweb_tls_failed"
    retryable = True


class DicomwebDenied(DicomwebFailed):
    """The DICOMweb server does not accept the credentials in the settings."""

    code = "dicomweb_denied"
    retryable = True


class DicomwebMisconfigured(DicomwebFailed):
    """A file that the settings name for the DICOMweb server cannot be used."""

    code = "dicomweb_misconfigured"
    retryable = True


class DicomwebRedirected(DicomwebFailed):
    """The DICOMweb server sends its clients to another address."""

    code = "dicomweb_redirected"


class DicomwebAnswerInvalid(DicomwebFailed):
    """The DICOMweb server's answer is not what the standard says."""

    code = "dicomweb_answer_invalid"


class DicomwebPagingBroken(DicomwebFailed):
    """The DICOMweb server answers one page of a search with another."""

    code = "dicomweb_paging_broken"


class DicomwebQueryIgnored(DicomwebFailed):
    """The DICOMweb server's answer does not show that it searched for what it was asked for."""

    code = "dicomweb_query_ignored"


class DicomwebOtherInstance(DicomwebFailed):
    """The DICOMweb server sent another image than the one it was asked for."""

    code = "dicomweb_other_instance"


class DicomwebNothingFound(DicomwebFailed):
    """A query found no image."""

    code = "dicomweb_nothing_found"


class DicomwebTooMuch(DicomwebFailed):
    """More images or bytes than allowed were found."""

    code = "dicomweb_too_much"


class DicomwebLabelsConflict(DicomwebFailed):
    """Queries of different labels found the same image."""

    code = "dicomweb_labels_conflict"


class DicomwebStoreRefused(DicomwebFailed):
    """The DICOMweb server did not store every image."""

    code = "dicomweb_store_refused"


class DevicesUnavailable(SyntheticDataError):
    """The worker has fewer devices than the training asks for."""

    code = "devices_unavailable"


class DeviceLost(SyntheticDataError):
    """One of the processes that train together ended early."""

    code = "device_lost"
    retryable = True


class WorkerLost(SyntheticDataError):
    """Too many attempts in a row ended without a new checkpoint."""

    code = "worker_lost"
    retryable = True


class LeaseLost(SyntheticDataError):
    """The claim no longer holds: the worker must stop and write nothing more."""

    code = "lease_lost"
