"""What an ingest made of a source, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

from synthcxr.resources import Dataset

_NAMES_SHOWN = 20


def findings(dataset: Dataset) -> Iterator[str]:
    """Say what was made: classes, patients, copies, what was left out and what to look at."""
    summary = dataset.summary
    if summary.get("layout"):
        yield f"read as: {summary['layout']}"
    for label, counts in dataset.classes.items():
        yield f"class {label}: {_images(counts['images'])}"
    yield _patients(dataset)
    yield from _copies(dataset)
    yield from _left_out(dataset)
    yield from (summary.get("release_plan") or {}).get("text", ())
    for warning in dataset.warnings:
        about = f" ({_images(warning.num_images)})" if warning.num_images else ""
        yield f"warning {warning.code}{about}: {warning.detail}"


def _patients(dataset: Dataset) -> str:
    num_images = sum(counts["images"] for counts in dataset.classes.values())
    known = dataset.summary.get("num_images_with_patient") or 0
    source = dataset.summary.get("patient_source")
    if dataset.summary.get("layout") == "phantoms":
        return "patients: each image was drawn as one of its own"
    if not known:
        return "patients: not known; each image counts as a patient of its own"
    others = f"; each of the other {num_images - known} counts as one" if known < num_images else ""
    return f"patients: {known} of {num_images} images by {source or 'their ids'}{others}"


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number} images"


def _copies(dataset: Dataset) -> Iterator[str]:
    kinds = {"num_exact_duplicates": "exact copies", "num_near_duplicates": "near-duplicates"}
    counts = [f"{n} {name}" for key, name in kinds.items() if (n := dataset.summary.get(key))]
    if counts:
        yield f"kept together: {', '.join(counts)}"


def _left_out(dataset: Dataset) -> Iterator[str]:
    total = sum(dataset.dropped_counts.values())
    if not total:
        return
    reasons = ", ".join(f"{number} {code}" for code, number in dataset.dropped_counts.items())
    where = f"; all: GET /datasets/{dataset.id}/dropped" if dataset.id else ""
    yield f"left out: {total} files ({reasons}){where}"
    for file in dataset.dropped[:_NAMES_SHOWN]:
        yield f"  {file.file or file.code}: {file.reason}"
