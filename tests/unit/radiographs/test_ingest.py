from __future__ import annotations

import os
import random
import shutil

import numpy as np
import psutil
import pytest
from PIL import Image

from radiographs import ingest as ingesting
from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.ingest import ArchiveSource, FolderSource, IngestOptions, PhantomSource, ingest
from radiographs.phantom import FINDINGS
from radiographs.reading.limits import ReadingLimits
from radiographs.reading.sources import TreeReader
from radiographs.store.pixel_store import PixelStore

KEY = bytes(range(32))
OPTIONS = IngestOptions(KEY)


def run(source, destination, options=OPTIONS):
    return ingesting.run(source, destination, options)


def refusal(source, destination, options=OPTIONS):
    with pytest.raises(IngestRefused) as caught:
        run(source, destination, options)
    return caught.value


def test_a_folder_becomes_a_store(folder_of, two_classes, destination):
    folder = folder_of(two_classes)
    summary = run(FolderSource(folder), destination)
    store = PixelStore.open(destination)
    assert store.pixels.shape == (40, 64, 64)
    assert store.classes == ("Normal", "Sick")
    assert list(summary.classes) == ["Normal", "Sick"]
    for counts in summary.classes.values():
        assert (counts["images"], counts["test"]) == (20, 3)
        assert counts["included"] + counts["holdout"] == 6
        assert counts["holdout"] >= 1
        assert counts["train"] == 20 - counts["holdout"] - counts["test"]
    assert (summary.image_size, summary.bit_depth) == (64, 8)
    assert (summary.fingerprint, summary.version) == (store.fingerprint, store.version)
    assert summary.dropped == []
    for name, label, pixels in zip(store.files, store.labels, store.pixels, strict=True):
        assert name.startswith(store.classes[label])
        original = np.asarray(Image.open(folder / name))
        np.testing.assert_array_equal(pixels, original)


def test_an_archive_becomes_the_same_store_as_its_folder(
    folder_of, zip_of, two_classes, destination, tmp_path
):
    (tmp_path / "other").mkdir()
    from_folder = run(FolderSource(folder_of(two_classes)), destination)
    from_archive = run(ArchiveSource(zip_of(two_classes)), tmp_path / "other")
    assert from_folder == from_archive
    for name in ("pixels.npy", "images.npz", "files.json", "store.json"):
        assert (destination / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_nothing_but_the_store_is_left(folder_of, two_classes, destination):
    run(FolderSource(folder_of(two_classes)), destination)
    names = {path.name for path in destination.iterdir()}
    assert names == {"pixels.npy", "images.npz", "files.json", "store.json"}


def test_names_and_order_of_files_do_not_change_the_fingerprint_or_the_splits(
    folder_of, two_classes, destination, tmp_path
):
    shuffled = list(two_classes.items())
    random.Random(0).shuffle(shuffled)
    renamed = {f"{name.split('/')[0]}/{k:04d}.png": data for k, (name, data) in enumerate(shuffled)}
    (tmp_path / "other").mkdir()
    first = run(FolderSource(folder_of(two_classes)), destination)
    second = run(FolderSource(folder_of(renamed, "renamed")), tmp_path / "other")
    assert first.fingerprint == second.fingerprint
    for name in ("pixels.npy", "images.npz"):
        assert (destination / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_another_key_draws_other_splits_of_the_same_images(
    folder_of, two_classes, destination, tmp_path
):
    (tmp_path / "other").mkdir()
    source = FolderSource(folder_of(two_classes))
    first = run(source, destination)
    second = run(source, tmp_path / "other", IngestOptions(bytes(32)))
    assert first.fingerprint == second.fingerprint
    assert first.version != second.version
    stores = PixelStore.open(destination), PixelStore.open(tmp_path / "other")
    np.testing.assert_array_equal(stores[0].pixels, stores[1].pixels)
    assert (stores[0].splits != stores[1].splits).any()


def test_a_key_of_another_length_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="32 bytes, not 5"):
        IngestOptions(b"short")


def test_the_key_is_written_nowhere_and_not_shown(folder_of, two_classes, destination):
    run(FolderSource(folder_of(two_classes)), destination)
    for path in destination.iterdir():
        assert KEY not in path.read_bytes()
        assert KEY.hex().encode() not in path.read_bytes()
    assert repr(KEY) not in repr(OPTIONS)


def test_one_pixel_or_one_label_changes_the_fingerprint(
    folder_of, two_classes, encoded, destination
):
    def fingerprint(files, name):
        target = destination / name
        target.mkdir()
        return run(FolderSource(folder_of(files, name)), target).fingerprint

    image = np.asarray(Image.open(folder_of(two_classes) / "Normal/00.png")).copy()
    image[5, 5] ^= 1
    relabelled = {**two_classes, "Sick/x.png": two_classes["Normal/00.png"]}
    del relabelled["Normal/00.png"]
    fingerprints = {
        fingerprint(two_classes, "as it was"),
        fingerprint({**two_classes, "Normal/00.png": encoded(image)}, "pixel"),
        fingerprint(relabelled, "label"),
    }
    assert len(fingerprints) == 3


def labelled(two_classes, patient_of):
    rows = [
        f"{name},{name.split('/')[0]},{patient_of(k)}" for k, name in enumerate(sorted(two_classes))
    ]
    return {**two_classes, "labels.csv": "\n".join(["file,label,patient_id", *rows]).encode()}


def test_a_patient_is_on_one_side_and_not_named(folder_of, two_classes, destination):
    files = labelled(two_classes, lambda k: f"patient-{k // 3}")
    summary = run(FolderSource(folder_of(files)), destination)
    store = PixelStore.open(destination)
    assert summary.has_patient_ids
    names = sorted(two_classes)
    for patient in range(len(names) // 3):
        images = [store.files.index(name) for name in names[3 * patient : 3 * patient + 3]]
        assert len(set(store.splits[images])) == 1
        assert len(set(store.groups[images])) == 1
    for path in destination.iterdir():
        assert b"patient-" not in path.read_bytes()


def test_patients_count_by_their_images_and_not_by_their_ids(folder_of, two_classes, destination):
    fingerprints = []
    for name, patient_of in {
        "numbers": lambda k: f"{k // 3}",
        "letters": lambda k: f"{'x' * (1 + k // 3)}",
        "pairs": lambda k: f"{k // 2}",
    }.items():
        (destination / name).mkdir()
        source = FolderSource(folder_of(labelled(two_classes, patient_of), name))
        fingerprints.append(run(source, destination / name).fingerprint)
    assert fingerprints[0] == fingerprints[1]
    assert fingerprints[0] != fingerprints[2]


def test_copies_are_kept_and_stay_on_one_side(folder_of, two_classes, encoded, destination):
    image = np.asarray(Image.open(folder_of(two_classes) / "Sick/03.png")).astype(int)
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 3, image.shape), 0, 255)
    two_classes["Sick/copy.png"] = two_classes["Sick/03.png"]
    two_classes["Sick/noisy.png"] = encoded(noisy.astype(np.uint8))
    summary = run(FolderSource(folder_of(two_classes)), destination)
    store = PixelStore.open(destination)
    assert (summary.num_exact_duplicates, summary.num_near_duplicates) == (1, 1)
    images = [store.files.index(n) for n in ("Sick/03.png", "Sick/copy.png", "Sick/noisy.png")]
    assert len(set(store.groups[images])) == 1
    assert len(set(store.splits[images])) == 1
    assert len(store.labels) == 42


def test_a_truncated_image_is_dropped_counted_and_named(zip_of, two_classes, destination):
    good = two_classes["Sick/03.png"]
    two_classes["Sick/03.png"] = good[: len(good) // 2]
    summary = run(ArchiveSource(zip_of(two_classes)), destination)
    (dropped,) = summary.dropped
    assert (dropped.file, dropped.code) == ("Sick/03.png", "truncated")
    assert dropped.reason
    assert summary.classes["Sick"]["images"] == 19


def test_more_than_one_bad_image_in_twenty_is_refused(zip_of, two_classes, destination):
    for k in range(2):
        two_classes[f"Sick/{k:02d}.png"] = b"\x89PNG\r\n\x1a\n and no more"
    assert len(run(ArchiveSource(zip_of(two_classes)), destination).dropped) == 2
    two_classes["Normal/07.png"] = two_classes["Normal/07.png"][:-300]
    refused = refusal(ArchiveSource(zip_of(two_classes, "worse.zip")), destination)
    assert refused.code == "too_many_bad_files"
    assert "3 of 40" in refused.message
    assert "Sick/00.png" not in refused.message
    assert any("Sick/00.png" in file for file in refused.files)


def test_images_without_a_label_are_named_and_not_counted_as_bad(
    folder_of, two_classes, images, destination
):
    files = labelled(two_classes, lambda k: "")
    files |= {f"extra/{k}.png": images[k] for k in range(10)}
    summary = run(FolderSource(folder_of(files)), destination)
    assert {file.code for file in summary.dropped} == {"unlabelled"}
    assert len(summary.dropped) == 10
    assert not summary.has_patient_ids


def test_one_class_is_refused(folder_of, two_classes, destination):
    one = {name: data for name, data in two_classes.items() if name.startswith("Sick")}
    refused = refusal(FolderSource(folder_of(one)), destination)
    assert refused.code == "single_class"
    assert "only one" in refused.message
    assert "'Sick'" in refused.files[0]


@pytest.mark.parametrize("num_broken", [0, 1])
def test_fewer_than_eight_readable_images_in_a_class_are_refused(
    folder_of, two_classes, destination, num_broken
):
    names = [name for name in two_classes if name.startswith("Sick")]
    for name in names[7 + num_broken :]:
        del two_classes[name]
    for name in names[:num_broken]:
        two_classes[name] = two_classes[name][:200]
    refused = refusal(FolderSource(folder_of(two_classes)), destination)
    assert refused.code == "class_too_small"
    assert "A class has 7" in refused.message
    assert "'Sick' has 7" in refused.files[0]


def test_a_class_of_one_patient_cannot_be_split(folder_of, two_classes, destination):
    files = labelled(two_classes, lambda k: "only" if k >= 20 else k)
    refused = refusal(FolderSource(folder_of(files)), destination)
    assert refused.code == "class_too_small"
    assert "too few patients" in refused.message


def test_a_class_of_two_patients_has_none_left_for_the_audit(folder_of, two_classes, destination):
    files = labelled(two_classes, lambda k: f"one of {k % 2}" if k >= 20 else k)
    refused = refusal(FolderSource(folder_of(files)), destination)
    assert refused.code == "class_too_small"
    assert "too few patients" in refused.message


def test_eight_images_of_a_class_are_enough(folder_of, two_classes, destination):
    few = {name: data for name, data in two_classes.items() if name[-6:-4] < "08"}
    for key in range(20):
        shutil.rmtree(destination)
        destination.mkdir()
        options = IngestOptions(bytes([key]) * 32)
        summary = run(FolderSource(folder_of(few)), destination, options)
        for counts in summary.classes.values():
            assert counts["test"] == 2
            assert counts["included"] + counts["holdout"] == 2
            assert counts["holdout"] >= 1


def test_an_empty_folder_has_no_images(folder_of, destination):
    assert refusal(FolderSource(folder_of({"a/x.txt": b""})), destination).code == "no_images"


def test_the_size_is_the_largest_that_nearly_all_images_reach(
    folder_of, two_classes, encoded, destination
):
    folder = folder_of(two_classes)
    large = {
        name: encoded(Image.open(folder / name).resize((128, 128), Image.Resampling.NEAREST))
        for name in two_classes
    }
    large["Sick/03.png"] = two_classes["Sick/03.png"]
    summary = run(FolderSource(folder_of(large, "large")), destination)
    assert summary.image_size == 128
    assert summary.num_upsampled == 1


@pytest.mark.parametrize("image_size", [128, 256])
def test_a_size_that_the_images_do_not_have_is_refused(
    folder_of, two_classes, destination, image_size
):
    options = IngestOptions(KEY, image_size=image_size)
    refused = refusal(FolderSource(folder_of(two_classes)), destination, options)
    assert refused.code == "image_size_not_available"
    assert "0% of the images" in refused.message
    assert "give: 64" in refused.message


def test_an_unknown_size_is_a_mistake_of_the_caller(folder_of, two_classes, destination):
    with pytest.raises(ValueError, match="64, 128, 256"):
        run(FolderSource(folder_of(two_classes)), destination, IngestOptions(KEY, image_size=100))


def test_one_deep_image_makes_the_store_deep_unless_eight_bits_are_asked_for(
    folder_of, two_classes, encoded, destination
):
    shallow = np.asarray(Image.open(folder_of(two_classes) / "Sick/03.png"))
    two_classes["Sick/03.png"] = encoded(shallow.astype(np.uint16) * 257)
    source = FolderSource(folder_of(two_classes, "deep"))
    assert run(source, destination).bit_depth == 16
    store = PixelStore.open(destination)
    assert store.pixels.dtype == np.uint16
    image = store.files.index("Sick/03.png")
    np.testing.assert_array_equal(store.pixels[image], shallow.astype(np.uint16) * 257)
    assert store.pixels[store.files.index("Sick/04.png")].max() > 40_000  # white stays white

    shutil.rmtree(destination)
    destination.mkdir()
    assert run(source, destination, IngestOptions(KEY, bit_depth=8)).bit_depth == 8
    store = PixelStore.open(destination)
    np.testing.assert_array_equal(store.pixels[store.files.index("Sick/03.png")], shallow)


def test_wrong_extensions_do_not_matter(folder_of, two_classes, encoded, destination):
    image = Image.open(folder_of(two_classes) / "Sick/03.png")
    two_classes["Sick/03.png"] = encoded(image, "WEBP", lossless=True)
    two_classes["Normal/jpeg.webp"] = two_classes.pop("Normal/04.png")
    assert run(FolderSource(folder_of(two_classes, "mixed")), destination).dropped == []


def test_phantoms_become_a_store_of_known_classes(destination):
    source = PhantomSource(dict.fromkeys(FINDINGS, 10), image_size=64, seed=5)
    summary = run(source, destination)
    assert {label: counts["images"] for label, counts in summary.classes.items()} == dict.fromkeys(
        FINDINGS, 10
    )
    assert summary.num_near_duplicates == 0
    assert PixelStore.open(destination).pixels.shape == (40, 64, 64)


@pytest.mark.parametrize("counts", [{"fracture": 10}, {"normal": 0}])
def test_phantoms_that_cannot_be_drawn_are_a_mistake_of_the_caller(counts):
    with pytest.raises(ValueError, match="cardiomegaly"):
        PhantomSource(counts)


def test_progress_walks_the_phases_and_never_goes_back(folder_of, two_classes, destination):
    steps = list(ingest(FolderSource(folder_of(two_classes)), destination, OPTIONS))
    phases = list(dict.fromkeys(step.phase for step in steps))
    assert phases == ["listing", "headers", "decoding", "duplicates", "writing"]
    for phase in phases[1:]:
        seen = [step.images_seen for step in steps if step.phase == phase]
        assert seen == sorted(seen)
        assert seen[-1] == 40


@pytest.mark.parametrize("num_steps", [1, 2, 4, 6])
def test_stopping_leaves_no_half_store(folder_of, two_classes, destination, num_steps):
    steps = ingest(FolderSource(folder_of(two_classes)), destination, OPTIONS)
    for _ in range(num_steps):
        next(steps)
    steps.close()
    names = {path.name for path in destination.iterdir()}
    assert "store.json" not in names
    assert "decoded.raw" not in names


def test_the_number_of_threads_does_not_change_a_byte(
    folder_of, two_classes, destination, tmp_path
):
    (tmp_path / "other").mkdir()
    source = FolderSource(folder_of(two_classes))
    one = run(source, destination, IngestOptions(KEY, num_workers=1))
    many = run(source, tmp_path / "other", IngestOptions(KEY, num_workers=5))
    assert one == many
    assert (destination / "pixels.npy").read_bytes() == (
        tmp_path / "other" / "pixels.npy"
    ).read_bytes()


def test_a_thousand_copies_are_one_group_and_cost_no_pairs(folder_of, two_classes, destination):
    copies = {f"Normal/copy{k}.png": two_classes["Normal/00.png"] for k in range(1000)}
    many = {f"{name[:-6]}x{name[-6:]}": data for name, data in two_classes.items()}
    refused = refusal(FolderSource(folder_of({**two_classes, **copies, **many})), destination)
    assert refused.code == "class_too_small"  # 15 % cannot be kept without the copies
    assert "stay together" in refused.message


def test_an_ingest_stops_as_soon_as_too_many_files_are_surely_bad(folder_of, images, destination):
    files = {f"{label}/{k:04d}.png": b"\x89PNG\r\n\x1a\n" for label in "ab" for k in range(500)}
    steps = ingest(FolderSource(folder_of(files)), destination, OPTIONS)
    seen = []
    with pytest.raises(IngestRefused) as caught:
        seen.extend(step.images_seen for step in steps)
    assert caught.value.code == "too_many_bad_files"
    assert max(seen) <= 60  # 51 are too many of 1,000


def test_a_few_files_that_cost_too_much_refuse_the_whole(folder_of, two_classes, destination):
    class CostlySource(FolderSource):
        def reader(self, limits):
            return CostlyReader(self._tree, limits)

    class CostlyReader(TreeReader):
        def pixels(self, images, form):
            costly = UnreadableImage("too_costly", "It takes too long.")
            found = super().pixels(images, form)
            return [
                costly if image.name.startswith("Sick/") else each
                for image, each in zip(images, found, strict=True)
            ]

    many = {f"Normal/more{k}.png": two_classes["Normal/00.png"] for k in range(500)}
    refused = refusal(CostlySource(folder_of(two_classes | many)), destination)
    assert refused.code == "too_many_bad_files"
    assert "too_costly" in refused.message


def test_more_pixels_than_an_ingest_may_have_are_refused_before_they_are_decoded(
    folder_of, two_classes, destination
):
    options = IngestOptions(KEY, limits=ReadingLimits(max_total_pixels=40 * 64 * 64 - 1))
    refused = refusal(FolderSource(folder_of(two_classes)), destination, options)
    assert refused.code == "too_many_pixels"
    assert list(destination.iterdir()) == []
    enough = IngestOptions(KEY, limits=ReadingLimits(max_total_pixels=40 * 64 * 64))
    run(FolderSource(folder_of(two_classes)), destination, enough)


@pytest.mark.parametrize("good", [True, False])
def test_a_name_that_is_no_utf8_is_listed_as_it_can_be_shown(
    folder_of, two_classes, destination, good
):
    folder = folder_of(two_classes)
    (folder / "Sick/03.png").rename(folder / "Sick" / os.fsdecode(b"M\xfcller.png"))
    if not good:
        (folder / "Sick" / os.fsdecode(b"M\xfcller.png")).write_bytes(b"no image")
    summary = run(FolderSource(folder), destination)
    shown = "Sick/M\\xfcller.png"
    assert [file.file for file in summary.dropped] == ([] if good else [shown])
    assert (shown in PixelStore.open(destination).files) == good


def test_closing_an_ingest_ends_its_processes(folder_of, two_classes, destination):
    others = set(psutil.Process().children())
    steps = ingest(FolderSource(folder_of(two_classes)), destination, OPTIONS)
    while next(steps).phase != "decoding":
        pass
    children = set(psutil.Process().children()) - others
    assert children
    steps.close()
    assert not children & set(psutil.Process().children())
