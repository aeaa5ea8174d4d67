"""Finding the images of a query: studies, then the instances of each (QIDO-RS).

The standard has servers search for studies by attributes of studies, and within a study by any
attribute; so this asks in two steps, and compares every answer with what was asked for.

Reference: DICOM PS3.18 2025, 10.6.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from service.domain import errors
from service.domain.requests import DicomwebQuery
from workers.dicomweb.attributes import in_range, is_known, matches, uid, values
from workers.dicomweb.cancellable import for_each
from workers.dicomweb.connection import Connection

_PER_PAGE = 5_000
_SMALLEST_LIMIT = 10  # of a page that a server may have of its own
# Attributes of a study or its patient that servers must or usually do search by (table 10.6.1-5).
_OF_STUDY = {
    *("StudyDescription", "StudyTime", "StudyID", "ReferringPhysicianName", "AccessionNumber"),
    *("PatientID", "PatientName", "PatientSex", "PatientBirthDate", "IssuerOfPatientID"),
}

Parameters = list[tuple[str, str]]
Answer = Mapping[str, Any]


class Instance(NamedTuple):
    """One image on a server, by its identifiers."""

    study: str
    series: str
    uid: str


async def instances(
    connection: Connection, query: DicomwebQuery, at_most: int, seen: Callable[[int], None]
) -> list[Instance]:
    """Find the images of a query.

    Args:
        connection: The server.
        query: What to search for.
        at_most: More are refused.
        seen: Is called with their number so far.

    Returns:
        The images, each once, in the order of their identifiers.

    Raises:
        DicomwebTooMuch, DicomwebPagingBroken, DicomwebQueryIgnored: See the error tree.
    """
    _check_keywords(query)
    found: set[Instance] = set()

    async def search(study: str) -> None:
        async for each in _of_study(connection, query, study):
            found.add(each)
            if len(found) > at_most:
                raise _too_many(connection, at_most)
        seen(len(found))

    await for_each(await _studies(connection, query, at_most), search)
    return sorted(found)


async def _studies(connection: Connection, query: DicomwebQuery, at_most: int) -> list[str]:
    studies: dict[str, None] = {}

    async def search(parameters: Parameters) -> None:
        async for answer in _pages(connection, "/studies", parameters, "StudyInstanceUID"):
            for name, wanted in parameters:
                _check_answer(connection, answer, name, wanted)
            study = uid(answer, "StudyInstanceUID")
            assert study, "pages yield what has an identifier"
            studies[study] = None
            if len(studies) > at_most:
                raise _too_many(connection, at_most)

    await for_each(_study_searches(query), search)
    return list(studies)


def _study_searches(query: DicomwebQuery) -> Iterator[Parameters]:
    """Yield what to search studies by; together these find every study of the query."""
    always = [(name, value) for name, value in query.attributes.items() if name in _OF_STUDY]
    if query.study_date:
        always.append(("StudyDate", query.study_date))
    if query.study_uids:
        yield from ([*always, ("StudyInstanceUID", each)] for each in query.study_uids)
    elif query.accession_numbers:
        yield from ([*always, ("AccessionNumber", each)] for each in query.accession_numbers)
    else:
        yield from ([*always, ("ModalitiesInStudy", each)] for each in query.modality)


async def _of_study(
    connection: Connection, query: DicomwebQuery, study: str
) -> AsyncIterator[Instance]:
    wanted = {name: value for name, value in query.attributes.items() if name not in _OF_STUDY}
    parameters = list(wanted.items())
    if query.body_part:
        parameters.append(("BodyPartExamined", query.body_part))
    if len(query.modality) == 1:
        parameters.append(("Modality", query.modality[0]))
    asked = [*parameters, *(("includefield", name) for name in ("Modality", "BodyPartExamined"))]
    path = f"/studies/{study}/instances"
    async for answer in _pages(connection, path, asked, "SOPInstanceUID"):
        if uid(answer, "StudyInstanceUID") not in {study, None}:
            raise errors.DicomwebOtherInstance(
                f"The DICOMweb server {connection.name} answered a search in one study with images "
                "of another. Nothing of it is used; let its operator look into it."
            )
        modalities = values(answer, "Modality")
        if not modalities:
            raise _ignored(connection, "Modality")
        if not any(each in query.modality for each in modalities):
            continue
        if query.body_part and not matches(values(answer, "BodyPartExamined"), query.body_part):
            continue
        for name, value in wanted.items():
            _check_answer(connection, answer, name, value)
        series, instance = (uid(answer, f"{each}InstanceUID") for each in ("Series", "SOP"))
        if series is None or instance is None:
            raise connection.invalid("an image that it found has no identifiers")
        yield Instance(study, series, instance)


async def _pages(
    connection: Connection, path: str, parameters: Parameters, key: str
) -> AsyncIterator[Answer]:
    """Yield every match once.

    A page may be shorter than asked for and not be the last: a server may have a limit of its own.
    """
    names = dict.fromkeys(name for name, _ in parameters if name != "includefield")
    asked = [*parameters, *(("includefield", name) for name in names)]
    known: set[str] = set()
    num_seen = 0
    while True:
        page = await _page(connection, path, asked, _PER_PAGE, num_seen)
        new = [answer for answer in page if _identifier(connection, answer, key) not in known]
        if page and not new:
            raise _paging_broken(connection)
        for answer in new:
            each = _identifier(connection, answer, key)
            if each not in known:
                known.add(each)
                yield answer
        num_seen += len(page)
        if not _SMALLEST_LIMIT <= len(page) <= _PER_PAGE:  # beyond: it knows no pages, sends all
            break
    if num_seen >= _PER_PAGE:  # some servers choose the page first and search in it
        first = await _page(connection, path, asked, num_seen + 1, 0)
        if any(_identifier(connection, answer, key) not in known for answer in first):
            raise _paging_broken(connection)


async def _page(
    connection: Connection, path: str, asked: Parameters, limit: int, offset: int
) -> list[Answer]:
    paging = [("limit", str(limit)), ("offset", str(offset))]
    return await connection.search(path, [*asked, *paging])


def _identifier(connection: Connection, answer: Answer, key: str) -> str:
    found = uid(answer, key)
    if found is None:
        raise connection.invalid("a match has no identifier")
    return found


def _check_keywords(query: DicomwebQuery) -> None:
    unknown = sorted(name for name in query.attributes if not is_known(name))
    if unknown:
        raise errors.InvalidRequest(
            f"DICOM has no attribute {', '.join(unknown)}. Write keywords of the data dictionary, "
            "such as StudyDescription."
        )


def _check_answer(connection: Connection, answer: Answer, name: str, wanted: str) -> None:
    """Check that a match is one: a server ignores what it does not search by."""
    found = values(answer, name)
    if name in {"StudyInstanceUID", "ModalitiesInStudy"} and wanted in found:
        return
    if not (in_range(found, wanted) if name == "StudyDate" else matches(found, wanted)):
        raise _ignored(connection, name)


def _ignored(connection: Connection, name: str) -> errors.DicomwebQueryIgnored:
    return errors.DicomwebQueryIgnored(
        f"The DICOMweb server {connection.name} found images without showing that their {name} is "
        f"what was asked for, so they may be of another class. It may not search by {name}: leave "
        "it out of the query, or name the studies by accession_numbers or study_uids."
    )


def _paging_broken(connection: Connection) -> errors.DicomwebPagingBroken:
    return errors.DicomwebPagingBroken(
        f"The pages of a search that the DICOMweb server {connection.name} sends repeat or leave "
        "out matches, so it cannot be known what else there is. Ask for fewer studies at once, "
        f"below {_PER_PAGE:,}: several queries may have one label, with ranges of study_date."
    )


def _too_many(connection: Connection, at_most: int) -> errors.DicomwebTooMuch:
    return errors.DicomwebTooMuch(
        f"The DICOMweb server {connection.name} finds more than {at_most:,} images. Narrow the "
        "queries, or raise max_instances."
    )
