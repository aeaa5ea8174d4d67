"""The manifest, `synthcxr-manifest/1`: what a set is, and every file it is made of.

`describe` says what is known of the set; the writer adds the files. Nothing in it may depend on the
clock or the host, and no seed may stand in it, since a seed and the weights regenerate an image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from pydantic import JsonValue

from radiographs.splits.keyed_hash import keyed_hash
from release.gate.public_result import Part
from release.package.archive import Member
from release.report.schema import DatasetSummary, ExaminationCount, ModelSummary, Report
from release.sample_spec import Origins, SampleSpec, count_by_class
from release.utility.results import Utility
from synthcxr.package_format import MANIFEST_FORMAT

RELEASED = (
    "Synthetic images, not for diagnosis. The set passed the tests that its report names. A pass "
    "bounds these attacks, not every attack."
)
RESEARCH_ONLY = (
    "Synthetic images, not for diagnosis. The tests could not decide whether the set copies real "
    "images. Do not release it outside the institution that holds these."
)


class ClassCounts(Part):
    """What became of the images of one class, or of one kind of image that is of no class.

    Attributes:
        requested: Images requested.
        generated: Images generated in all rounds.
        rejected: Images that the gate dropped.
        released: Images in the package.
    """

    requested: int
    generated: int
    rejected: int
    released: int


class Description(Part):
    """What the manifest says beside the list of files.

    Attributes:
        synthetic_set_id: The set, named by its request.
        notice: What a reader must know first.
        service_version: Version of synthcxr that made it.
        versions: Versions of the packages that decide the bytes.
        request: What was requested, with hashed seeds.
        dataset: The real images that the model was trained on.
        model: The model.
        sampler: How it was sampled.
        classes: Per label, what became of its images.
        unlabelled: The same per kind of image of no class.
        gate: The gate's public answer: verdict, version, policy digest, power, controls, findings.
        earlier_releases: Sets that were released before, of datasets with the same patients, by id.
        examination: Which of its model's examined sets it is.
        utility: None where it was not measured.
        limitations: What is known not to hold, in sentences.
    """

    synthetic_set_id: str
    notice: str
    service_version: str
    versions: Mapping[str, str]
    request: Mapping[str, JsonValue]
    dataset: DatasetSummary
    model: ModelSummary
    sampler: Mapping[str, JsonValue]
    classes: Mapping[str, ClassCounts]
    unlabelled: Mapping[str, ClassCounts]
    gate: Mapping[str, JsonValue]
    earlier_releases: tuple[str, ...]
    examination: ExaminationCount
    utility: Utility | None
    limitations: tuple[str, ...]


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
        return self.origin.class_label


def describe(
    report: Report,
    request: Mapping[str, Any],
    origins: Origins,
    earlier_releases: Sequence[str],
    hashing_key: bytes,
) -> Description:
    """Describe a set whose images are packaged.

    Args:
        report: What was measured of it.
        request: The generate request, as JSON values.
        origins: What its images were sampled from.
        earlier_releases: Sets that were released before, of datasets with the same patients.
        hashing_key: Hashes seeds.
    """
    requested = request["class_counts"], _requested_of_no_class(request)
    made, lost, kept = map(count_by_class, (origins.generated, origins.rejected, origins.released))
    of_class, of_none = (
        {
            name: ClassCounts(
                requested=number,
                generated=made[k][name],
                rejected=lost[k][name],
                released=kept[k][name],
            )
            for name, number in wanted.items()
        }
        for k, wanted in enumerate(requested)
    )
    shown = report.model_dump(mode="json")
    for figures in ("histograms", "membership"):  # the report alone draws these
        del shown["gate"][figures]
    return Description(
        synthetic_set_id=report.set.id,
        notice=RELEASED if report.verdict.is_released else RESEARCH_ONLY,
        service_version=version("synthcxr"),
        versions={name: version(name) for name in ("torch", "pillow")},
        request=_without_seeds(request, hashing_key),
        dataset=report.dataset,
        model=report.model,
        sampler=request["sampler"],
        classes=of_class,
        unlabelled=of_none,
        gate={"verdict": shown["verdict"], **shown["gate"]},
        earlier_releases=tuple(earlier_releases),
        examination=report.set.examination,
        utility=report.utility,
        limitations=report.limits,
    )


def hashed_seed(key: bytes, seed: int) -> str:
    """Identify a seed without disclosing it: HMAC-SHA256 in hexadecimal.

    Equal seeds have equal hashes, and nobody without the key can test guesses.

    Args:
        key: The secret under which the service's datasets are split.
        seed: Of an image or of a set.
    """
    return keyed_hash(key, "seed", str(seed)).hex()


def manifest(description: Description, files: Iterable[Mapping[str, Any]]) -> bytes:
    """Write the manifest as JSON, a line per file.

    Args:
        description: What the caller knows of the set.
        files: A line per file, see `listed`; the images first, in their order.
    """
    head = json.dumps(
        {"format": MANIFEST_FORMAT, **description.model_dump(mode="json")},
        indent=1,
        ensure_ascii=False,
    )
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


def _requested_of_no_class(request: Mapping[str, Any]) -> dict[str, int]:
    """Count the images of no class that were requested, by kind."""
    requested = {
        "mixture": sum(mixture["count"] for mixture in request.get("mixtures", ())),
        "interpolation": sum(way["steps"] for way in request.get("interpolate", ())),
    }
    return {kind: number for kind, number in requested.items() if number}


def _without_seeds(request: Mapping[str, Any], key: bytes) -> dict[str, JsonValue]:
    """Return what was requested, with hashed seeds."""
    interpolations: list[JsonValue] = [
        {
            **{name: value for name, value in each.items() if not name.endswith("_seed")},
            "from_seed_hash": hashed_seed(key, each["from_seed"]),
            "to_seed_hash": hashed_seed(key, each["to_seed"]),
        }
        for each in request.get("interpolate", [])
    ]
    return {
        "class_counts": request["class_counts"],
        "mixtures": request.get("mixtures", []),
        "interpolate": interpolations,
        "seed_hash": hashed_seed(key, request["seed"]),
    }
