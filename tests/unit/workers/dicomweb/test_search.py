"""Searches: what is found, and servers that answer something else than was asked."""

import asyncio
from typing import Any

import pytest

from service.domain import errors
from service.domain.dicomweb import DicomwebServer
from service.domain.requests import DicomwebQuery
from tests.fake_pacs import FakePacs, json_of, radiograph
from workers.dicomweb import search
from workers.dicomweb.attributes import in_range, matches
from workers.dicomweb.connection import Connection
from workers.dicomweb.search import Instance, instances


def find(pacs: FakePacs, at_most: int = 100, **query: Any) -> list[Instance]:
    asked = DicomwebQuery(**{"label": "a", "modality": ("CR", "DX"), **query})

    async def found() -> list[Instance]:
        server = DicomwebServer("pacs", pacs.url)
        async with Connection(server, request_seconds=10) as connection:
            return await instances(connection, asked, at_most, lambda _: None)

    return asyncio.run(found())


@pytest.mark.parametrize(
    ("query", "num_found"),
    [
        ({}, 10),
        ({"modality": ("CR",)}, 0),
        ({"body_part": "CHEST"}, 10),
        ({"body_part": "HAND"}, 0),
        ({"study_date": "20200101-20200331"}, 6),
        ({"study_date": "20200401-"}, 4),
        ({"study_date": "20200115"}, 2),
        ({"attributes": {"StudyDescription": "*EFFUSION"}}, 3),
        ({"attributes": {"ViewPosition": "PA", "PatientID": "P-normal-?"}}, 7),
        ({"accession_numbers": ("A-normal-1", "A-effusion-1", "nobody's")}, 2),
        ({"study_uids": ("1.2.3.1.0.1", "1.2.3.2.1.1")}, 2),
    ],
)
def test_a_query_finds_what_fits_all_of_it(
    pacs: FakePacs, query: dict[str, Any], num_found: int
) -> None:
    found = find(pacs, **query)
    assert len(found) == num_found
    assert found == sorted(set(found))


def test_an_image_is_named_by_its_three_identifiers(pacs: FakePacs) -> None:
    [found] = find(pacs, accession_numbers=("A-effusion-2",))
    assert found == ("1.2.3.1.2.1", "1.2.3.1.2.2", "1.2.3.1.2.3")


def test_wildcards_are_sent_as_they_are(pacs: FakePacs) -> None:
    """Some servers do not decode them (Orthanc 1.10)."""
    find(pacs, attributes={"StudyDescription": "*EFF?SION"})
    assert "StudyDescription=*EFF?SION&" in pacs.queries[0]


def test_a_server_with_short_pages_is_asked_until_nothing_comes(pacs: FakePacs) -> None:
    pacs.max_page = 10
    pacs.hold(*(radiograph(index) for index in range(7, 30)))
    assert len(find(pacs)) == 33


def test_a_server_that_sends_the_same_page_for_ever_is_named(pacs: FakePacs) -> None:
    pacs.knows_pages = False
    with pytest.raises(errors.DicomwebPagingBroken):
        find(pacs)
    assert len(pacs.asked) < 10


def test_a_server_that_loses_pages_is_named(
    pacs: FakePacs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Orthanc 1.10 does where it searches by modality."""
    monkeypatch.setattr(search, "_PER_PAGE", 10)
    pacs.pages_first = True
    assert len(find(pacs)) == 10
    pacs.hold(radiograph(7))
    with pytest.raises(errors.DicomwebPagingBroken):
        find(pacs)


def test_endless_pages_end_at_the_limit(pacs: FakePacs) -> None:
    """Every page has studies that were not there before."""

    def endless(path: str, query: dict[str, str]) -> Any:
        if path != "/studies":
            return None
        first = int(query["offset"])
        rows = [
            {
                "0020000D": {"Value": [f"1.9.{each}"]},
                "00080061": {"Value": [query["ModalitiesInStudy"]]},
            }
            for each in range(first, first + 5_000)
        ]
        return 200, *json_of(rows)

    pacs.instead = endless
    with pytest.raises(errors.DicomwebTooMuch, match="max_instances"):
        find(pacs, at_most=20_000)
    assert len(pacs.asked) <= 2 * 5


def test_more_images_than_allowed_are_refused_not_cut_off(pacs: FakePacs) -> None:
    with pytest.raises(errors.DicomwebTooMuch):
        find(pacs, at_most=9)


@pytest.mark.parametrize(
    ("ignored", "query"),
    [
        ("StudyDescription", {"attributes": {"StudyDescription": "*EFFUSION"}}),
        ("PatientID", {"attributes": {"PatientID": "P-normal-1"}}),
        ("StudyDate", {"study_date": "20200115"}),
        ("AccessionNumber", {"accession_numbers": ("A-normal-1",)}),
        ("ViewPosition", {"attributes": {"ViewPosition": "AP"}}),
        ("StudyInstanceUID", {"study_uids": ("1.2.3.2.0.1",)}),
    ],
)
def test_a_server_that_does_not_search_by_what_was_asked_mislabels_nothing(
    pacs: FakePacs, ignored: str, query: dict[str, Any]
) -> None:
    pacs.ignores = frozenset({ignored})
    with pytest.raises(errors.DicomwebQueryIgnored, match=ignored):
        find(pacs, **query)


def test_a_server_that_ignores_the_modality_is_filtered(pacs: FakePacs) -> None:
    pacs.ignores = frozenset({"Modality"})
    pacs.hold(radiograph(99, Modality="PR", StudyInstanceUID="1.2.3.2.0.1"))
    assert len(find(pacs, modality=("DX",))) == 10


def test_images_of_another_study_than_was_searched_are_refused(pacs: FakePacs) -> None:
    pacs.ignores = frozenset({"StudyInstanceUID"})
    other = {"0020000D": {"Value": ["1.2.3.9"]}, "00080018": {"Value": ["1.2.3.9.9"]}}
    pacs.instead = lambda path, _: (200, *json_of([other])) if "/instances" in path else None
    with pytest.raises(errors.DicomwebOtherInstance):
        find(pacs)


@pytest.mark.parametrize(
    "uid", ["", "../../etc/passwd", "1.2/3", "1" * 65, "1..2", None, ["1.2"], {"a": 1}]
)
def test_an_identifier_that_is_none_is_refused(pacs: FakePacs, uid: Any) -> None:
    """It would become part of an address and of a file's name."""
    pacs.instead = lambda *_: (200, *json_of([{"0020000D": {"Value": [uid]}}]))
    with pytest.raises(errors.DicomwebAnswerInvalid):
        find(pacs)


def test_an_attribute_that_dicom_does_not_have_is_named(pacs: FakePacs) -> None:
    with pytest.raises(errors.InvalidRequest, match="Diagnosys"):
        find(pacs, attributes={"Diagnosys": "x"})


@pytest.mark.parametrize(
    ("value", "wanted", "fits"),
    [
        ("THORAX", "*thor*", True),
        ("Thorax ", "THORAX", True),
        ("Käse", "KASE", True),
        ("a.c", "a?c", True),
        ("abc", "a.c", False),
        ("", "*", True),
        ("", "?", False),
    ],
)
def test_values_match_as_the_standard_says(value: str, wanted: str, fits: bool) -> None:
    assert matches([value] if value else [], wanted) is fits


def test_a_date_is_in_a_range_with_its_ends() -> None:
    assert in_range(["20200131"], "20200101-20200131")
    assert in_range(["20200131"], "-20200131")
    assert not in_range(["20200201"], "-20200131")
    assert not in_range([], "20200101-")
