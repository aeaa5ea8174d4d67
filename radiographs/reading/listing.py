"""What a layout finds: images with their labels, and files that are left out."""

from __future__ import annotations

from dataclasses import dataclass, field

from radiographs.errors import ImageCode, UnreadableImage
from radiographs.quoting import shortened
from radiographs.reading.file_tree import FileTree
from radiographs.warnings import IngestWarning

# Files that are left out and were not expected to be images of the set.
NOT_BAD = {
    *("unlabelled", "outside_layout", "rare_findings", "other_view", "labels_contradict"),
    "burned_in_text",
}


@dataclass(frozen=True)
class ListedImage:
    """A file that should be an image.

    Args:
        name: Path in the tree.
        label: Its class.
        patient_id: Whose image it is; None where unknown.
        other_ids: Further names of the same patient.
    """

    name: str
    label: str
    patient_id: str | None = None
    other_ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class DroppedFile:
    """A file that was left out of the set, and why.

    Args:
        file: Its name, quoted.
        code: Stable name of the reason.
        reason: What is wrong and what to do; it quotes nothing of the file.
    """

    file: str
    code: ImageCode
    reason: str

    @classmethod
    def of(cls, image: ListedImage, problem: UnreadableImage) -> DroppedFile:
        """Leave out a file that cannot be read."""
        return cls(shortened(image.name), problem.code, problem.reason)

    @property
    def is_bad(self) -> bool:
        """Whether it should have been an image of the set."""
        return self.code not in NOT_BAD


@dataclass(frozen=True)
class Listing:
    """What a layout found.

    Args:
        images: To be read, in the order of their names.
        dropped: Files that are left out.
        warnings: What to look at.
        layout: What the set was read as, for people.
        patient_source: What says whose image it is, for people; None where nothing does.
        leaves_out_rare: Whether classes of too few patients are left out rather than a reason to
            refuse the set: in public sets each combination of findings is a class.
        tree: What holds the images, where it is not the tree that was listed.
    """

    images: list[ListedImage]
    dropped: list[DroppedFile]
    warnings: list[IngestWarning] = field(default_factory=list)
    layout: str = ""
    patient_source: str | None = None
    leaves_out_rare: bool = False
    tree: FileTree | None = None
