"""Who asks may not, not from there, or not so often."""

from service.domain.errors.problem import SyntheticDataError


class PathNotAllowed(SyntheticDataError):
    """The folder lies outside the roots this service may read."""

    code = "path_not_allowed"


class DicomwebNotAllowed(SyntheticDataError):
    """The operator does not allow this use of the DICOMweb server."""

    code = "dicomweb_not_allowed"


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
