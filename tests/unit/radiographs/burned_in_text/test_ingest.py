"""Text in images is kept with a warning, masked, or its images are dropped, as asked."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from radiographs.burned_in_text.detector import find_text
from radiographs.errors import IngestRefused
from radiographs.ingest import FolderSource, ImageWithText, IngestOptions, run
from radiographs.phantom import draw
from radiographs.store.pixel_store import PixelStore

OPTIONS = IngestOptions(bytes(range(32)), image_size=128)
NAMED = ("Sick/03.png", "Sick/11.png")


def chest(index: int, text: str | None) -> bytes:
    image = Image.fromarray(draw("normal", seed=5, index=index, size=160).pixels)
    ImageDraw.Draw(image).text((140, 4), "L", fill=255, font_size=14)
    if text:
        ImageDraw.Draw(image).text((6, 4), text, fill=255, font_size=14)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def files():
    """Two classes of twenty, each image with a marker, two with a name."""
    names = [f"{label}/{k:02d}.png" for label in ("Normal", "Sick") for k in range(20)]
    return {
        name: chest(index, "DOE^JANE 1948" if name in NAMED else None)
        for index, name in enumerate(names)
    }


@pytest.fixture
def source(files, folder_of):
    return FolderSource(folder_of(files))


def stored(folder) -> dict[str, np.ndarray]:
    store = PixelStore.open(folder)
    return dict(zip(store.files, np.asarray(store.pixels), strict=True))


def test_text_is_kept_with_a_warning_that_counts_it_and_its_images_are_listed(source, destination):
    summary = run(source, destination, OPTIONS)
    assert summary.with_text == [ImageWithText(name, 1) for name in NAMED]
    (warning,) = summary.warnings
    assert (warning.code, warning.num_images) == ("burned_in_text", 2)
    assert "DOE" not in warning.detail
    assert all(find_text(stored(destination)[name]) for name in NAMED)


def test_masked_text_is_not_in_the_store_and_no_other_image_changes(source, tmp_path):
    kept, masked = tmp_path / "kept", tmp_path / "masked"
    kept.mkdir()
    masked.mkdir()
    run(source, kept, OPTIONS)
    summary = run(source, masked, replace(OPTIONS, burned_in_text="mask"))
    assert [each.file for each in summary.with_text] == list(NAMED)
    assert summary.warnings == []
    before, after = stored(kept), stored(masked)
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed == set(NAMED)
    assert not any(find_text(pixels) for pixels in after.values())


def test_dropped_images_are_listed_and_do_not_count_as_bad(files, folder_of, destination):
    many = {name: chest(90 + k, "MRN 00731955") for k, name in enumerate(files) if k % 2}
    source = FolderSource(folder_of(files | many))
    summary = run(source, destination, replace(OPTIONS, burned_in_text="drop"))
    assert {file.code for file in summary.dropped} == {"burned_in_text"}
    assert len(summary.dropped) == 20
    assert summary.with_text == []
    assert set(stored(destination)) == set(files) - set(many)


def test_a_patient_keeps_the_identity_whatever_becomes_of_the_text(source, tmp_path):
    ledger = tmp_path / "ledger.npz"
    found = []
    for how in ("keep", "mask"):
        folder = tmp_path / how
        folder.mkdir()
        run(source, folder, replace(OPTIONS, ledger=ledger, burned_in_text=how))
        store = PixelStore.open(folder)
        found.append(dict(zip(store.files, store.identities.tolist(), strict=True)))
    assert found[0] == found[1]


def test_strict_refuses_text_that_would_be_kept(source, destination):
    with pytest.raises(IngestRefused) as caught:
        run(source, destination, replace(OPTIONS, strict=True))
    assert caught.value.code == "warnings_refused"
    assert "burned_in_text" in caught.value.message
