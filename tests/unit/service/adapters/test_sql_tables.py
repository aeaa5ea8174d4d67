from typing import Any

from service.adapters.sql_tables import DATASETS


def test_a_dataset_recorded_before_the_folds_is_still_read() -> None:
    document = {
        "id": "ds_1",
        "name": "images",
        "state": "ready",
        "source": {"path": "/radiographs"},
        "created_at": "2026-01-01T00:00:00Z",
        "job_id": "job_1",
        "classes": {"normal": {"images": 10, "train": 8, "held_out": 2}},
        "image_size": 64,
        "bit_depth": 8,
        "fingerprint": "f" * 64,
        "dropped": [],
        "artifact": {"key": "datasets/ds_1", "sha256": "f" * 64, "num_bytes": 3},
        "summary": {},
    }
    row: Any = {"document": document}
    dataset = DATASETS.record(row)
    assert dataset.version is None
    assert (dataset.classes["normal"].held_out, dataset.classes["normal"].audit_out) == (2, 0)
