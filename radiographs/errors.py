"""What can be wrong with radiographs.

    RadiographError
    ├── IngestRefused     the whole set cannot be used; nothing is kept
    ├── LedgerUnusable    what is known of earlier patients cannot be read
    └── UnreadableImage    one file cannot be used; it is dropped, counted and named

The first and the last carry a stable `code` for programs and a message for people, which says what
happened, what was expected and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

RefusalCode = Literal[
    "empty_archive",
    "not_a_zip",
    "archive_encrypted",
    "archive_unsafe_path",
    "archive_bomb",
    "folder_not_found",
    "no_images",
    "no_labels",
    "grey_range_differs",
    "labels_contradict",
    "labels_invalid",
    "single_class",
    "class_too_small",
    "too_many_bad_files",
    "too_many_pixels",
    "image_size_not_available",
    "warnings_refused",
]

ImageCode = Literal[
    "truncated",
    "corrupt",
    "unsupported_format",
    "unsupported_mode",
    "too_large",
    "too_costly",
    "too_small",
    "blank",
    "burned_in_text",
    "missing",
    "not_a_file",
    "outside_folder",
    "outside_layout",
    "unlabelled",
    "multi_frame",
    "other_modality",
    "other_body_part",
    "no_pixels",
    "burned_in_annotation",
    "too_deep",
    "rare_findings",
    "other_view",
    "labels_contradict",
]


class RadiographError(Exception):
    """Anything wrong with the radiographs we were given."""


class IngestRefused(RadiographError):
    """The set as a whole cannot be used.

    Args:
        code: Stable name.
        message: For everybody: it names no file, since files may be named after patients.
        files: For those who may see the images: which files are at fault, each with its reason.
    """

    def __init__(self, code: RefusalCode, message: str, files: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.files = tuple(files)


class LedgerUnusable(RadiographError):
    """The ledger of all patients who were ever split cannot be used."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The ledger of the patients that were split before cannot be used: {reason}. Restore "
            "it and the key of its time from one backup, then retry. Where these are gone for "
            "good: delete all datasets and the ledger, and do not release sets of such patients "
            "beside earlier ones, for who was held out is then forgotten."
        )


class UnreadableImage(RadiographError):
    """One file cannot be used as an image."""

    def __init__(self, code: ImageCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
