"""The documents: the same each time, true to the report, silent where they must be."""

from __future__ import annotations

import hashlib
import json
import re
from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
import yaml

from release.gate.checks_table import table as checks_table
from release.report.copy_kinds import NOT_PLANTED
from release.report.documents import documents, size_category
from release.report.schema import Report
from release.report.text import probability

NAMES = {
    "report.html",
    "report.json",
    "certificate.json",
    "certificate.html",
    "certificate.pdf",
    "method.md",
    "DATASET_CARD.md",
    "TERMS.md",
}
VERDICTS = ("passed", "passed_filtered(3)", "refused(memorises)", "inconclusive(power)")
EVERY_VERDICT = pytest.mark.parametrize("verdict", VERDICTS)


def text_of(page: bytes) -> str:
    """Return what a reader sees, on one line."""
    body = re.sub(r"<style>.*?</style>|<svg.*?</svg>", " ", page.decode(), flags=re.DOTALL)
    text = re.sub(r"<[^>]+>", " ", body)
    return " ".join(text.replace("\u00a0", " ").replace("&nbsp;", " ").split())


@EVERY_VERDICT
def test_every_verdict_gets_every_document(written, verdict):
    assert set(written[verdict]) == NAMES
    assert all(data.endswith(b"\n") for data in written[verdict].values())


def test_the_same_report_gives_the_same_bytes(made_up_reports, written, phantoms):
    assert documents(made_up_reports["passed"], phantoms) == written["passed"]


def test_the_settings_of_a_host_change_no_plot(made_up_reports, written, phantoms):
    with mpl.rc_context({"font.size": 30, "lines.linewidth": 9, "svg.fonttype": "path"}):
        assert documents(made_up_reports["passed"], phantoms) == written["passed"]


def test_the_order_of_keys_changes_no_byte(made_up, phantoms, written):
    backwards = Report.from_json(json.dumps(turned(made_up)))
    assert documents(backwards, dict(reversed(phantoms.items()))) == written["passed"]


def turned(value):
    return {k: turned(v) for k, v in reversed(value.items())} if isinstance(value, dict) else value


@EVERY_VERDICT
@pytest.mark.parametrize("name", ["report.html", "certificate.html", "method.md"])
def test_the_verdict_stands_in_each_document_and_comes_before_any_number(written, verdict, name):
    text = text_of(written[verdict][name])
    assert verdict in text
    if name.endswith("html"):
        said = {"passed": "Passed", "refused": "Refused", "inconclusive": "Could not be decided"}
        [words] = [words for begin, words in said.items() if verdict.startswith(begin)]
        assert text.index(words) < text.index("MDCR")


@EVERY_VERDICT
def test_p_values_are_those_of_the_json(written, verdict):
    text = text_of(written[verdict]["report.html"])
    report = json.loads(written[verdict]["report.json"])
    for finding in report["gate"]["findings"]:
        row = f"{finding['id']} {finding['name']} "
        shown = text[text.index(row) + len(row) :][:40]
        assert f" {probability(finding['p_value'])} " in shown


@EVERY_VERDICT
def test_images_are_shown_of_a_released_set_alone(written, verdict):
    pictures = written[verdict]["report.html"].count(b"data:image")
    assert pictures == (4 if verdict.startswith("passed") else 0)


@EVERY_VERDICT
def test_words_that_promise_too_much_appear_nowhere(written, verdict):
    for name, data in written[verdict].items():
        text = data.decode().lower() if name != "certificate.pdf" else ""  # as its JSON says
        assert "anonym" not in text
        assert "clinically valid" not in text


@EVERY_VERDICT
def test_a_pass_is_said_to_bound_these_attacks_and_not_all(written, verdict):
    for name in ("report.html", "certificate.html", "certificate.json", "DATASET_CARD.md"):
        assert "does not bound every attack" in text_of(written[verdict][name])


@pytest.mark.parametrize("verdict", ["refused(memorises)", "inconclusive(power)"])
def test_a_set_that_stays_says_why_and_what_can_be_done(written, made_up_reports, verdict):
    text = text_of(written[verdict]["report.html"])
    shown = made_up_reports[verdict].verdict
    assert shown.remedies
    for sentence in (*shown.reasons, *shown.remedies):
        assert sentence in text


def test_a_set_without_power_is_said_to_be_for_those_who_may_see_the_real_images(written):
    assert "private:read" in text_of(written["inconclusive(power)"]["certificate.html"])
    assert "private:read" not in text_of(written["refused(memorises)"]["certificate.html"])


@pytest.mark.parametrize("name", ["report.html", "certificate.html"])
def test_a_class_of_which_nothing_is_known_gets_no_claim(written, name):
    text = text_of(written["passed"][name])
    assert "all images 1.24 % claimed" in text
    assert "images of cardiomegaly 12.05 % claimed" in text
    assert "images of effusion none no claim" in text


PAGES_OF_CLAIMS = ("report.html", "certificate.html", "method.md", "DATASET_CARD.md")


@pytest.mark.parametrize("name", PAGES_OF_CLAIMS)
def test_copies_and_membership_are_claimed_apart_each_with_its_own_power(written, made_up, name):
    claimed = text_of(written["passed"][name])
    assert "Copies that make up 1.24 % of the images lead to a refusal" in claimed
    assert "one that is right on 2.05 % of the training patients leads to a refusal." in claimed
    made_up["gate"]["power"]["membership"] = 0.07
    text = text_of(documents(Report.model_validate(made_up), {})[name])
    assert "Copies that make up 1.24 % of the images lead to a refusal" in text
    assert "No claim about membership" in text
    undecided = text_of(written["inconclusive(power)"][name])
    assert "No claim about copies" in undecided
    assert "Copies that make up" not in undecided


def test_the_certificate_of_a_program_holds_the_two_claims(written):
    claims = json.loads(written["passed"]["certificate.json"])["claims"]
    assert claims["copies"]["claimed"]
    assert (claims["copies"]["mdcr"], claims["copies"]["recall"]) == (0.0124, 0.955)
    assert claims["membership"]["claimed"]
    assert claims["membership"]["share"] == 0.0205
    open_claims = json.loads(written["inconclusive(power)"]["certificate.json"])["claims"]
    assert not open_claims["copies"]["claimed"]
    assert not open_claims["membership"]["claimed"]


@pytest.mark.parametrize("name", PAGES_OF_CLAIMS)
def test_each_page_names_the_kinds_looked_for_those_that_are_not_and_those_never_planted(
    written, name
):
    text = text_of(written["passed"][name])
    claimed, missed = text.rindex("zoom to 0.8"), text.rindex("SDEdit at t = 0.2")
    assert claimed < text.lower().index("not looked for", claimed) < missed
    assert missed < text.index("No control stands for", missed)
    for kind in NOT_PLANTED:
        assert kind in text[missed:]


def test_the_certificate_of_a_program_names_the_kinds_in_the_same_three_parts(written):
    kinds = json.loads(written["passed"]["certificate.json"])["kinds_of_copies"]
    assert {"exact copy", "zoom to 0.8"} <= {each["name"] for each in kinds["looked_for"]}
    missed = [each["name"] for each in kinds["not_looked_for"]]
    assert missed == ["SDEdit at t = 0.2", "SDEdit at t = 0.4"]
    assert kinds["not_planted"] == list(NOT_PLANTED)


def test_where_no_kind_is_found_none_is_said_to_be_looked_for(made_up):
    for control in made_up["gate"]["controls"]:
        control["claimed"] = False
    files = documents(Report.model_validate(made_up), {})
    for name in ("report.html", "certificate.html"):
        assert "No kind was found often enough to be looked for." in text_of(files[name])


def test_without_patient_ids_every_document_warns_that_an_image_was_counted_as_a_patient(
    made_up, phantoms, written
):
    made_up["dataset"]["patient_ids"] = False
    unnamed = documents(Report.model_validate(made_up), phantoms)
    for name in ("report.html", "certificate.html", "certificate.json", "DATASET_CARD.md"):
        assert "each image was counted as a patient" in text_of(unnamed[name])
        assert "each image was counted as a patient" not in text_of(written["passed"][name])


def test_a_guarantee_and_tests_alone_are_two_labels_and_never_both(made_up, phantoms, written):
    made_up["model"]["differential_privacy"] = {"epsilon": 3.0, "delta": 1e-5}
    guaranteed = documents(Report.model_validate(made_up), phantoms)
    certificate = json.loads(guaranteed["certificate.json"])
    assert certificate["label"] == "certified-dp(3, 1e-05, patient)"
    assert json.loads(written["passed"]["certificate.json"])["label"] == "empirically-gated"
    for name in NAMES - {"report.json"}:
        assert b"empirically-gated" not in guaranteed[name]
        assert b"certified-dp" not in written["passed"][name]


def test_the_certificate_is_bound_to_its_report(written):
    for files in written.values():
        certificate = json.loads(files["certificate.json"])
        assert certificate["report_sha256"] == hashlib.sha256(files["report.json"]).hexdigest()
        assert certificate["report_sha256"] in files["certificate.html"].decode()


def test_labels_and_reasons_cannot_put_markup_into_a_page(made_up, phantoms):
    evil = "<img src=x onerror=alert(1)>|`[a](http://b)"
    made_up["gate"]["power"]["by_class"] = {evil: 0.5}
    made_up["dataset"]["class_counts"] = {evil: 10}
    made_up["verdict"]["reasons"] = [evil]
    made_up["limits"] = [evil]
    made_up["gate"]["controls"][0]["name"] = evil
    files = documents(Report.model_validate(made_up), {evil: phantoms["normal"]})
    for name in NAMES - {"report.json", "certificate.json", "certificate.pdf"}:
        assert b"<img src=x" not in files[name]
        assert name.endswith("html") or not re.search(rb"[^\\]\]\(http", files[name])


def test_the_card_begins_with_a_header_that_yaml_can_read(written):
    _, header, _ = written["passed"]["DATASET_CARD.md"].decode().split("---\n", 2)
    card = yaml.safe_load(header)
    assert card["pretty_name"] == "Synthetic chest X-rays syn_018f9a6e5d5c7a31b6c8"
    assert card["size_categories"] == ["1K<n<10K"]
    assert "empirically-gated" in card["tags"]


def test_the_four_bodies_of_rules_are_answered(written):
    for files in written.values():
        text = text_of(files["report.html"])
        for source in ("Opinion 28/2024", "WP216", "45 CFR 164.514(b)(1)", "SP 800-226"):
            assert source in text


def test_the_page_shows_what_fewer_real_images_teach_and_how_subgroups_fare(written):
    page = text_of(written["passed"]["report.html"])
    assert re.search(r"200 0\.837 .{,40}3,200 0\.946", page)
    assert re.search(r"Trained on portable real 0\.916", page)


def test_a_report_that_stopped_at_the_gate_is_written_too(made_up):
    """Nothing was planted, attacked or measured, and each section says so."""
    for name in ("membership", "histograms", "controls", "metrics", "findings"):
        made_up["gate"].pop(name) if name != "findings" else made_up["gate"].update(findings=[])
    made_up["gate"]["power"] |= {"num_examined": 0, "mdcr": 1.0, "membership": 1.0}
    made_up |= {"fidelity": None, "utility": None}
    files = documents(Report.model_validate(made_up), {})
    text = text_of(files["report.html"])
    assert "No claim about copies: not measured." in text
    assert "No claim about membership: not measured." in text
    assert "No copies were planted" in text
    assert "This attack was not run" in text
    assert "No distances are shown" in text
    assert "G1 was not run" in text


def test_a_dollar_in_a_name_is_a_dollar(made_up):
    made_up["gate"]["controls"][0]["name"] = "$x_1$ & $broken"
    files = documents(Report.model_validate(made_up), {})
    assert files["report.html"].decode().count("$x_1$ &amp; $broken") == 2  # plot, table


def test_two_findings_of_one_test_are_both_reported(made_up):
    """A scan of this set alone and one of all sets so far are both G2."""
    [scan] = [finding for finding in made_up["gate"]["findings"] if finding["id"] == "G2"]
    made_up["gate"]["findings"].append({**scan, "name": "scan, cumulative", "p_value": 0.05})
    text = text_of(documents(Report.model_validate(made_up), {})["report.html"])
    assert "G2 scan: passed (p at most 0.5). G2 scan, cumulative: passed (p at most 0.05)." in text


def test_a_class_without_images_has_no_sheet(made_up):
    none = np.zeros((0, 48, 48), np.uint8)
    files = documents(Report.model_validate(made_up), {"normal": none})
    assert b"data:image" not in files["report.html"]


@pytest.mark.parametrize(
    ("images", "category"),
    [(0, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (2_000_000, "1M<n<10M")],
)
def test_the_size_of_a_set_is_named_as_on_the_hub(images, category):
    assert size_category(images) == category


def test_the_method_explains_every_finding_that_the_gate_can_give_and_no_other(written):
    text = written["passed"]["method.md"].decode()
    table = text[text.index("## The gate") : text.index("The outcome in this set")]
    explained = re.findall(r"^\| (\S+) \|", table, re.MULTILINE)
    given = re.findall(r'^\s+id="([^"]+)",$', source_of("release"), re.MULTILINE)
    assert {"MDCR", "G1", "G3"} <= set(given)
    assert set(explained) - {"check", "---"} == set(given)
    assert checks_table() in text


def source_of(package: str) -> str:
    folder = Path(import_module(package).__path__[0])
    return "\n".join(path.read_text() for path in sorted(folder.rglob("*.py")))
