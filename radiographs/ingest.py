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
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from radiographs import warnings
from radiographs.acquisition import Acquisition
from radiographs.bad_files import check_few_bad, num_bad
from radiographs.burned_in_annotation import checked
from radiographs.dicom_warnings import of_dicom
from radiographs.errors import IngestRefused, UnreadableImage
from radiographs.fingerprint import ordered_by_content
from radiographs.formats_of_classes import formats_of_classes
from radiographs.grey_range import GreyRange, spread, with_digests
from radiographs.ingest_options import IngestOptions
from radiographs.ingest_summary import ImageWithText, IngestProgress, IngestSummary
from radiographs.parallel import in_order
from radiographs.patients import contradictions
from radiographs.patients.grouping import UNKNOWN, Identified, identify
from radiographs.patients.ledger import Ledger, LedgerFile
from radiographs.patients.patients_of_files import patients_of_files
from radiographs.patients.pseudonyms import pseudonymised
from radiographs.prepared_image import PreparedImage, PreparedPixels, StoredForm
from radiographs.quoting import shortened
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.sources import ArchiveSource, FolderSource, PhantomSource, Reader, Source
from radiographs.requirements import MIN_IMAGES_PER_CLASS, check_classes, image_size
from radiographs.split_table import split_table
from radiographs.store.acquisitions import write_acquisitions
from radiographs.store.image_table import ImageTable
from radiographs.store.pixel_store import write_store
from radiographs.store.pixels import Pixels, dtype_of
from radiographs.warnings import IngestWarning

__all__ = [
    "ArchiveSource",
    "FolderSource",
    "ImageWithText",
    "IngestOptions",
    "IngestProgress",
    "IngestSummary",
    "PhantomSource",
    "ingest",
    "run",
]

_PULSE_SECONDS = 0.25
_DICOM = "the PatientID of DICOM files"

Read = TypeVar("Read")


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
        self.total_images = len(listing.images) + num_bad(listing.dropped)
        check_classes(image.label for image in listing.images)
        check_few_bad(self.dropped, self.total_images)

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
        self.warnings += formats_of_classes([file.label for file in files], headers)
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
            allow = self.options.allow_burned_in_annotation
            return _with_files(some, [checked(each, allow) for each in reader.headers(some)])

        good: list[tuple[ListedImage, ImageHeader]] = []
        num_seen = 0
        for results in in_order(headers, files, self.num_workers, reader.close):
            good += self._without_dropped(results)
            num_seen += len(results)
            yield IngestProgress("headers", num_seen, len(files))
        return [file for file, _ in good], [result for _, result in good]

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
        patients, unknown = patients_of_files(files, facts)
        files, contradictory = pseudonymised(files, patients, self.options.key)
        self.warnings += unknown + contradictory
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
                    tops.append(prepared.top)
                    out.write(prepared.stored.tobytes())
                num_seen += len(results)
                yield IngestProgress("decoding", num_seen, len(files))
        return images, tops

    def _without_dropped(self, results: list[Read | DroppedFile]) -> list[Read]:
        """Keep what could be read; refuse the whole as soon as too much could not."""
        dropped = [result for result in results if isinstance(result, DroppedFile)]
        if dropped:
            self.dropped += dropped
            check_few_bad(self.dropped, self.total_images)
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
            table = split_table(images, found, self.options.key)
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

    def _look_at_warnings(self, images: list[PreparedImage]) -> None:
        """Refuse the set for its warnings where that was asked for, before anything is kept."""
        self.warnings += warnings.left_out(file.code for file in self.dropped)
        if self.options.burned_in_text == "keep":
            self.warnings += warnings.burned_in_text(len(_with_text(images)))
        if self.options.strict:
            warnings.refuse(self.warnings)

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


def _with_text(images: list[PreparedImage]) -> list[ImageWithText]:
    """List the images that text is burnt into, by name."""
    found = (image for image in images if image.num_places)
    return sorted(ImageWithText(shortened(each.file.name), each.num_places) for each in found)
