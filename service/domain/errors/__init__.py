"""Everything that can go wrong, drawn in one place.

SyntheticDataError
├── InvalidRequest                  the request cannot be carried out as written
│   ├── UnknownFamily, UnknownPreset, InvalidConfig, UnknownSampler
│   ├── UnknownClass, InvalidClassCounts, InvalidMixture
│   ├── CannotPass                  a set that could not be released, where strict was asked for
│   ├── ImageSizeUnavailable, BudgetOutOfRange, PrivacyUnavailable
│   ├── UpscaleUnavailable          images cannot be enlarged to this size
│   ├── InitFromUnavailable         a training cannot start from this model or base
│   ├── NotAZip, PathNotFound
│   ├── ScoreUnavailable            the model says nothing of how likely an image is
│   ├── TooManyImages, NoImages     to be scored
│   ├── DicomwebServerUnknown       no such server in the settings
│   ├── WebhookTargetRefused        a webhook may not lead there
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
│   ├── DeletionNotFound, WebhookNotFound, WebhookDeliveryNotFound
│   └── ImageNotFound, ScoresNotFound, ArtifactMissing
├── Conflict                        right request, wrong moment
│   ├── DatasetNotReady, DatasetFailed, DatasetInUse, ModelInUse
│   ├── JobNotDone, IllegalMove, UploadGone
│   ├── TooFewPatients              in the holdout, for a set to be examined at all
│   ├── DatasetGone                 the images that a set must be examined against were deleted
│   ├── ExaminationFailed           a similarity metric returned invalid distances
│   ├── SetRefused, SetInconclusive
│   ├── ApprovalMissing             the operator asks for people to approve sets first
│   ├── AlreadyApproved             each person approves a set once
│   ├── SetWithoutDicom             only sets that were made with format dicom can be pushed
│   ├── ReleasesChanged             a set that counts in this one's examination came first
│   ├── WebhookDisabled             its receiver said that it is gone
│   ├── TooManyWebhooks             of one tenant
│   ├── TooManyPendingMessages      of one webhook
│   ├── MessageBeingSent            it cannot be sent again yet
│   ├── ApiKeyEnded                 a key that was revoked or expired gets no new secret
│   ├── ExaminationsSpent           the limit of examined sets of a model is reached
│   ├── WeightsNotCleared           no passed audit or differential privacy clears the weights
│   ├── PreviewsSpent               the limit of previews of a model is reached
│   └── FindingsSpent               the quota for per-image findings of a model is exhausted
├── SplitKeyLost                     the secret that datasets were split under is not there
├── WebhookKeyLost                  the key of webhooks' secrets is not there
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

from service.domain.errors.access import (
    DicomwebNotAllowed,
    HostNotAllowed,
    IdentityProviderUnavailable,
    OriginNotAllowed,
    Overloaded,
    PathNotAllowed,
    QuotaExceeded,
    RateLimited,
    ScopeMissing,
    TooManyStreams,
    Unauthenticated,
)
from service.domain.errors.conflicts import (
    AlreadyApproved,
    ApiKeyEnded,
    ApprovalMissing,
    Conflict,
    DatasetFailed,
    DatasetGone,
    DatasetInUse,
    DatasetNotReady,
    ExaminationFailed,
    ExaminationsSpent,
    FindingsSpent,
    IllegalMove,
    JobNotDone,
    MessageBeingSent,
    ModelInUse,
    PreviewsSpent,
    ReleasesChanged,
    SetInconclusive,
    SetRefused,
    SetWithoutDicom,
    TooFewPatients,
    TooManyPendingMessages,
    TooManyWebhooks,
    UploadGone,
    WebhookDisabled,
    WeightsNotCleared,
)
from service.domain.errors.dicomweb import (
    DicomwebAnswerInvalid,
    DicomwebDenied,
    DicomwebFailed,
    DicomwebLabelsConflict,
    DicomwebMisconfigured,
    DicomwebNothingFound,
    DicomwebOtherInstance,
    DicomwebPagingBroken,
    DicomwebQueryIgnored,
    DicomwebRedirected,
    DicomwebStoreRefused,
    DicomwebTlsFailed,
    DicomwebTooMuch,
    DicomwebUnreachable,
)
from service.domain.errors.jobs import (
    DeviceLost,
    DevicesUnavailable,
    ExtractorUnavailable,
    LeaseLost,
    WorkerLost,
)
from service.domain.errors.not_found import (
    ApiKeyNotFound,
    ArtifactMissing,
    DatasetNotFound,
    DeletionNotFound,
    ImageNotFound,
    JobNotFound,
    ModelNotFound,
    NotFound,
    ScoresNotFound,
    SyntheticSetNotFound,
    WebhookDeliveryNotFound,
    WebhookNotFound,
)
from service.domain.errors.problem import (
    FieldError,
    Problem,
    SyntheticDataError,
)
from service.domain.errors.requests import (
    BudgetOutOfRange,
    CannotPass,
    DicomwebServerUnknown,
    IdempotencyConflict,
    ImageSizeUnavailable,
    InitFromUnavailable,
    InvalidClassCounts,
    InvalidConfig,
    InvalidMixture,
    InvalidRequest,
    NoImages,
    NotAZip,
    PathNotFound,
    PrivacyUnavailable,
    ScoreUnavailable,
    TooManyImages,
    UnknownClass,
    UnknownFamily,
    UnknownPreset,
    UnknownSampler,
    UploadTooLarge,
    UpscaleUnavailable,
    WebhookTargetRefused,
)
from service.domain.errors.storage import (
    ArtifactsUnavailable,
    RecordsBusy,
    RecordsFull,
    RecordsNotMigrated,
    RecordsUnavailable,
    SchemaUnknown,
    SigningKeyLost,
    SplitKeyLost,
    StorageFull,
    WebhookKeyLost,
)

__all__ = [
    "AlreadyApproved",
    "ApiKeyEnded",
    "ApiKeyNotFound",
    "ApprovalMissing",
    "ArtifactMissing",
    "ArtifactsUnavailable",
    "BudgetOutOfRange",
    "CannotPass",
    "Conflict",
    "DatasetFailed",
    "DatasetGone",
    "DatasetInUse",
    "DatasetNotFound",
    "DatasetNotReady",
    "DeletionNotFound",
    "DeviceLost",
    "DevicesUnavailable",
    "DicomwebAnswerInvalid",
    "DicomwebDenied",
    "DicomwebFailed",
    "DicomwebLabelsConflict",
    "DicomwebMisconfigured",
    "DicomwebNotAllowed",
    "DicomwebNothingFound",
    "DicomwebOtherInstance",
    "DicomwebPagingBroken",
    "DicomwebQueryIgnored",
    "DicomwebRedirected",
    "DicomwebServerUnknown",
    "DicomwebStoreRefused",
    "DicomwebTlsFailed",
    "DicomwebTooMuch",
    "DicomwebUnreachable",
    "ExaminationFailed",
    "ExaminationsSpent",
    "ExtractorUnavailable",
    "FieldError",
    "FindingsSpent",
    "HostNotAllowed",
    "IdempotencyConflict",
    "IdentityProviderUnavailable",
    "IllegalMove",
    "ImageNotFound",
    "ImageSizeUnavailable",
    "InitFromUnavailable",
    "InvalidClassCounts",
    "InvalidConfig",
    "InvalidMixture",
    "InvalidRequest",
    "JobNotDone",
    "JobNotFound",
    "LeaseLost",
    "MessageBeingSent",
    "ModelInUse",
    "ModelNotFound",
    "NoImages",
    "NotAZip",
    "NotFound",
    "OriginNotAllowed",
    "Overloaded",
    "PathNotAllowed",
    "PathNotFound",
    "PreviewsSpent",
    "PrivacyUnavailable",
    "Problem",
    "QuotaExceeded",
    "RateLimited",
    "RecordsBusy",
    "RecordsFull",
    "RecordsNotMigrated",
    "RecordsUnavailable",
    "ReleasesChanged",
    "SchemaUnknown",
    "ScopeMissing",
    "ScoreUnavailable",
    "ScoresNotFound",
    "SetInconclusive",
    "SetRefused",
    "SetWithoutDicom",
    "SigningKeyLost",
    "SplitKeyLost",
    "StorageFull",
    "SyntheticDataError",
    "SyntheticSetNotFound",
    "TooFewPatients",
    "TooManyImages",
    "TooManyPendingMessages",
    "TooManyStreams",
    "TooManyWebhooks",
    "Unauthenticated",
    "UnknownClass",
    "UnknownFamily",
    "UnknownPreset",
    "UnknownSampler",
    "UploadGone",
    "UploadTooLarge",
    "UpscaleUnavailable",
    "WebhookDeliveryNotFound",
    "WebhookDisabled",
    "WebhookKeyLost",
    "WebhookNotFound",
    "WebhookTargetRefused",
    "WeightsNotCleared",
    "WorkerLost",
]
