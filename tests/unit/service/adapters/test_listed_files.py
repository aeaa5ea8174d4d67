"""The lists of files that an ingest left out or found text in, page by page."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from service.adapters.listed_files import (
    dropped_files,
    images_with_text,
    write_dropped,
    write_images_with_text,
)
from service.adapters.local_artifacts import LocalArtifacts
from service.domain.errors import InvalidRequest
from service.domain.records import ArtifactRef, Dataset, DatasetState, DroppedFile, ImageWithText
from service.domain.requests import DatasetSource

FILES = tuple(DroppedFile(f"é{k}.png", "The file ends early.", "truncated") for k in range(23))
DATASET = Dataset(
    id="ds_1",
    name="images",
    state=DatasetState.READY,
    source=DatasetSource(path="/x"),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    job_id="job_1",
    artifact=ArtifactRef("datasets/ds_1-0", "0" * 64, 1),
)


@pytest.fixture
def listed(tmp_path: Path) -> tuple[LocalArtifacts, Dataset]:
    """A dataset with its list."""
    artifacts = LocalArtifacts(tmp_path)
    staged = artifacts.staging("job_1-1")
    write_dropped(staged, FILES)
    artifacts.publish(staged, "datasets/ds_1-0")
    return artifacts, replace(DATASET, dropped=FILES[:5])


@pytest.mark.parametrize("limit", [1, 7, 23, 50])
def test_the_pages_have_every_file_once(listed: tuple[LocalArtifacts, Dataset], limit: int) -> None:
    found: list[DroppedFile] = []
    cursor = None
    while True:
        page = dropped_files(*listed, cursor, limit)
        assert len(page.items) <= limit
        found += page.items
        cursor = page.next_cursor
        if cursor is None:
            break
    assert tuple(found) == FILES


@pytest.mark.parametrize("cursor", ["", "x", "-1", "1.5", "٣", "9" * 16, "1-ds_1"])
def test_a_cursor_of_another_list_is_refused(
    listed: tuple[LocalArtifacts, Dataset], cursor: str
) -> None:
    with pytest.raises(InvalidRequest):
        dropped_files(*listed, cursor, 10)


def test_a_dataset_that_left_nothing_out_has_an_empty_list(tmp_path: Path) -> None:
    assert dropped_files(LocalArtifacts(tmp_path), DATASET, None, 10).items == ()


def test_images_with_text_are_listed_page_by_page(tmp_path: Path) -> None:
    artifacts = LocalArtifacts(tmp_path)
    images = tuple(ImageWithText(f"{k}.png", k) for k in range(5))
    staged = artifacts.staging("job_1-1")
    write_images_with_text(staged, images)
    artifacts.publish(staged, "datasets/ds_1-0")
    first = images_with_text(artifacts, DATASET, None, 3)
    second = images_with_text(artifacts, DATASET, first.next_cursor, 3)
    assert (*first.items, *second.items) == images
    assert second.next_cursor is None


def test_a_dataset_of_an_earlier_version_has_an_empty_list_of_images_with_text(
    tmp_path: Path,
) -> None:
    assert list(images_with_text(LocalArtifacts(tmp_path), DATASET, None, 10).items) == []
    with pytest.raises(InvalidRequest):
        images_with_text(LocalArtifacts(tmp_path), DATASET, "x", 10)
