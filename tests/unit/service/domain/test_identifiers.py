import time
from dataclasses import replace
from typing import Any

import pytest

from service.domain.extractors import ExtractorIdentity
from service.domain.identifiers import new_id, synthetic_set_id
from service.domain.requests import GenerateRequest
from tests.sample_records import generate_request

REQUEST = generate_request()


def identify(request: GenerateRequest) -> str:
    return synthetic_set_id(request, snapshot_sha256="0" * 64, version="1")


def test_identifiers_sort_by_time_and_differ() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_id("job"))
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert len({new_id("job") for _ in range(1000)}) == 1000
    assert all(len(identifier) == 30 for identifier in ids)


def test_the_same_request_names_the_same_set() -> None:
    again = replace(REQUEST, sampler=dict(reversed(REQUEST.sampler.items())), synthetic_set_id="")
    assert identify(again) == identify(REQUEST)
    assert identify(REQUEST).startswith("syn_")
    assert len(identify(REQUEST)) == 30


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": "mdl_2"},
        {"class_counts": {"normal": 2, "effusion": 1}},
        {"class_counts": {"effusion": 2, "normal": 1}},
        {"seed": 2},
        {"sampler": {"name": "heun", "num_steps": 21}},
        {"format": "npz"},
        {"report": "full"},
        {"extractors": {"inception": ExtractorIdentity("inception_v3", "0" * 64)}},
    ],
)
def test_whatever_changes_the_bytes_changes_the_name(changes: dict[str, Any]) -> None:
    assert identify(replace(REQUEST, **changes)) != identify(REQUEST)


def test_other_weights_or_another_version_are_another_set() -> None:
    other = synthetic_set_id(REQUEST, snapshot_sha256="1" * 64, version="1")
    newer = synthetic_set_id(REQUEST, snapshot_sha256="0" * 64, version="2")
    assert len({identify(REQUEST), other, newer}) == 3
