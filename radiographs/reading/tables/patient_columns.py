"""What is to be said of the columns that name patients."""

from __future__ import annotations

from collections.abc import Iterable

from radiographs.reading.tables.columns import PatientColumn
from radiographs.warnings import IngestWarning


def patient_warnings(columns: Iterable[PatientColumn]) -> list[IngestWarning]:
    """Warn of columns that may mean the patient and were not read, and of studies read as such."""
    columns = list(columns)
    found = []
    if any(column.unclear for column in columns):
        detail = (
            "Several columns may name the patient, and one was read. Call the right one patient_id "
            "and the others otherwise."
        )
        found.append(IngestWarning("patient_column_unclear", detail, 0))
    unread = dict.fromkeys(name for column in columns for name in column.unread)
    if unread:
        detail = (
            f"No column is known to name the patient; not read were {', '.join(unread)[:200]}. If "
            "one of them does, call it patient_id."
        )
        found.append(IngestWarning("patient_column_unclear", detail, 0))
    if any("(a study" in (column.source or "") for column in columns):
        detail = (
            "No column names the patient, but one names the study: the images of a study are kept "
            "together, and a patient's studies are not. Add a column patient_id."
        )
        found.append(IngestWarning("patients_by_study", detail, 0))
    return found
