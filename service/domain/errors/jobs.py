"""What a job lacks, or lost."""

from service.domain.errors.problem import SyntheticDataError


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


class DevicesUnavailable(SyntheticDataError):
    """The worker has fewer devices than the training asks for."""

    code = "devices_unavailable"


class DeviceLost(SyntheticDataError):
    """A device is gone: a GPU failed, or one of the processes that train together ended early."""

    code = "device_lost"
    retryable = True


class WorkerLost(SyntheticDataError):
    """Too many attempts in a row ended without a new checkpoint."""

    code = "worker_lost"
    retryable = True


class LeaseLost(SyntheticDataError):
    """The claim no longer holds: the worker must stop and write nothing more."""

    code = "lease_lost"
