"""From a source of images to a pixel store, in five phases.

listing     find the images and their labels
headers     read sizes and depths; settle what the store will have
decoding    read every image and bring it to that size
duplicates  find copies and patients known already, and draw the splits of the others
writing     write the store, images ordered by content
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from radiographs import warnings
from radiographs.acquisition import Acquisition
from radiographs.dicom_warnings import of_dicom
from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.fingerprint import fingerprint_of, ordered_by_content
from radiographs.grey_range import GreyRange, spread, with_digests
from radiographs.parallel import in_order
from radiographs.patients import contradictions
from radiographs.patients.grouping import UNKNOWN, Identified, identify
from radiographs.patients.ledger import Ledger, LedgerFile
from radiographs.patients.pseudonyms import pseudonymised
from radiographs.prepared_image import BurnedInText, PreparedImage, PreparedPixels, StoredForm
from radiographs.quoting import quoted, shortened
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.limits import ReadingLimits
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.patient_ids import one_spelling
from radiographs.reading.sources import ArchiveSource, FolderSource, PhantomSource, Reader, Source
from radiographs.requirements import MIN_IMAGES_PER_CLASS, check_classes, image_size
from radiographs.splits.keyed_hash import KEY_BYTES, published_version
from radiographs.splits.random_split import TEST_SHARE, draw_splits
from radiographs.store.acquisitions import write_acquisitions
from radiographs.store.image_table import ImageTable
from radiographs.store.pixel_store import write_store
from radiographs.store.pixels import Pixels, dtype_of
from radiographs.store.resizing import Fit
from radiographs.warnings import IngestWarning

__all__ = [
    "ArchiveSource",
    "FolderSource",
    "IngestOptions",
    "IngestProgress",
    "IngestSummary",
    "PhantomSource",
    "ingest",
    "run",
]

MAX_BAD_SHARE = 0.05
MAX_COSTLY_FILES = 5  # each may have taken seconds before it was stopped
_BAD_FILES_SHOWN = 5
_PULSE_SECONDS = 0.25
_DICOM = "the PatientID of DICOM files"

Read = TypeVar("Read")
Phase = Literal["listing", "headers", "decoding", "duplicates", "writing"]


@dataclass(frozen=True)
class IngestOptions:
    """How images are stored.

    Args:
        key: 32 random bytes that the splits are drawn under; the same key and images give the same
            splits, and nobody without it can compute them.
        image_size: Side of each image, 64, 128 or 256; None for the largest that at least 95 %
            of the images reach.
        fit: pad, crop or stretch to a square.
        bit_depth: 8 or 16; None for 16 where any image has more than 8.
        num_workers: Threads; None for one per core.
        ledger: File that remembers the split of every patient who was ever split under the key.
            None: nobody is known, and nobody is remembered.
        limits: What reading may cost.
        strict: Whether any warning refuses the set.
        allow_burned_in_annotation: Whether DICOM files are kept that say that text is burned into
            their pixels; they are left out otherwise.
        burned_in_text: Whether legible text in images is kept, masked, or its image dropped.
    """

    key: bytes = field(repr=False)
    image_size: int | None = None
    fit: Fit = "pad"
    bit_depth: Literal[8, 16] | None = None
    num_workers: int | None = None
    ledger: Path | None = None
    limits: ReadingLimits = field(default_factory=ReadingLimits)
    strict: bool = False
    allow_burned_in_annotation: bool = False
    burned_in_text: BurnedInText = "keep"

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"the key has {KEY_BYTES} bytes, not {len(self.key)}")


class IngestProgress(NamedTuple):
    """How far an ingest has come; given at least twice a second or so."""

    phase: Phase
    images_seen: int
    total_images: int


class ImageWithText(NamedTuple):
    """An image that text is burnt into, and that was not dropped for it.

    Args:
        file: Its name, quoted.
        num_places: Places at which text was found in it.
    """

    file: str
    num_places: int


@dataclass(frozen=True)
class IngestSummary:
    """What became of a source.

    Args:
        classes: Numbers of images in the splits, by label; see `ImageTable.counts`.
        image_size: Side of each stored image.
        bit_depth: 8 or 16.
        fingerprint: SHA-256 over pixels, labels and patient groups, in hexadecimal.
        version: Keyed hash of the fingerprint: the dataset's name in what is published.
        dropped: Files that were left out, by name and reason.
        warnings: What to look at before the dataset is used.
        with_text: Images that text is burnt into, whether it was kept or masked.
        num_exact_duplicates: Images whose stored pixels equal an earlier image's; here and below
            those that were left out for their copies' labels count as well.
        num_near_duplicates: Other images that show what an earlier one shows.
        num_known_images: Images of patients whom an earlier dataset has split: these keep their
            splits.
        num_split_conflicts: Patients whom earlier datasets took for several and put into
            different splits.
        num_upsampled: Images with fewer pixels than the store's size.
        has_patient_ids: Whether any image came with one; an image without one counts as a patient.
        num_images_with_patient: How many came with one.
        patient_source: What says whose image it is, such as the name of a column.
        layout: What the source was read as.
    """

    classes: dict[str, dict[str, int]]
    image_size: int
    bit_depth: int
    fingerprint: str
    version: str
    dropped: list[DroppedFile]
    warnings: list[IngestWarning]
    with_text: list[ImageWithText]
    num_exact_duplicates: int
    num_near_duplicates: int
    num_known_images: int
    num_split_conflicts: int
    num_upsampled: int
    has_patient_ids: bool
    num_images_with_patient: int
    patient_source: str | None
    layout: str


def run(source: Source, destination: Path, options: IngestOptions) -> IngestSummary:
    """Ingest without looking at the progress."""
    steps = ingest(source, destination, options)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            summary: IngestSummary = end.value
            return summary


def ingest(
    source: Source, destination: Path, options: IngestOptions
) -> Generator[IngestProgress, None, IngestSummary]:
    """Write a source's images as a pixel store, pausing often so that the caller can stop.

    Args:
        source: Images and labels.
        destination: An existing, empty, private folder; after a refusal or a stop it is to be
            thrown away.
        options: Key, size, fit, depth and threads.

    Raises:
        IngestRefused: With the code that says why.
        LedgerUnusable: The ledger is damaged or belongs to another key.
    """
    return (yield from _Ingest(source, destination, options).steps())


@dataclass
class _Ingest:
    source: Source
    destination: Path
    options: IngestOptions
    dropped: list[DroppedFile] = field(default_factory=list)
    warnings: list[IngestWarning] = field(default_factory=list)
    total_images: int = 0
    acquisitions: dict[str, Acquisition] = field(default_factory=dict)
    listing: Listing = field(init=False)

    def __post_init__(self) -> None:
        self.num_workers = self.options.num_workers or os.cpu_count() or 1

    def steps(self) -> Generator[IngestProgress, None, IngestSummary]:
        yield IngestProgress("listing", 0, 0)
        listing = self.source.listing()
        self.dropped += listing.dropped
        self.warnings += listing.warnings
        self.listing = listing
        self.total_images = len(listing.images) + _num_bad(listing.dropped)
        check_classes(image.label for image in listing.images)
        self._check_bad()

        decoded = self.destination / "decoded.raw"
        reader = self.source.reader(self.options.limits)
        try:
            images, form = yield from self._read(reader, listing.images, decoded)
            return (yield from self._store(images, _mapped(decoded, len(images), form)))
        finally:
            reader.close()
            decoded.unlink(missing_ok=True)

    def _read(
        self, reader: Reader, listed: list[ListedImage], path: Path
    ) -> Generator[IngestProgress, None, tuple[list[PreparedImage], StoredForm]]:
        """Settle the form of the store, and write every image to a file in that form."""
        files, headers = yield from self._headers(reader, listed)
        self._check_num_pixels(headers)
        files = self._take_facts(files, headers)
        deepest = max(header.bit_depth for header in headers)
        form = StoredForm(
            image_size(headers, self.options.image_size, self.options.fit),
            self.options.bit_depth or deepest,
            self.options.fit,
            self.options.burned_in_text,
        )
        depths = {f.name: h.bit_depth for f, h in zip(files, headers, strict=True)}
        decoded = replace(form, depth=max(deepest, form.depth))
        images, tops = yield from self._decode(reader, files, decoded, path)
        check_classes(image.file.label for image in images)
        depths_read = np.array([depths[image.file.name] for image in images])
        grey = GreyRange(np.array(tops), depths_read, decoded.depth)
        images = yield from self._spread(images, grey, form, path)
        return images, form

    def _spread(
        self, images: list[PreparedImage], grey: GreyRange, form: StoredForm, path: Path
    ) -> Generator[IngestProgress, None, list[PreparedImage]]:
        """Spread the grey values that the set uses over all that are stored."""
        self.warnings += grey.warnings()
        self.warnings += grey.of_classes([image.file.label for image in images])
        white = grey.white()
        if grey.decoded_depth == form.depth and (white == 2**form.depth - 1).all():
            return images
        decoded = _mapped(path, len(images), replace(form, depth=grey.decoded_depth))
        digests: list[str] = []
        spread_out = path.with_suffix(".spread")
        with spread_out.open("wb") as out:
            for some in spread(decoded, white, form.depth, out):
                digests += some
                yield IngestProgress("decoding", len(digests), len(images))
        spread_out.replace(path)
        return with_digests(images, digests)

    def _headers(
        self, reader: Reader, files: list[ListedImage]
    ) -> Generator[IngestProgress, None, tuple[list[ListedImage], list[ImageHeader]]]:
        def headers(
            some: Sequence[ListedImage],
        ) -> list[tuple[ListedImage, ImageHeader] | DroppedFile]:
            return _with_files(some, [self._allowed(each) for each in reader.headers(some)])

        good: list[tuple[ListedImage, ImageHeader]] = []
        num_seen = 0
        for results in in_order(headers, files, self.num_workers, reader.close):
            good += self._without_dropped(results)
            num_seen += len(results)
            yield IngestProgress("headers", num_seen, len(files))
        return [file for file, _ in good], [result for _, result in good]

    def _allowed(self, header: ImageHeader | UnreadableImage) -> ImageHeader | UnreadableImage:
        """Leave out images that say that text is burned in, unless they are allowed."""
        burned_in = (
            isinstance(header, ImageHeader) and header.dicom and header.dicom.has_burned_in_text
        )
        if not burned_in or self.options.allow_burned_in_annotation:
            return header
        return UnreadableImage(
            "burned_in_annotation",
            "It says that text is burned into its pixels, which may name the patient. Export it "
            "without, or allow it with allow_burned_in_annotation.",
        )

    def _take_facts(
        self, files: list[ListedImage], headers: list[ImageHeader]
    ) -> list[ListedImage]:
        """Keep what DICOM files say of their images; patients stay by keyed hashes alone."""
        facts = {
            file.name: header.dicom
            for file, header in zip(files, headers, strict=True)
            if header.dicom is not None
        }
        self.warnings += of_dicom(facts.values())
        self.acquisitions = {name: each.acquisition for name, each in facts.items()}
        patients = {name: one_spelling(each.patient_id or "") for name, each in facts.items()}
        files, warnings_of_patients = pseudonymised(files, patients, self.options.key)
        self.warnings += warnings_of_patients
        return files

    def _decode(
        self, reader: Reader, files: list[ListedImage], form: StoredForm, path: Path
    ) -> Generator[IngestProgress, None, tuple[list[PreparedImage], list[int]]]:
        def decode(
            some: Sequence[ListedImage],
        ) -> list[tuple[ListedImage, PreparedPixels] | DroppedFile]:
            return _with_files(some, reader.pixels(some, form))

        images: list[PreparedImage] = []
        tops: list[int] = []
        num_seen = 0
        with path.open("wb") as out:
            for results in in_order(decode, files, self.num_workers, reader.close):
                for file, prepared in self._without_dropped(results):
                    images.append(PreparedImage.of(file, prepared))
                    tops.append(int(prepared.stored.max()))
                    out.write(prepared.stored.tobytes())
                num_seen += len(results)
                yield IngestProgress("decoding", num_seen, len(files))
        return images, tops

    def _without_dropped(self, results: list[Read | DroppedFile]) -> list[Read]:
        """Keep what could be read; refuse the whole as soon as too much could not."""
        dropped = [result for result in results if isinstance(result, DroppedFile)]
        if dropped:
            self.dropped += dropped
            self._check_bad()
        return [result for result in results if not isinstance(result, DroppedFile)]

    def _store(
        self, images: list[PreparedImage], pixels: Pixels
    ) -> Generator[IngestProgress, None, IngestSummary]:
        order = ordered_by_content(images)
        images = [images[k] for k in order]
        table, found, kept = yield from self._split(images)
        images, order = [images[k] for k in np.flatnonzero(kept)], order[kept]
        for num_written in write_store(self.destination, pixels, order, table):
            yield IngestProgress("writing", num_written, len(images))
        write_acquisitions(
            self.destination, [self.acquisitions.get(image.file.name) for image in images]
        )
        num_with_patient = sum(image.file.patient_id is not None for image in images)
        return IngestSummary(
            classes=table.counts(),
            image_size=pixels.shape[1],
            bit_depth=pixels.dtype.itemsize * 8,
            fingerprint=table.fingerprint,
            version=table.version,
            dropped=self.dropped,
            warnings=self.warnings,
            with_text=_with_text(images),
            num_exact_duplicates=found.num_exact_duplicates,
            num_near_duplicates=found.num_near_duplicates,
            num_known_images=int(np.sum(found.splits != UNKNOWN)),
            num_split_conflicts=found.num_conflicts,
            num_upsampled=sum(image.upsampled for image in images),
            has_patient_ids=num_with_patient > 0,
            num_images_with_patient=num_with_patient,
            patient_source=self.listing.patient_source or (_DICOM if num_with_patient else None),
            layout=self.listing.layout,
        )

    def _split(
        self, images: list[PreparedImage]
    ) -> Generator[IngestProgress, None, tuple[ImageTable, Identified, NDArray[np.bool_]]]:
        """Find the patients, the images that are kept, and their splits.

        The ledger knows them before a store is there.
        """
        file = self.options.ledger and LedgerFile(self.options.ledger, self.options.key)
        try:
            while file and not file.try_to_hold():
                yield IngestProgress("duplicates", 0, len(images))
                time.sleep(_PULSE_SECONDS)
            ledger = file.read() if file else Ledger.empty()
            steps = identify(images, ledger, self.options.key)
            while True:
                try:
                    num_seen, num_new = next(steps)
                except StopIteration as end:
                    found: Identified = end.value
                    break
                # by tenths of all: how many images are new is not for everybody
                done = 10 * num_seen // max(num_new, 1) / 10
                yield IngestProgress("duplicates", int(done * len(images)), len(images))
            yield IngestProgress("duplicates", len(images), len(images))
            kept = self._without_contradictions(images, found.copies)
            images, found = [images[k] for k in np.flatnonzero(kept)], found.of(kept)
            table = _table(images, found, self.options.key)
            self._look_at_warnings(images)
            if file:
                file.write(ledger + found.to_remember(table.splits))
            return table, found, kept
        finally:
            if file:
                file.let_go()

    def _without_contradictions(
        self, images: list[PreparedImage], copies: NDArray[np.int64]
    ) -> NDArray[np.bool_]:
        """Say which images are kept: those without a copy of another label."""
        wrong = contradictions.contradicting(images, copies)
        contradictions.check_few(images, wrong, MIN_IMAGES_PER_CLASS)
        self.dropped += contradictions.dropped([images[k] for k in np.flatnonzero(wrong)])
        self.warnings += contradictions.warnings_of(copies[wrong])
        return ~wrong

    def _warn(self, code: str, detail: str, num_images: int) -> None:
        self.warnings.append(IngestWarning(code, detail, num_images))

    def _look_at_warnings(self, images: list[PreparedImage]) -> None:
        """Refuse the set for its warnings where that was asked for, before anything is kept."""
        self.warnings += warnings.left_out(file.code for file in self.dropped)
        if self.options.burned_in_text == "keep":
            self.warnings += warnings.burned_in_text(len(_with_text(images)))
        if self.options.strict:
            warnings.refuse(self.warnings)

    def _check_bad(self) -> None:
        """Refuse the whole as soon as it is sure that too much of it is bad."""
        num_bad = _num_bad(self.dropped)
        num_costly = sum(file.code == "too_costly" for file in self.dropped)
        if num_bad <= MAX_BAD_SHARE * self.total_images and num_costly <= MAX_COSTLY_FILES:
            return
        bad = [file for file in self.dropped if file.is_bad]
        reasons = ", ".join(f"{n} {code}" for code, n in Counter(f.code for f in bad).items())
        raise IngestRefused(
            "too_many_bad_files",
            f"{num_bad} of {self.total_images} images, or more, cannot be used ({reasons}); "
            f"at most {MAX_BAD_SHARE:.0%} may be bad, and at most {MAX_COSTLY_FILES} too_costly. "
            "Mend or remove them; docs/errors.md says how for each of these codes.",
            [f"{file.file}: {file.reason}" for file in bad[:_BAD_FILES_SHOWN]],
        )

    def _check_num_pixels(self, headers: list[ImageHeader]) -> None:
        num_pixels = sum(header.width * header.height for header in headers)
        if num_pixels > self.options.limits.max_total_pixels:
            raise IngestRefused(
                "too_many_pixels",
                f"All images together have {num_pixels:,} pixels and "
                f"{self.options.limits.max_total_pixels:,} are allowed. Scale them down first, or "
                "make several datasets.",
            )


def _with_files(
    files: Sequence[ListedImage], results: Sequence[Read | UnreadableImage]
) -> list[tuple[ListedImage, Read] | DroppedFile]:
    """Pair files with what was read of them."""
    return [
        DroppedFile.of(file, result) if isinstance(result, UnreadableImage) else (file, result)
        for file, result in zip(files, results, strict=True)
    ]


def _mapped(path: Path, num_images: int, form: StoredForm) -> Pixels:
    return np.memmap(path, dtype_of(form.depth), "r", shape=(num_images, form.size, form.size))


def _num_bad(dropped: list[DroppedFile]) -> int:
    """Count the files that should have been labelled images; one without a label is none."""
    return sum(file.is_bad for file in dropped)


def _with_text(images: list[PreparedImage]) -> list[ImageWithText]:
    """List the images that text is burnt into, by name."""
    found = (image for image in images if image.num_places)
    return sorted(ImageWithText(shortened(each.file.name), each.num_places) for each in found)


def _table(images: list[PreparedImage], found: Identified, key: bytes) -> ImageTable:
    """Draw the splits and bring together what the store says of each image.

    Raises:
        IngestRefused: class_too_small, where copies, one patient's images or the splits of
            earlier datasets leave no split.
    """
    classes = tuple(sorted({image.file.label for image in images}))
    labels = np.array([classes.index(image.file.label) for image in images], dtype=np.int64)
    fingerprint = fingerprint_of(images)
    looks = [image.look for image in images]
    table = ImageTable(
        classes=classes,
        labels=labels,
        splits=draw_splits(labels, found.groups, looks, key, found.splits),
        groups=found.groups,
        identities=found.identities,
        files=tuple(image.file.name for image in images),
        fingerprint=fingerprint,
        version=published_version(key, fingerprint),
    )
    for label, counts in table.counts().items():
        of_class = labels == classes.index(label)
        brought = bool((found.splits[of_class] != UNKNOWN).any())
        needed = 1 if brought else TEST_SHARE * counts["images"]
        if counts["test"] < needed or not counts["holdout"] or not counts["train"]:
            # no counts: they would disclose the splits that patients have from earlier datasets
            raise IngestRefused(
                "class_too_small",
                f"A class has too few patients to be split: {TEST_SHARE:.0%} of its images must be "
                "kept for the test split, some for the holdout and some for training. Copies and "
                "images of one patient stay together, and patients of earlier datasets keep the "
                f"splits they had. {MIN_IMAGES_PER_CLASS} patients new to the service, with "
                "about as many images each, are enough for a class.",
                [f"Class {quoted(label)!r} has too few patients."],
            )
    return table
