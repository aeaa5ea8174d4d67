"""What is asked for is not there."""

from typing import Self

from service.domain.errors.problem import SyntheticDataError


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


class WebhookNotFound(NotFound):
    """No webhook has this identifier."""

    code = "webhook_not_found"


class WebhookDeliveryNotFound(NotFound):
    """The webhook has no delivery of this identifier."""

    code = "webhook_delivery_not_found"


class ImageNotFound(NotFound):
    """The set or model has no such image."""

    code = "image_not_found"


class ScoresNotFound(NotFound):
    """The model has no scores of this job."""

    code = "scores_not_found"


class ArtifactMissing(NotFound):
    """The record is there, its file is not."""

    code = "artifact_missing"
