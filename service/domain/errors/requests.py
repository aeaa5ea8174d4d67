"""The request cannot be carried out as it is written."""

from typing import Self

from service.domain.errors.problem import FieldError, SyntheticDataError


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


class UpscaleUnavailable(InvalidRequest):
    """Images cannot be enlarged to this size."""

    code = "upscale_unavailable"


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


class WebhookTargetRefused(InvalidRequest):
    """A webhook may not lead to this URL."""

    code = "webhook_target_refused"


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


class UploadTooLarge(SyntheticDataError):
    """The body is larger than this service accepts."""

    code = "upload_too_large"
