"""Images that were fetched from a server, as a source of an ingest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from radiographs.errors import UnreadableImage
from radiographs.prepared_image import PreparedPixels, StoredForm
from radiographs.reading.image_header import ImageHeader
from radiographs.reading.labels import checked_label
from radiographs.reading.layouts import DroppedFile, ListedImage, Listing
from radiographs.reading.limits import ReadingLimits
from radiographs.reading.sources import FolderSource, Reader
from service.domain.errors import DicomwebOtherInstance
from workers.dicomweb.search import Instance

SUFFIX = ".dcm"


class FetchedImages(FolderSource):
    """Files of a folder, each named by its SOPInstanceUID.

    Args:
        folder: Where they are.
        labels: Every image that was asked for, and its class.
        failures: Why some of them are not there.
    """

    def __init__(
        self, folder: Path, labels: Mapping[Instance, str], failures: Mapping[Instance, str]
    ) -> None:
        super().__init__(folder)
        self._labels = labels
        self._failures = failures

    def listing(self) -> Listing:
        """Return the images by their classes, and those that could not be fetched."""
        for label in set(self._labels.values()):
            checked_label(label, "a label of the queries")
        images = [
            ListedImage(instance.uid + SUFFIX, label)
            for instance, label in self._labels.items()
            if instance not in self._failures
        ]
        dropped = [
            DroppedFile(instance.uid, "missing", f"It could not be fetched: {reason}.")
            for instance, reason in self._failures.items()
        ]
        return Listing(sorted(images, key=lambda image: image.name), dropped)

    def reader(self, limits: ReadingLimits) -> Reader:
        """Begin to read."""
        return _ComparingReader(super().reader(limits), self._labels)


class _ComparingReader:
    """Reads images, and refuses all where one is not the one that was asked for."""

    def __init__(self, reader: Reader, asked: Mapping[Instance, str]) -> None:
        self._reader = reader
        self._asked = {instance.uid + SUFFIX: instance for instance in asked}

    def headers(self, images: Sequence[ListedImage]) -> list[ImageHeader | UnreadableImage]:
        found = self._reader.headers(images)
        for image, header in zip(images, found, strict=True):
            if isinstance(header, ImageHeader) and header.dicom:
                asked = self._asked[image.name]
                if (header.dicom.study_uid, header.dicom.instance_uid) != (asked.study, asked.uid):
                    raise DicomwebOtherInstance(
                        "The DICOMweb server sent another image than it was asked for, perhaps of "
                        "another patient. Nothing of it is kept; let its operator look into it."
                    )
        return found

    def pixels(
        self, images: Sequence[ListedImage], form: StoredForm
    ) -> list[PreparedPixels | UnreadableImage]:
        return self._reader.pixels(images, form)

    def close(self) -> None:
        self._reader.close()
