"""What an ingest found that its user should look at, although the images could be read.

A warning names no file and quotes no cell: its detail has numbers, class labels, names of columns
and formats. The files that it is about are listed with those that were left out, or nowhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from radiographs.errors import IngestRefused

# Every code, and what it means.
MEANINGS: dict[str, str] = {
    "images_left_out": "Some files could not be used; the dataset lists each with its reason.",
    "folders_closed": "Some folders could not be opened, and what is in them was not read.",
    "names_of_a_code_page": "Names in a ZIP are in a code page that it does not name.",
    "names_resolved": "A table spells names of images otherwise than they are.",
    "rows_without_image": "A public table names further images, which are not there.",
    "table_not_used": "A table beside the images was not read, or not for labels.",
    "folders_contradict": "A table gives images another label than the name of their folder.",
    "splits_joined": "Folders that say a split were read as one set.",
    "labels_merged": "Different spellings of a label were read as one class.",
    "labels_doubtful": "Classes are called as copies of others, or as views.",
    "label_column_unclear": "Several columns of a table may have the labels, and one was read.",
    "several_findings": "Images have several findings; each combination is a class of its own.",
    "rare_findings": "Combinations of findings that few patients have were left out.",
    "copies_contradict": "Copies of one radiograph have different labels, and were left out.",
    "patients_unknown": "A table of patients does not say whose some images are.",
    "patients_rounded": "Numbers of patients were rounded by a spreadsheet.",
    "patients_by_study": "No column names the patient; the images of a study are kept together.",
    "patient_column_unclear": "Columns that may name the patient were not read.",
    "grey_range_narrow": "The images use a part of their grey values, which was spread over all.",
    "grey_ranges_mixed": "Some images use far fewer grey values than the others.",
    "grey_range_of_classes": "The images of one class are far brighter than those of another.",
    "format_of_classes": "The images of one class have another format than those of another.",
    "lateral_views": "Lateral views are among frontal ones.",
    "archives_not_read": "Archives lie among the files, and what is in them was not read.",
    "patients_of_files_contradict": "A table and DICOM files disagree on who is whom.",
    "window_missing": "DICOM files have no window, and all values their bits can hold were kept.",
    "modality_unknown": "DICOM files do not say that they are radiographs.",
    "not_for_presentation": "DICOM files hold raw values of the detector.",
    "burned_in_annotation": "DICOM files say that text is burned into their pixels.",
    "burned_in_text": "Text is burnt into some images: a name, a date, a number or other words.",
}


@dataclass(frozen=True)
class IngestWarning:
    """Something to look at before the dataset is trained on.

    Args:
        code: Stable name, one of `MEANINGS`.
        detail: What was found and what to do, without names of files and contents of cells.
        num_images: How many images it is about.

    Raises:
        ValueError: No such code.
    """

    code: str
    detail: str
    num_images: int

    def __post_init__(self) -> None:
        if self.code not in MEANINGS:
            raise ValueError(f"{self.code!r} is no code of a warning")


def left_out(codes: Iterable[str]) -> list[IngestWarning]:
    """Warn of files that were left out, counted by the codes of their reasons."""
    counts = Counter(codes)
    if not counts:
        return []
    reasons = ", ".join(f"{number} {code}" for code, number in sorted(counts.items()))
    return [IngestWarning("images_left_out", f"Left out: {reasons}.", counts.total())]


def burned_in_text(num_images: int) -> list[IngestWarning]:
    """Warn of text that was found in images and kept."""
    if not num_images:
        return []
    detail = (
        "Text seems to be burnt into images and was kept, so that a model may learn it. Look at "
        "the list of these images, or ingest with burned_in_text=mask or drop."
    )
    return [IngestWarning("burned_in_text", detail, num_images)]


def refuse(warnings: list[IngestWarning]) -> None:
    """Refuse a set for its warnings, as a user may ask for.

    Raises:
        IngestRefused: warnings_refused, where there is any.
    """
    if warnings:
        codes = ", ".join(dict.fromkeys(warning.code for warning in warnings))
        raise IngestRefused(
            "warnings_refused",
            f"Any warning was to be a refusal, and there are some: {codes}. Mend what they name, "
            "or ingest without `strict`.",
            [f"{warning.code}: {warning.detail}" for warning in warnings],
        )
