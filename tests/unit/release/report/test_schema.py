"""The report as types."""

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from release.report.schema import Report


def test_a_report_survives_its_json(made_up):
    report = Report.model_validate(made_up)
    assert Report.from_json(report.to_json()) == report
    assert json.loads(report.to_json())["set"]["id"] == made_up["set"]["id"]


def test_equal_reports_are_equal_bytes_with_sorted_keys(made_up):
    data = Report.model_validate(made_up).to_json()
    assert data == Report.from_json(data).to_json()
    assert list(json.loads(data)) == sorted(json.loads(data))


@pytest.mark.parametrize("number", ["NaN", "Infinity"])
def test_what_is_no_number_is_refused(made_up, number):
    text = Report.model_validate(made_up).to_json().decode()
    spoilt = text.replace('"image_size": 64', f'"image_size": {number}')
    assert spoilt != text
    with pytest.raises(ValidationError):
        Report.from_json(spoilt)


def test_an_unknown_field_is_refused(made_up):
    made_up["gate"]["nearest_patient"] = 7
    with pytest.raises(ValidationError, match="nearest_patient"):
        Report.model_validate(made_up)


def test_a_report_cannot_be_changed(made_up):
    with pytest.raises(ValidationError, match="frozen"):
        Report.model_validate(made_up).verdict.outcome = "passed"


def test_reading_a_report_needs_neither_plots_nor_templates():
    code = (
        "import sys, release.report.schema; "
        "print({'jinja2', 'matplotlib', 'numpy', 'torch'} & set(sys.modules))"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert answer.stdout.strip() == b"set()"


def test_a_dataset_that_does_not_say_so_named_no_patients(made_up):
    del made_up["dataset"]["patient_ids"]
    assert not Report.model_validate(made_up).dataset.patient_ids
