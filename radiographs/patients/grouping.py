"""Which images of a dataset are of one patient, and which of them the service has met before.

Images belong together that are copies or near-duplicates of each other, that carry one patient's
name, or that the ledger knows as one patient's. A patient keeps number and split through all
datasets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from radiographs.duplicates.descriptor import Descriptor
from radiographs.duplicates.groups import Groups
from radiographs.duplicates.near_duplicates import COPY_AGREEMENT, near_duplicates
from radiographs.patients.ledger import Ledger
from radiographs.prepared_image import PreparedImage
from radiographs.splits.keyed_hash import KEY_BYTES, keyed_hash
from radiographs.splits.split import TRAINED, Split

UNKNOWN = -1  # the split of a patient who was never split


@dataclass(frozen=True)
class Identified:
    """The patients of a dataset's images.

    Args:
        groups: Number of each image's patient in this dataset, from 0.
        identities: Number of each image's patient in all datasets. Where a new image shows two
            known patients to be one, the images of a group have several.
        splits: Split that each image brings from earlier datasets, or `UNKNOWN`; one for a group.
        num_exact_duplicates: Images whose stored pixels equal an earlier one's.
        num_near_duplicates: Other images that show what an earlier one shows.
        num_conflicts: Groups that join patients of different splits.
        copies: Number of what each image is a copy of: equal, or changed so little that it is one
            radiograph and not another one of the patient.
        learned: What the ledger is to remember, but for the splits.
    """

    groups: NDArray[np.int64]
    identities: NDArray[np.uint64]
    splits: NDArray[np.int8]
    num_exact_duplicates: int
    num_near_duplicates: int
    num_conflicts: int
    copies: NDArray[np.int64]
    learned: Learned

    def of(self, kept: NDArray[np.bool_]) -> Identified:
        """Return what holds of the images that are kept; the numbers of what was found stay."""
        _, groups = np.unique(self.groups[kept], return_inverse=True)
        identities = self.identities[kept]
        return replace(
            self,
            groups=groups.astype(np.int64),
            identities=identities,
            splits=self.splits[kept],
            copies=self.copies[kept],
            learned=self.learned.of(kept, set(identities.tolist())),
        )

    def to_remember(self, splits: NDArray[np.int8]) -> Ledger:
        """Return what the ledger is to remember, once every image has its split."""
        new = self.learned.images
        return Ledger(
            marks=_stacked([self.learned.marks[k] for k in new]),
            descriptors=self.learned.descriptors,
            identities=self.identities[new],
            splits=splits[new],
            patient_marks=_stacked(list(self.learned.patients)),
            patient_identities=np.array(list(self.learned.patients.values()), np.uint64),
            links=np.array(self.learned.links, np.uint64).reshape(-1, 2),
        )


@dataclass(frozen=True)
class Learned:
    """What a dataset adds to the ledger.

    Args:
        images: The first image of each unknown descriptor.
        marks: Of all images.
        descriptors: Of `images`.
        patients: Number of each newly named patient, by the mark of the name.
        links: Numbers that are one patient's.
    """

    images: list[int]
    marks: list[bytes]
    descriptors: Descriptor
    patients: dict[bytes, np.uint64]
    links: list[tuple[np.uint64, np.uint64]]

    def of(self, kept: NDArray[np.bool_], identities: set[int]) -> Learned:
        """Return what is learned from the images that are kept, who have these numbers."""
        place = np.cumsum(kept) - 1
        stay = [k for k, image in enumerate(self.images) if kept[image]]
        return Learned(
            images=[int(place[self.images[k]]) for k in stay],
            marks=[mark for mark, here in zip(self.marks, kept, strict=True) if here],
            descriptors=self.descriptors[stay],
            patients={
                m: number for m, number in self.patients.items() if int(number) in identities
            },
            links=self.links,
        )


def identify(
    images: Sequence[PreparedImage], ledger: Ledger, key: bytes
) -> Generator[tuple[int, int], None, Identified]:
    """Find out whose images these are.

    Args:
        images: In an order that their content decides.
        ledger: What is known of earlier ones.
        key: That marks and numbers are made under.

    Yields:
        How many new images have been compared with all others, of how many.
    """
    steps = _Identification(images, ledger, key)
    steps.join_copies()
    yield from steps.join_near_duplicates()
    steps.join_patients()
    return steps.result()


@dataclass
class _Identification:
    images: Sequence[PreparedImage]
    ledger: Ledger
    key: bytes
    touched: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    num_near: int = 0

    def __post_init__(self) -> None:
        num_images = len(self.images)
        self.marks = [keyed_hash(self.key, "image", image.look) for image in self.images]
        row_of = {mark.tobytes(): row for row, mark in enumerate(self.ledger.marks)}
        self.known, roots = _roots(self.ledger)
        self.root_of_row = roots[np.searchsorted(self.known, self.ledger.identities)]
        self.roots = roots
        # the images, then a place for each number that the ledger knows
        self.joined = Groups(num_images + len(self.known))
        self.copies = Groups(num_images)
        self.own_row = [row_of.get(mark) for mark in self.marks]
        for image, row in enumerate(self.own_row):
            if row is not None:
                self._touch(image, row)

    def _touch(self, image: int, row: int) -> None:
        """Let an image belong to the patient of a ledger's row."""
        self.touched[image].add(row)
        self.joined.join(image, len(self.images) + int(self.root_of_row[row]))

    def join_copies(self) -> None:
        digests = [image.digest for image in self.images]
        self.num_exact = self.joined.join_equal(digests)
        self.copies.join_equal(digests)
        self.copies.join_equal(self.marks)
        self.num_near += self.joined.join_equal(self.marks) - _num_twins(digests, self.marks)

    def join_near_duplicates(self) -> Generator[tuple[int, int]]:
        """Compare every new image with all new ones and all that the ledger knows."""
        first_of = {mark: k for k, mark in reversed(list(enumerate(self.marks)))}
        new = (k for k in first_of.values() if self.own_row[k] is None)
        # an order that the store's size, depth and fit do not change
        self.new = sorted(new, key=lambda k: self.images[k].look)
        descriptors = _descriptors([self.images[k].descriptor for k in self.new])
        self.new_descriptors = descriptors
        everything = np.concatenate([descriptors, self.ledger.descriptors])
        near: set[int] = set()
        num_new = len(self.new)
        image_of_row = {row: k for k, row in enumerate(self.own_row) if row is not None}
        for found in near_duplicates(everything, num_new):
            copies = (found.agreement >= COPY_AGREEMENT).tolist()
            for (first, second), copy in zip(found.pairs.tolist(), copies, strict=True):
                one, row = self.new[first], second - num_new
                if row < 0:
                    other: int | None = self.new[second]
                    self.joined.join(one, self.new[second])
                    near.add(second)
                else:
                    other = image_of_row.get(row)
                    self._touch(one, row)
                if copy and other is not None:
                    self.copies.join(one, other)
            yield found.num_seen, num_new
        self.num_near += len(near)

    def join_patients(self) -> None:
        names = [image.file.patient_id for image in self.images]
        self.joined.join_equal(names)
        self.patient_marks = [
            [] if name is None else [bytes.fromhex(each) for each in (name, *image.file.other_ids)]
            for name, image in zip(names, self.images, strict=True)
        ]
        self.number_of_patient: dict[bytes, np.uint64] = {
            mark.tobytes(): number
            for mark, number in zip(
                self.ledger.patient_marks, self.ledger.patient_identities, strict=True
            )
        }
        self.names_hold = self._names_hold()
        if self.names_hold:
            first_row = {number: row for row, number in _reversed(self.ledger.identities)}
            for image, marks in enumerate(self.patient_marks):
                for mark in marks:
                    number = self.number_of_patient.get(mark)
                    if number is not None:
                        self._touch(image, first_row[int(number)])

    def _names_hold(self) -> bool:
        """Say whether names mean the patients that they meant before.

        Pseudonyms that were drawn anew would join everybody with everybody. Known images decide,
        by the patient whom the ledger has under their name.
        """
        agree = 0
        for image, marks in enumerate(self.patient_marks):
            row = self.own_row[image]
            known = (self.number_of_patient.get(mark) for mark in marks)
            number = next((each for each in known if each is not None), None)
            if row is not None and number is not None:
                place = np.searchsorted(self.known, number)
                agree += 1 if self.roots[place] == self.root_of_row[row] else -1
        return agree >= 0

    def result(self) -> Identified:
        num_images = len(self.images)
        groups = self.joined.numbers()[:num_images]
        rows_of: dict[int, set[int]] = defaultdict(set)
        for image, rows in self.touched.items():
            rows_of[int(groups[image])] |= rows
        identities = self._identities(groups, rows_of)
        inherited = np.full(int(groups.max()) + 1, UNKNOWN, np.int8)
        num_conflicts = 0
        links = []
        for group, rows in rows_of.items():
            splits = set(self.ledger.splits[list(rows)].tolist())
            inherited[group] = settled(splits)
            num_conflicts += len(splits) > 1
            places = sorted({int(self.root_of_row[row]) for row in rows})
            links += [(self.known[places[0]], self.known[place]) for place in places[1:]]
        return Identified(
            groups=groups,
            identities=identities,
            splits=inherited[groups],
            num_exact_duplicates=self.num_exact,
            num_near_duplicates=self.num_near,
            num_conflicts=num_conflicts,
            copies=self.copies.numbers(),
            learned=Learned(
                images=self.new,
                marks=self.marks,
                descriptors=self.new_descriptors,
                patients=self._new_patients(identities),
                links=links,
            ),
        )

    def _identities(
        self, groups: NDArray[np.int64], rows_of: dict[int, set[int]]
    ) -> NDArray[np.uint64]:
        """Number each image: as its own rows are, as its group's are, or anew."""
        fresh = np.array(
            [int.from_bytes(keyed_hash(self.key, "identity", f.look)[:8]) for f in self.images],
            np.uint64,
        )
        number = np.full(int(groups.max()) + 1, np.iinfo(np.uint64).max, np.uint64)
        np.minimum.at(number, groups, fresh)
        for group, rows in rows_of.items():
            number[group] = self.ledger.identities[list(rows)].min()
        identities: NDArray[np.uint64] = number[groups]
        for image, rows in self.touched.items():
            own = self.own_row[image]
            identities[image] = self.ledger.identities[list(rows) if own is None else [own]].min()
        return identities

    def _new_patients(self, identities: NDArray[np.uint64]) -> dict[bytes, np.uint64]:
        if not self.names_hold:
            return {}
        return {
            mark: identities[image]
            for image, marks in reversed(list(enumerate(self.patient_marks)))
            for mark in marks
            if mark not in self.number_of_patient
        }


def settled(splits: set[int]) -> int:
    """Return the split of a group whose images bring these splits.

    One split stays. Patients who are now known as one but were split apart are neither members
    nor non-members of anything any more: where any of the splits is not trained on, they join the
    test split; where all are, the training outside the audit pool.
    """
    if len(splits) == 1:
        return next(iter(splits))
    return int(Split.TRAIN if splits <= set(TRAINED) else Split.TEST)


def _roots(ledger: Ledger) -> tuple[NDArray[np.uint64], NDArray[np.intp]]:
    """Return the ledger's numbers, sorted, and the place of the one that stands for each."""
    known = np.unique(ledger.identities)
    linked = Groups(len(known))
    for first, second in np.searchsorted(known, ledger.links).tolist():
        linked.join(first, second)
    group = linked.numbers()
    _, places = np.unique(group, return_index=True)
    return known, places[group] if len(known) else np.empty(0, np.intp)


def _reversed(identities: NDArray[np.uint64]) -> list[tuple[int, int]]:
    return list(reversed(list(enumerate(identities.tolist()))))


def _num_twins(digests: list[str], marks: list[bytes]) -> int:
    """Count the images whose descriptor and stored pixels both equal an earlier one's."""
    seen_digest: set[str] = set()
    seen_mark: set[bytes] = set()
    twins = 0
    for digest, mark in zip(digests, marks, strict=True):
        twins += digest in seen_digest and mark in seen_mark
        seen_digest.add(digest)
        seen_mark.add(mark)
    return twins


def _descriptors(some: list[Descriptor]) -> Descriptor:
    return np.stack(some) if some else Ledger.empty().descriptors


def _stacked(marks: list[bytes]) -> NDArray[np.uint8]:
    return np.frombuffer(b"".join(marks), np.uint8).reshape(-1, KEY_BYTES)
