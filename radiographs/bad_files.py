"""How many files of a set may be unusable before the whole is refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from radiographs.errors import IngestRefused
from radiographs.reading.listing import DroppedFile

MAX_BAD_SHARE = 0.05
MAX_COSTLY_FILES = 5  # each may have taken seconds before it was stopped
_SHOWN = 5


def num_bad(dropped: Iterable[DroppedFile]) -> int:
    """Count the files that should have been labelled images; one without a label is none."""
    return sum(file.is_bad for file in dropped)


def check_few_bad(dropped: list[DroppedFile], total_images: int) -> None:
    """Refuse the whole as soon as it is sure that too much of it is bad.

    Args:
        dropped: The files that were left out so far.
        total_images: How many files should be images of the set.

    Raises:
        IngestRefused: too_many_bad_files.
    """
    bad = [file for file in dropped if file.is_bad]
    counts = Counter(file.code for file in bad)
    if len(bad) <= MAX_BAD_SHARE * total_images and counts["too_costly"] <= MAX_COSTLY_FILES:
        return
    reasons = ", ".join(f"{number} {code}" for code, number in counts.items())
    raise IngestRefused(
        "too_many_bad_files",
        f"{len(bad)} of {total_images} images, or more, cannot be used ({reasons}); at most "
        f"{MAX_BAD_SHARE:.0%} may be bad, and at most {MAX_COSTLY_FILES} too_costly. Mend or "
        "remove them; docs/errors.md says how for each of these codes.",
        [f"{file.file}: {file.reason}" for file in bad[:_SHOWN]],
    )
