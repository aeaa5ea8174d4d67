"""Where the picture of a set's nearest pairs lies: in the folder of the real images it shows."""

from service.domain.records import Dataset


def nearest_pairs_key(dataset: Dataset, synthetic_set_id: str) -> str:
    """Return the key of the picture; it is deleted with the dataset."""
    assert dataset.artifact is not None, "only a ready dataset's sets are examined"
    return f"{dataset.artifact.key}/nearest/{synthetic_set_id}.png"
