"""Whose image each DICOM file says it is: by its patient, or else by its study."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from radiographs.reading.image_header import DicomFacts
from radiographs.reading.listing import ListedImage
from radiographs.reading.patient_ids import filled_in, one_spelling
from radiographs.warnings import IngestWarning

MAX_IMAGES_OF_A_STUDY = 20  # some programs write one study into all files


def patients_of_files(
    files: Sequence[ListedImage], facts: Mapping[str, DicomFacts]
) -> tuple[dict[str, str], list[IngestWarning]]:
    """Name the patient of each file, and say whose are not known.

    Args:
        files: All files; those that a table gives a patient need none.
        facts: What DICOM files say, by their names.

    Returns:
        A name for each DICOM file, empty where nothing says it; and warnings.
    """
    patients = {name: one_spelling(each.patient_id or "") for name, each in facts.items()}
    nobody = filled_in(patients.values())
    patients = {name: "" if each in nobody else each for name, each in patients.items()}
    nobodys = [
        file.name
        for file in files
        if file.patient_id is None and file.name in facts and not patients[file.name]
    ]
    sizes = Counter(facts[name].study_uid for name in nobodys)
    by_study = [
        name
        for name in nobodys
        if facts[name].study_uid and sizes[facts[name].study_uid] <= MAX_IMAGES_OF_A_STUDY
    ]
    patients |= {name: f"study {facts[name].study_uid}" for name in by_study}
    return patients, _warnings(len(by_study), len(nobodys) - len(by_study))


def _warnings(num_by_study: int, num_unknown: int) -> list[IngestWarning]:
    found = []
    if num_by_study:
        detail = (
            f"{num_by_study} DICOM files name no patient: the images of a study are kept together, "
            "and a patient's studies are not. Export them with a pseudonym as PatientID, or give "
            "a table with patient_id."
        )
        found.append(IngestWarning("patients_by_study", detail, num_by_study))
    if num_unknown:
        detail = (
            f"{num_unknown} DICOM files name neither patient nor study; each counts as a patient. "
            "Export them with a pseudonym as PatientID, or give a table with patient_id."
        )
        found.append(IngestWarning("patients_unknown", detail, num_unknown))
    return found
