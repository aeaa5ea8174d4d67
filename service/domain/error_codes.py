"""Every code that an error can have, in an answer or in a job; docs/errors.md explains each."""

from collections.abc import Iterable, Iterator

from service.domain.errors import SyntheticDataError

# what a job can fail with besides: workers say these, and an ingest refuses images by its own codes
OF_JOBS = ("out_of_memory", "training_diverged")
OF_INGESTS = (
    "archive_bomb",
    "archive_encrypted",
    "archive_unsafe_path",
    "class_too_small",
    "empty_archive",
    "folder_not_found",
    "grey_range_differs",
    "image_size_not_available",
    "labels_contradict",
    "labels_invalid",
    "no_images",
    "no_labels",
    "not_a_zip",
    "single_class",
    "too_many_bad_files",
    "too_many_pixels",
    "warnings_refused",
)


def error_codes(of_protocol: Iterable[str] = ()) -> list[str]:
    """List the codes, in alphabetical order.

    Args:
        of_protocol: Those of failures before a request reaches our own code.
    """
    ours = (kind.code for kind in _kinds(SyntheticDataError))
    return sorted({*ours, *OF_JOBS, *OF_INGESTS, *of_protocol})


def _kinds(kind: type[SyntheticDataError]) -> Iterator[type[SyntheticDataError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _kinds(below)
