"""Which column of a table says what, by the names that people give it.

Names are compared without case, blanks and underscores. Where several would do, the earlier in a
list is meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from radiographs.reading.file_kinds import plain

FILE = (
    *("file", "filename", "filepath", "path", "image", "imagename", "imagefile", "imagefilename"),
    *("imagepath", "imageid", "imageindex", "img", "imgname", "imgpath", "imgid", "relativepath"),
    *("relpath", "dicomid", "xray", "scan", "imageno", "imagenumber", "xrayimagename"),
    *("datei", "dateiname", "bild", "bildname", "bilddatei", "fichier", "nomfichier"),
    *("nomdufichier", "archivo", "nombrearchivo", "nombredearchivo", "imagen", "imagem", "arquivo"),
    *("immagine", "文件", "文件名", "图像", "图片", "影像", "id"),
)
LABEL = (
    *("label", "labels", "class", "classname", "classlabel", "category", "diagnosis", "finding"),
    *("findings", "findinglabels", "findinglabel", "target", "pathology", "disease", "condition"),
    *("dx", "groundtruth", "klasse", "befund", "befunde", "diagnose", "classe", "clase"),
    *("etiqueta", "etiquetas", "etiquette", "diagnostico", "diagnostic", "hallazgo", "hallazgos"),
    *("rotulo", "laudo", "diagnosi", "etichetta", "标签", "类别", "诊断"),
)
PATIENT = (
    *("patientid", "patient", "subjectid", "subject", "patientnumber", "patientno", "patientnr"),
    *("patientnum", "patientkey", "patientcode", "patientuid", "patientname", "patid", "patno"),
    *("ptid", "pid", "mrn", "medicalrecordnumber", "medicalrecordno", "hospitalnumber"),
    *("hospitalno", "nhsnumber", "person", "personid", "participant", "participantid"),
    *("pseudonym", "pseudoid", "subjectno", "subjectnumber", "casepatientid", "patients"),
    *("patientennummer", "patientennr", "patientenid", "pacienteid", "idpaciente", "paciente"),
    *("numeropaciente", "idpatient", "numeropatient", "numpatient", "paziente", "idpaziente"),
    *("historiaclinica", "患者id", "患者编号", "病人id", "病人编号", "病历号"),
)
STUDY = ("studyid", "study", "studyinstanceuid", "accession", "accessionnumber", "examid", "exam")
# What else is said of images, and names neither patients nor labels.
OTHER = {
    *("file", "filename", "path", "image", "imagename", "imageid", "index", "id", "unnamed0", ""),
    *("format", "size", "filesize", "bytes", "url", "width", "height", "mode", "bits", "type"),
    *("resolution", "md5", "sha1", "sha256", "source", "license", "licence"),
    *("split", "fold", "set", "subset", "partition", "dataset", "datasettype", "phase", "usage"),
    *("age", "sex", "gender", "patientage", "patientsex", "patientgender", "date", "studydate"),
    *("view", "viewposition", "projection", "studyid", "seriesid", "accession", "modality"),
    *("manufacturer", "followup", "position", "viewpos", "datasplit", "splitset"),
    *("site", "hospital", "mask", "maskname", "maskfile", "maskpath"),
}
VIEW = ("viewposition", "view", "projection", "frontallateral", "viewpos", "proyeccion")
_PATIENT_WORDS = ("patient", "subject", "paciente", "paziente", "pasient", "pacient")
_ID_ENDINGS = (
    *("id", "uid", "no", "nr", "number", "num", "key", "code", "hash", "pseudonym", "ref"),
    *("nummer", "identifier", *_PATIENT_WORDS),
)
# What else a column that names the patient may say.
_ATTRIBUTES = (
    *("age", "sex", "gender", "birth", "dob", "weight", "size", "height", "position", "name"),
    *("orientation", "history", "comment", "state", "address", "race", "ethnic", "insurance"),
    *("inpatient", "outpatient", "class", "alter", "geschlecht", "edad", "sexo"),
)


_NAMES = {
    "name",
    "fullname",
    "lastname",
    "surname",
    "nachname",
    "nombre",
    "apellido",
    "nom",
    "nome",
}


class PatientColumn(NamedTuple):
    """The column that says whose image a row is.

    Args:
        place: Which one; None where there is none.
        source: What it is called, for people.
        unclear: Whether some column may mean the patient and was not read.
        unread: Where there is none, the columns of unknown names.
    """

    place: int | None
    source: str | None
    unclear: bool
    unread: tuple[str, ...] = ()


def find(columns: Sequence[str], names: Sequence[str]) -> int | None:
    """Return the column that is called one of some names."""
    there = [plain(column) for column in columns]
    return next((there.index(name) for name in names if name in there), None)


def find_all(columns: Sequence[str], names: Sequence[str]) -> list[int]:
    """Return the columns that are called one of some names, the likeliest first."""
    there = [plain(column) for column in columns]
    return [there.index(name) for name in names if name in there]


def is_doubled(columns: Sequence[str], index: int | None) -> bool:
    """Say whether two columns have the name of this one."""
    there = [plain(column) for column in columns]
    return index is not None and there.count(there[index]) > 1


def has_known(columns: Sequence[str]) -> bool:
    """Say whether any column is called by a name that is known."""
    known = {*FILE, *LABEL, *PATIENT, *STUDY, *OTHER} - {""}
    return any(plain(column) in known for column in columns)


def find_patient(columns: Sequence[str]) -> PatientColumn:
    """Return the column of the patient, or else of the study: its images are one patient's."""
    index = find(columns, PATIENT)
    others = [
        place
        for place, column in enumerate(columns)
        if place != index and (plain(column) in PATIENT or _may_be_patient(column))
    ]
    if index is None and len(others) == 1:
        index, others = others[0], []
    if index is not None:
        return PatientColumn(index, f"column {_shown(columns[index])}", bool(others))
    study = find(columns, STUDY)
    source = None if study is None else f"column {_shown(columns[study])} (a study, not a patient)"
    return PatientColumn(study, source, bool(others), _unread(columns))


def _unread(columns: Sequence[str]) -> tuple[str, ...]:
    """Return the columns whose names say nothing that is known; "id" is one beside a file."""
    file = find(columns, FILE)
    known = {*FILE, *LABEL, *STUDY, *OTHER} - {"id"}
    return tuple(
        _shown(column)
        for place, column in enumerate(columns)
        if place != file
        and plain(column) not in known
        and (plain(column) in _NAMES or not any(each in plain(column) for each in _ATTRIBUTES))
    )


def _may_be_patient(column: str) -> bool:
    """Say whether a name plainly means the patient's number: HospitalPatientId, subject_key."""
    word = plain(column)
    if not any(patient in word for patient in _PATIENT_WORDS):
        return False
    return word.endswith(_ID_ENDINGS) and not any(each in word for each in _ATTRIBUTES)


def _shown(column: str) -> str:
    return " ".join(column.split())[:40]
