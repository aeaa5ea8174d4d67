"""The certificate as a PDF, and the record that goes with an issued one."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from release.report.certificate_pdf import certificate_pdf
from release.report.documents import documents
from release.report.record import OPEN, Record, with_record
from release.report.schema import Report

MADE = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)
ISSUED = Record(MADE, "<b>St. Mary & Sons</b>", None, "Universität Köln", datetime.now(UTC))


@pytest.mark.parametrize("verdict", ["passed", "refused(memorises)", "inconclusive(power)"])
def test_the_copy_in_a_package_is_the_same_bytes_each_time(written, verdict):
    files = written[verdict]
    again = certificate_pdf(json.loads(files["certificate.json"]))
    assert again == files["certificate.pdf"]
    assert again.startswith(b"%PDF-")


def test_an_issued_one_is_another_and_takes_any_name(written):
    certificate = json.loads(written["passed"]["certificate.json"])
    certificate["claims"]["copies"]["by_class"] = {"<img src=x>": 0.5, "Größe > 3 cm": 1.0}
    issued = certificate_pdf(certificate, ISSUED)
    assert issued.startswith(b"%PDF-")
    assert issued != certificate_pdf(certificate)


@pytest.mark.parametrize("name", ["report.html", "certificate.html"])
def test_a_page_is_filled_with_the_record_and_escapes_it(written, name):
    page = written["passed"][name]
    assert OPEN.encode() in page
    filled = with_record(page, ISSUED).decode()
    assert "<dd>&lt;b&gt;St. Mary &amp; Sons&lt;/b&gt;</dd>" in filled
    assert "<dd>2026-03-04 05:06 UTC</dd>" in filled
    assert "<dd>Universität Köln</dd>" in filled
    assert "same bytes for the same request. Date" not in filled


def test_what_is_not_given_is_said_to_be_and_the_dataset_is_named_where_it_is_shown():
    facts = dict(Record(MADE).facts)
    assert facts["Hospital"] == "not given"
    assert "Dataset" not in facts
    assert dict(Record(MADE, dataset="covid").facts)["Dataset"] == "covid"


def test_there_is_room_for_two_signatures(written):
    for name in ("report.html", "certificate.html"):
        assert written["passed"][name].count(b"<dt>Signature</dt>") == 2


def test_to_whom_a_claim_does_not_extend_stands_on_the_certificate_too(made_up):
    """Whoever holds the certificate alone would take the claims for all that was learned from."""
    source = "an <i>open</i> archive"
    made_up["model"]["differential_privacy"] = {"epsilon": 3.0, "delta": 1e-5}
    made_up["model"]["pretraining"] = {
        "init_from": "mdl_1",
        "weights_sha256": "0" * 64,
        "num_inherited": 2,
        "public_data": [{"licence": "CC0-1.0", "source": source}],
    }
    files = documents(Report.model_validate(made_up), {})
    inherited, public = json.loads(files["certificate.json"])["warnings"][-2:]
    assert "2 further datasets" in inherited
    assert f"{source} (licence: CC0-1.0)" in public
    for name in ("report.html", "certificate.html"):
        page = files[name].decode()
        assert "2 further datasets" in page
        assert "an &lt;i&gt;open&lt;/i&gt; archive" in page
    assert files["certificate.pdf"] != certificate_pdf(
        json.loads(files["certificate.json"]) | {"warnings": []}
    )


def test_what_was_not_tested_is_listed_with_its_reason(made_up):
    made_up["gate"]["not_run"] = [{"id": "G6", "name": "white box", "why": "Not run on sets."}]
    made_up["utility"] = None
    files = documents(Report.model_validate(made_up), {})
    listed = json.loads(files["certificate.json"])["not_tested"]
    assert [each["id"] for each in listed][:1] == ["G6"]
    assert "utility" in [each["name"] for each in listed]
    assert all(each["why"] for each in listed)
    for name in ("report.html", "certificate.html"):
        assert b"G6 white box: Not run on sets." in files[name]
