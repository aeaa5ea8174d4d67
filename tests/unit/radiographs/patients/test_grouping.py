"""A patient keeps number and split through all datasets, whatever the images come as."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from radiographs.errors import IngestRefused, LedgerUnusable
from radiographs.ingest import FolderSource, IngestOptions, ingest, run
from radiographs.patients.grouping import settled
from radiographs.phantom import FINDINGS, draw
from radiographs.splits.split import Split
from radiographs.store.pixel_store import PixelStore

KEY = bytes(range(32))
NAMES = [f"{label}/{k:02d}" for label in ("Normal", "Sick") for k in range(16)]


def phantom(index):
    return draw(FINDINGS[index % 4], seed=22, index=index, size=256).pixels


@pytest.fixture(scope="module")
def originals():
    """Phantoms of other patients each, and none like another."""
    return {name: phantom(k) for k, name in enumerate(NAMES)}


@pytest.fixture
def stored(folder_of, encoded, tmp_path):
    """Ingest images by name; every call is a dataset of the same service."""
    count = iter(range(100))

    def store(images, *, ledger=True, kind="PNG", patients=None, **options):
        number = next(count)
        files = {
            f"{name}.{kind.lower()}": encoded(image, kind, compress_level=1)
            for name, image in images.items()
        }
        if patients:
            rows = [f"{name},{name.split('/')[0]},{patients(name[:-4])}" for name in files]
            files["labels.csv"] = "\n".join(["file,label,patient_id", *rows]).encode()
        destination = tmp_path / f"store{number}"
        destination.mkdir()
        ledger_file = tmp_path / "keys" / "identities.npz" if ledger else None
        options = IngestOptions(KEY, ledger=ledger_file, **options)
        summary = run(FolderSource(folder_of(files, f"set{number}")), destination, options)
        return PixelStore.open(destination), summary

    return store


def by_name(store, values):
    """Key values by the file's name without its class and suffix."""
    names = [name.split("/")[1].split(".")[0] + name.split("/")[0][-3:] for name in store.files]
    return dict(zip(names, values.tolist(), strict=True))


def same_for_all_shared(first, second):
    for values in ("splits", "identities"):
        one, other = (by_name(store, getattr(store, values)) for store in (first, second))
        shared = one.keys() & other.keys()
        assert len(shared) >= 30
        assert {name: one[name] for name in shared} == {name: other[name] for name in shared}


def resized(image, size):
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


ANOTHER_WAY = {
    "image size 64": {"image_size": 64},
    "image size 256": {"image_size": 256},
    "bit depth": {"bit_depth": 16},
    "crop": {"fit": "crop"},
    "stretch": {"fit": "stretch"},
    "jpeg": {"kind": "JPEG"},
}


@pytest.mark.parametrize("options", ANOTHER_WAY.values(), ids=ANOTHER_WAY)
def test_images_stored_another_way_are_in_the_splits_they_were_in(stored, originals, options):
    first, _ = stored(originals, image_size=128)
    second, summary = stored(originals, **({"image_size": 128} | options))
    same_for_all_shared(first, second)
    assert summary.num_known_images == len(originals)
    assert summary.num_split_conflicts == 0


def marked(image):
    image = image.copy()
    image[10:30, 180:230] = 255
    return image


CHANGED = {
    "marked": lambda images: {name: marked(x) for name, x in images.items()},
    "mirrored": lambda images: {name: x[:, ::-1] for name, x in images.items()},
    "cropped": lambda images: {name: resized(x[9:-5, 3:-12], 256) for name, x in images.items()},
    "smaller files": lambda images: {name: resized(x, 128) for name, x in images.items()},
    "framed": lambda images: {name: np.pad(x, 20) for name, x in images.items()},
    "inverted": lambda images: {name: 255 - x for name, x in images.items()},
    "deeper": lambda images: {name: x.astype(np.uint16) * 16 for name, x in images.items()},
}


@pytest.mark.parametrize("changed", CHANGED.values(), ids=CHANGED)
def test_images_that_come_changed_are_in_the_splits_they_were_in(stored, originals, changed):
    first, _ = stored(originals)
    second, summary = stored(changed(originals))
    same_for_all_shared(first, second)
    assert summary.num_known_images == len(originals)


def test_other_class_names_change_no_split(stored, originals):
    first, _ = stored(originals)
    second, _ = stored({name.replace("Sick", "Unwell"): x for name, x in originals.items()})
    assert sorted(first.splits) == sorted(second.splits)
    assert dict(zip(first.identities, first.splits, strict=True)) == dict(
        zip(second.identities, second.splits, strict=True)
    )


@pytest.mark.parametrize("ledger", [True, False])
def test_an_image_more_or_fewer_changes_no_other_s_draw(stored, originals, ledger):
    first, _ = stored(originals, ledger=ledger)
    fewer = {name: x for name, x in originals.items() if name not in {"Sick/03", "Normal/11"}}
    more = fewer | {"Sick/99": phantom(64)}
    second, _ = stored(more, ledger=ledger)
    if ledger:
        same_for_all_shared(first, second)
    in_pool = np.isin(second.splits, [Split.INCLUDED, Split.HOLDOUT])
    before = by_name(first, first.splits)
    for name, split in by_name(second, np.where(in_pool, second.splits, -1)).items():
        if split >= 0 and before.get(name) in {Split.INCLUDED, Split.HOLDOUT}:
            assert split == before[name]


def test_one_image_fewer_of_a_patient_changes_no_split(stored, originals):
    patients = lambda name: f"p{int(name[-2:]) // 2}{name[:2]}"  # noqa: E731  as ids are made
    first, _ = stored(originals, patients=patients)
    fewer = {name: x for name, x in originals.items() if int(name[-2:]) % 2}
    second, _ = stored(fewer, patients=patients)
    one, other = (by_name(store, store.splits) for store in (first, second))
    assert {name: one[name] for name in other} == other
    one, other = (by_name(store, store.identities) for store in (first, second))
    assert {name: one[name] for name in other} == other


def test_a_new_image_of_a_known_patient_is_in_the_patient_s_split(stored, originals):
    patients = lambda name: f"p{NAMES.index(name)}"  # noqa: E731  as ids are made
    first, _ = stored(originals, patients=patients)
    later = {name: phantom(32 + k) for k, name in enumerate(originals)}
    second, summary = stored(later, patients=patients)
    same_for_all_shared(first, second)
    assert summary.num_known_images == len(later)


def test_pseudonyms_that_were_drawn_anew_join_nobody(stored, originals):
    first, _ = stored(originals, patients=lambda name: f"{NAMES.index(name)}")
    other = {name: (7 * k + 5) % len(NAMES) for k, name in enumerate(NAMES)}
    second, _ = stored(originals, patients=lambda name: f"{other[name]}")
    assert len(set(second.groups)) == len(originals)
    same_for_all_shared(first, second)


def test_patients_who_turn_out_to_be_one_serve_only_the_utility_test(stored, originals):
    first, _ = stored(originals)
    split = dict(zip((f.split(".")[0] for f in first.files), first.splits, strict=True))
    trained = next(name for name in NAMES if split[name] in {Split.TRAIN, Split.INCLUDED})
    held_out = next(name for name in NAMES if split[name] == Split.HOLDOUT)
    patients = lambda name: "one" if name in {trained, held_out} else ""  # noqa: E731
    second, summary = stored(originals, patients=patients)
    assert summary.num_split_conflicts == 1
    again, _ = stored(originals, image_size=64)
    for store in (second, again):
        of_one = [f.split(".")[0] in {trained, held_out} for f in store.files]
        assert set(store.splits[of_one]) == {Split.TEST}
        assert len(set(store.groups[of_one])) == 1
        assert len(set(store.identities[of_one])) == 2  # by which earlier datasets know them


def test_splits_that_agree_stay_and_others_are_settled():
    assert settled({Split.HOLDOUT}) == Split.HOLDOUT
    assert settled({Split.INCLUDED, Split.TRAIN}) == Split.TRAIN
    assert settled({Split.INCLUDED, Split.HOLDOUT}) == Split.TEST
    assert settled({Split.TRAIN, Split.TEST}) == Split.TEST


def test_new_patients_beside_known_ones_bring_the_classes_to_their_shares(stored, originals):
    few = {name: x for name, x in originals.items() if int(name[-2:]) < 8}
    stored(few)
    _, summary = stored(originals)
    assert summary.num_known_images == len(few)
    for counts in summary.classes.values():
        assert 3 <= counts["test"] <= 4  # of 16
        assert 4 <= counts["included"] + counts["holdout"] <= 5


def test_the_ledger_is_written_before_the_store(stored, originals, folder_of, encoded, tmp_path):
    files = {f"{name}.png": encoded(image) for name, image in originals.items()}
    destination = tmp_path / "never"
    destination.mkdir()
    ledger = tmp_path / "keys" / "identities.npz"
    options = IngestOptions(KEY, ledger=ledger)
    steps = ingest(FolderSource(folder_of(files)), destination, options)
    for step in steps:
        if step.phase == "writing":
            break
        assert not ledger.exists()
    steps.close()  # as a crash would
    assert ledger.exists()
    _, summary = stored(originals)
    assert summary.num_known_images == len(originals)


def test_progress_does_not_disclose_how_many_images_are_known(
    stored, originals, folder_of, encoded, tmp_path
):
    known = dict(list(originals.items())[::2])
    stored(known)
    files = {f"{name}.png": encoded(image) for name, image in originals.items()}
    destination = tmp_path / "watched"
    destination.mkdir()
    options = IngestOptions(KEY, ledger=tmp_path / "keys" / "identities.npz")
    steps = ingest(FolderSource(folder_of(files)), destination, options)
    seen = {step.images_seen for step in steps if step.phase == "duplicates"}
    assert seen <= {int(tenth / 10 * len(originals)) for tenth in range(11)}


def test_a_class_that_cannot_be_split_does_not_disclose_its_splits(stored, originals):
    _, summary = stored(originals)
    counts = {str(n) for of_class in summary.classes.values() for n in of_class.values()}
    known = {name: originals[name] for name in NAMES[:16]}
    lone = {f"Known/{k}": originals[name] for k, name in enumerate(NAMES[16:24])}
    with pytest.raises(IngestRefused) as caught:
        stored(known | lone, patients=lambda name: "one" if name.startswith("Known") else name)
    assert caught.value.code == "class_too_small"
    assert not counts & {word.strip(".,;%") for word in caught.value.message.split()} - {"8", "15"}


def test_an_ingest_under_another_key_is_refused(stored, originals, folder_of, encoded, tmp_path):
    stored(originals)
    files = {f"{name}.png": encoded(image) for name, image in originals.items()}
    options = IngestOptions(bytes(32), ledger=tmp_path / "keys" / "identities.npz")
    (tmp_path / "other").mkdir()
    with pytest.raises(LedgerUnusable, match="another key"):
        run(FolderSource(folder_of(files, "again")), tmp_path / "other", options)


def test_a_refused_ingest_leaves_no_trace_in_the_ledger(stored, originals, tmp_path):
    ledger = tmp_path / "keys" / "identities.npz"
    with pytest.raises(Exception, match="too few patients"):
        stored(originals, patients=lambda name: name.split("/")[0])
    assert not ledger.exists()
