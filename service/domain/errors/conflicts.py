"""The right request at the wrong moment."""

from service.domain.errors.problem import Problem, SyntheticDataError


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


class ApprovalMissing(Conflict):
    """The set may not be handed out before so many people approved it as the operator asks for."""

    code = "approval_missing"


class AlreadyApproved(Conflict):
    """The caller has approved the set before; another person has to."""

    code = "already_approved"


class WebhookDisabled(Conflict):
    """Nothing is sent to the webhook any more."""

    code = "webhook_disabled"


class TooManyWebhooks(Conflict):
    """The tenant has as many webhooks as it may."""

    code = "too_many_webhooks"


class TooManyPendingMessages(Conflict):
    """So many messages wait for the webhook that nobody may add to them by hand."""

    code = "too_many_pending_messages"
    retryable = True


class MessageBeingSent(Conflict):
    """An attempt to deliver the message is under way."""

    code = "message_being_sent"
    retryable = True


class FindingsSpent(Conflict):
    """The limit for reading per-image findings of the model has been reached."""

    code = "findings_spent"


class PreviewsSpent(Conflict):
    """The largest number of previews of the model has been ordered."""

    code = "previews_spent"
