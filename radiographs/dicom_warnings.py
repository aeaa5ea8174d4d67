"""What the headers of DICOM files give reason to warn of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from radiographs.reading.image_header import DicomFacts
from radiographs.reading.views import is_lateral, lateral_views
from radiographs.warnings import IngestWarning

_DETAILS = {
    "window_missing": (
        "These have neither a VOI table nor a window, so all values that their bits can hold go "
        "from black to white. Look at their brightness; export them with a window where they have "
        "one."
    ),
    "modality_unknown": (
        "These are secondary captures, or name no modality. Look whether they are radiographs, and "
        "whether their grey values are those of the others."
    ),
    "not_for_presentation": (
        "These are for processing: raw values, which look unlike finished radiographs. Export them "
        "for presentation."
    ),
    "burned_in_annotation": (
        "These say that text is burned in, which may name patients, and were kept as asked. Models "
        "may learn the text."
    ),
}


def of_dicom(files: Iterable[DicomFacts]) -> list[IngestWarning]:
    """Warn of what images that are kept say of themselves."""
    counts: Counter[str] = Counter()
    num_lateral = num_files = 0
    for facts in files:
        num_files += 1
        num_lateral += is_lateral(facts.acquisition.view_position)
        counts.update(facts.remarks)
        counts["burned_in_annotation"] += facts.has_burned_in_text
    found = [
        IngestWarning(code, detail, counts[code])
        for code, detail in _DETAILS.items()
        if counts[code]
    ]
    return [*found, *lateral_views(num_lateral, num_files)]
