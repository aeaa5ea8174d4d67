"""From rows that name files to a listing of the images that are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from radiographs.errors import ImageCode, IngestRefused
from radiographs.quoting import printable, quoted, shortened
from radiographs.reading.file_index import FileIndex
from radiographs.reading.listing import DroppedFile, ListedImage, Listing
from radiographs.reading.tables.table import called, invalid
from radiographs.reading.views import lateral_views
from radiographs.warnings import IngestWarning

UNLABELLED_FOLDER = "unlabelled"  # beside a table: images that are meant to be of no class
_REASONS: dict[ImageCode, str] = {
    "unlabelled": "The table gives it no label, or one that says nothing (n/a, unknown, -).",
    "other_view": "It is a lateral view, and frontal ones are read.",
}
_MAX_LISTED = 10_000  # files that are not there, each by name


class LabelledRow(NamedTuple):
    """What a table says of one file.

    Args:
        file: Its path, as the table spells it.
        label: The image's class; empty where the table gives none.
        patient_id: Whose image it is; None where the table does not say.
        line: Where the row begins.
        left_out: Why the image is not to be used although it has a label.
        is_lateral: Whether it is said to be a lateral view, and used all the same.
    """

    file: str
    label: str
    patient_id: str | None
    line: int
    left_out: ImageCode | None = None
    is_lateral: bool = False


@dataclass
class LabelledRows:
    """Brings the rows of tables and the images of a tree together.

    Args:
        index: The files.
        may_name_others: Whether the table may name images that are not there: one of a public set
            names the whole set, of which people take a part.
    """

    index: FileIndex
    may_name_others: bool = False
    images: dict[str, ListedImage] = field(default_factory=dict)
    dropped: list[DroppedFile] = field(default_factory=list)
    num_rows: int = 0
    num_missing: int = 0
    num_loose: int = 0
    left_out: dict[str, ImageCode] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    lateral: set[str] = field(default_factory=set)
    _lines: dict[str, tuple[str, int, bool]] = field(default_factory=dict)
    _first_missing: list[str] = field(default_factory=list)

    def add(self, table: str, rows: Iterable[LabelledRow]) -> None:
        """Take the rows of a table.

        Raises:
            IngestRefused: labels_invalid, where an image gets two labels.
        """
        folder = table[: table.rfind("/") + 1]
        self.folders.append(folder)
        for row in rows:
            self.num_rows += 1
            match = self.index.image_names.find(printable(row.file), folder, row.label)
            if match is None or not self._takes(table, row, match.name, match.is_exact):
                self._miss(table, row)
                continue
            if row.left_out or not row.label:
                self.left_out[match.name] = row.left_out or "unlabelled"
            else:
                self.images[match.name] = ListedImage(match.name, row.label, row.patient_id)
                if row.is_lateral:
                    self.lateral.add(match.name)

    def _takes(self, table: str, row: LabelledRow, name: str, is_exact: bool) -> bool:
        """Say whether a row is the one of an image; it is where its path is the same or nearer."""
        earlier = self._lines.get(name)
        if earlier is None:
            self._lines[name] = (table, row.line, is_exact)
            self.num_loose += not is_exact
            return True
        first_table, first_line, was_exact = earlier
        if is_exact != was_exact:
            if is_exact:
                self.num_loose -= 1
                self.num_missing += 1
                self._lines[name] = (table, row.line, True)
            return is_exact
        image = self.images.get(name)
        if image is not None and (image.label, image.patient_id) == (row.label, row.patient_id):
            return True
        if first_table == table:
            problem = f"the file of this row was already labelled on line {first_line}"
            raise invalid(table, row.line, problem)
        raise IngestRefused(
            "labels_invalid",
            "Two tables say different things of one image: its label or its patient. Remove the "
            "one that is wrong, or make one labels.csv of both.",
            [f"{first_table}, line {first_line}, and {table}, line {row.line}"],
        )

    def _miss(self, table: str, row: LabelledRow) -> None:
        self.num_missing += 1
        if not self._first_missing:
            self._first_missing.append(row.file)
        if not self.may_name_others and len(self.dropped) < _MAX_LISTED:
            reason = (
                f"{called(table)} names it on line {row.line}, and no image file, or more than "
                "one, fits."
            )
            self.dropped.append(DroppedFile(quoted(row.file), "missing", reason))

    def listing(self, layout: str, patient_source: str | None) -> Listing:
        """Return what was found.

        Raises:
            IngestRefused: no_images, where none of the named files is there.
        """
        if not self._lines:
            raise self._none_there()
        if self.num_missing > _MAX_LISTED and not self.may_name_others:
            raise IngestRefused(
                "too_many_bad_files",
                f"The table names {self.num_rows:,} files and {self.num_missing:,} of them are not "
                "there. Leave out their rows, or add the files.",
            )
        table = "labels.csv" if layout == "labels.csv" else "The table"
        dropped = [*self.dropped, *self.index.dropped]
        for name in self.index.images:
            if name in self.left_out:
                code = self.left_out[name]
                dropped.append(DroppedFile(shortened(name), code, _REASONS[code]))
            elif name not in self.images and not self._is_meant_to_be_unlabelled(name):
                reason = f"{table} does not name it."
                dropped.append(DroppedFile(shortened(name), "unlabelled", reason))
        images = sorted(self.images.values(), key=lambda image: image.name)
        return Listing(images, dropped, self._warnings(), layout, patient_source)

    def _is_meant_to_be_unlabelled(self, name: str) -> bool:
        return any(name.startswith(f"{folder}{UNLABELLED_FOLDER}/") for folder in self.folders)

    def _none_there(self) -> IngestRefused:
        there = self.index.images[0] if self.index.images else None
        return IngestRefused(
            "no_images",
            f"The table names {self.num_rows:,} files, of which none is there; there are "
            f"{len(self.index.images):,} images of other names. Write the paths of these into it, "
            "relative to the table.",
            [
                *(f"The table names {quoted(name)!r}." for name in self._first_missing),
                *(f"There is {shortened(name)!r}." for name in [there] if name),
            ],
        )

    def _warnings(self) -> list[IngestWarning]:
        found = []
        if self.num_loose and not self.may_name_others:
            detail = (
                "The table spells the names of these images otherwise than they are (their case, "
                "suffix or folder); each was found, since exactly one fits."
            )
            found.append(IngestWarning("names_resolved", detail, self.num_loose))
        if self.may_name_others and self.num_missing:
            detail = f"The table names {self.num_missing:,} further images, which are not there."
            found.append(IngestWarning("rows_without_image", detail, self.num_missing))
        return [*found, *lateral_views(len(self.lateral & self.images.keys()), len(self.images))]
