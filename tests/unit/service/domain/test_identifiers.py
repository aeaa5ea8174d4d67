import time

import pytest

from service.domain.identifiers import new_id, synthetic_set_id

REQUEST = {
    "model_id": "mdl_1",
    "class_counts": {"normal": 1, "effusion": 2},
    "seed": 1,
    "sampler": {"name": "heun", "num_steps": 20},
    "format": "png",
}


def identify(**changes: object) -> str:
    return synthetic_set_id({**REQUEST, **changes}, snapshot_sha256="0" * 64, version="1")


def test_identifiers_sort_by_time_and_differ() -> None:
    ids = []
    for _ in range(5):
        ids.append(new_id("job"))
        time.sleep(0.002)
    assert ids == sorted(ids)
    assert len({new_id("job") for _ in range(1000)}) == 1000
    assert all(len(identifier) == 30 for identifier in ids)


def test_the_same_request_names_the_same_set() -> None:
    reordered = dict(reversed(REQUEST.items()))
    assert synthetic_set_id(reordered, snapshot_sha256="0" * 64, version="1") == identify()
    assert identify().startswith("syn_")
    assert len(identify()) == 30


@pytest.mark.parametrize(
    "changes",
    [
        {"model_id": "mdl_2"},
        {"class_counts": {"normal": 2, "effusion": 1}},
        {"class_counts": {"effusion": 2, "normal": 1}},
        {"seed": 2},
        {"sampler": {"name": "heun", "num_steps": 21}},
        {"format": "npz"},
        {"extractors": {"inception": {"kind": "inception_v3", "sha256": "0" * 64}}},
    ],
)
def test_whatever_changes_the_bytes_changes_the_name(changes: dict[str, object]) -> None:
    assert identify(**changes) != identify()


def test_other_weights_or_another_version_are_another_set() -> None:
    other = synthetic_set_id(REQUEST, snapshot_sha256="1" * 64, version="1")
    newer = synthetic_set_id(REQUEST, snapshot_sha256="0" * 64, version="2")
    assert len({identify(), other, newer}) == 3
