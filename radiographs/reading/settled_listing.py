"""What holds for every layout: one spelling of each label and patient, and no rare combinations."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from radiographs.errors import IngestRefused
from radiographs.quoting import shortened
from radiographs.reading import patient_ids, spellings
from radiographs.reading.file_kinds import is_split_folder
from radiographs.reading.labels import check_distinct, is_label
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.requirements import MIN_IMAGES_PER_CLASS
from radiographs.warnings import IngestWarning

MIN_PATIENTS = MIN_IMAGES_PER_CLASS  # an image of each


def settled(listing: Listing, warnings: list[IngestWarning]) -> Listing:
    """Bring the spellings of a listing together.

    Raises:
        IngestRefused: labels_invalid, no_labels.
    """
    _refuse_splits({image.label for image in listing.images})
    images, of_labels = spellings.with_one_spelling(listing.images)
    images, of_patients = patient_ids.with_one_spelling(images)
    dropped, of_rare = listing.dropped, list[IngestWarning]()
    if listing.leaves_out_rare:
        images, rare, of_rare = _without_rare(images)
        dropped = [*dropped, *rare]
    check_distinct({(image.label, f"class {image.label}") for image in images})
    found = [*warnings, *listing.warnings, *of_labels, *of_patients, *of_rare]
    return replace(listing, images=images, dropped=dropped, warnings=found)


def _refuse_splits(labels: set[str]) -> None:
    if len(labels) > 1 and all(map(is_split_folder, labels)):
        raise IngestRefused(
            "no_labels",
            "The labels only say a split (train, val, test), and no class. Call the column of the "
            "classes label and that of the splits split.",
        )


def _without_rare(
    images: list[ListedImage],
) -> tuple[list[ListedImage], list[DroppedFile], list[IngestWarning]]:
    patients = defaultdict(set)
    for image in images:
        patients[image.label].add(image.patient_id or image.name)
    rare = {
        label
        for label, theirs in patients.items()
        if len(theirs) < MIN_PATIENTS or not is_label(label)
    }
    if not rare:
        return images, [], []
    kept = [image for image in images if image.label not in rare]
    reason = (
        f"Fewer than {MIN_PATIENTS} patients have this combination of findings, or it is too long "
        "for a label."
    )
    dropped = [
        DroppedFile(shortened(image.name), "rare_findings", reason)
        for image in images
        if image.label in rare
    ]
    detail = (
        f"{len(rare)} combinations of findings have fewer than {MIN_PATIENTS} patients each, or "
        "are too long for a label, and were left out."
    )
    return kept, dropped, [IngestWarning("rare_findings", detail, len(dropped))]
