"""A DICOMweb server did not do what it was asked for."""

from service.domain.errors.problem import SyntheticDataError


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
