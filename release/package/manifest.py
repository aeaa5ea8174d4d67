"""The manifest, `synthcxr-manifest/3`: what a set is, and every file it is made of.

The caller says what it knows of the set (`Description`); the writer adds the files. Nothing in it
may depend on the clock or the host, and no seed may stand in it: see `release.package.hashing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from release.package.archive import Member
from release.samples import ClassSample, SampleSpec

MANIFEST_FORMAT = "synthcxr-manifest/3"


class ClassCounts(TypedDict):
    """What became of the images of one class, or of one kind of image that is of no class.

    Attributes:
        requested: Images asked for.
        generated: Images drawn.
        rejected: Images that the gate dropped.
        released: Images in the package.
    """

    requested: int
    generated: int
    rejected: int
    released: int


class DatasetSummary(TypedDict):
    """The real images that the model learned from.

    Attributes:
        version: Keyed hash of the dataset version (`radiographs.keyed_hash.published_version`).
        classes: Per label `{"images": n}`, rounded (`hashing.rounded_count`).
    """

    version: str
    classes: Mapping[str, Mapping[str, int]]


class ModelSummary(TypedDict):
    """The model that drew the images.

    Attributes:
        id: As the service names it.
        family: vae, gan or ldm.
        image_size: Side of an image, in pixels.
        config_sha256: Digest of its hyper-parameters.
        snapshot_sha256: Digest of its weights.
        public_pretraining: What public images it learned from before, None for none.
        differential_privacy: epsilon, delta and unit where it was trained so, None otherwise.
    """

    id: str
    family: str
    image_size: int
    config_sha256: str
    snapshot_sha256: str
    public_pretraining: str | None
    differential_privacy: Mapping[str, Any] | None


class Description(TypedDict):
    """What the manifest says beside the list of files; JSON values only.

    Attributes:
        synthetic_set_id: The set, named by its request.
        notice: What a reader must know first.
        service_version: Version of synthcxr that made it.
        versions: Versions of the packages that decide the bytes.
        request: What was asked, with hashed seeds.
        dataset: The real images behind it.
        model: What drew it.
        sampler: How it was drawn.
        classes: Per label, what became of its images.
        unlabelled: The same per kind of image of no class.
        gate: The gate's public answer: version, policy digest, verdict, power, controls, findings;
            None where no gate judged the set.
        earlier_releases: Sets that were released before, of datasets with the same patients, by id.
        examination: Which of its model's examined sets it is, `number`, and how many there may be,
            `at_most`.
        utility: Summary of what the images are good for, None where it was not measured.
        limitations: What is known not to hold, in sentences.
    """

    synthetic_set_id: str
    notice: str
    service_version: str
    versions: Mapping[str, str]
    request: Mapping[str, Any]
    dataset: DatasetSummary
    model: ModelSummary
    sampler: Mapping[str, Any]
    classes: Mapping[str, ClassCounts]
    unlabelled: Mapping[str, ClassCounts]
    gate: Mapping[str, Any] | None
    earlier_releases: Sequence[str]
    examination: Mapping[str, int]
    utility: Mapping[str, Any] | None
    limitations: Sequence[str]


@dataclass(frozen=True, slots=True)
class PackagedImage:
    """An image in the package.

    Attributes:
        index: Its number in the set, which is also its name.
        origin: What it was drawn from.
        member: Its PNG file.
    """

    index: int
    origin: SampleSpec
    member: Member

    @property
    def label(self) -> str | None:
        """Its class, None for an image of no class."""
        return self.origin.label if isinstance(self.origin, ClassSample) else None


def require_complete(description: Description) -> None:
    """Refuse a description that leaves something out.

    Raises:
        ValueError: A field is missing; the message names it.
    """
    missing = sorted(Description.__required_keys__ - description.keys())
    if missing:
        raise ValueError(f"The manifest needs {', '.join(missing)}; say None where there is none.")


def manifest(description: Description, files: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the manifest as JSON, a line per file.

    Args:
        description: What the caller knows of the set.
        files: A line per file, see `listed`; the images first, in their order.
    """
    head = json.dumps({"format": MANIFEST_FORMAT, **description}, indent=1, ensure_ascii=False)
    lines = (json.dumps(line, ensure_ascii=False).encode() for line in files)
    opening = head.removesuffix("\n}").encode() + b',\n "files": [\n  '
    return opening + b",\n  ".join(lines) + b"\n ]\n}\n"


def listed(member: Member, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest's line of a file.

    Args:
        member: The file.
        described: Its kind, and of an image what `SampleSpec.described` says.
    """
    return {
        "path": member.path,
        "bytes": member.num_bytes,
        "sha256": member.sha256,
        **described,
    }
