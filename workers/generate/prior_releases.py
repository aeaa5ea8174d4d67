"""The earlier sets that count in the evaluation of the next one.

Whoever has the images of earlier releases can combine them with the next ones, whatever dataset
they were learned from: so sets are joined by the patients that models were trained on in both
datasets. And whoever was refused can ask again: so every examined set of the same model counts.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from release.cancellation import check_cancelled
from release.gate.set_neighbours import SetNeighbours
from service.domain.errors import ArtifactMissing
from service.domain.ports import ArtifactStore
from service.domain.record_ports import Records
from service.domain.records import Dataset, Model, SyntheticSet
from service.domain.release_rules import examination_number, sets_before
from workers.generate.gate_assets import GateAssets

KINDS = {"class", "mixture", "interpolation"}


@dataclass(frozen=True)
class PriorSets:
    """The earlier sets that count in the evaluation of a set.

    Attributes:
        number: Which of the sets of its model's line it is, from 1.
        names: The sets that count.
        tallies: What the gate counted of them.
        releases: Those that were released, of any model and tenant.
        disclosed: Of these, the ones of the set's own tenant; the others are not named.
    """

    number: int
    names: Sequence[str]
    tallies: Sequence[Mapping[str, Any]]
    releases: Sequence[SyntheticSet]
    disclosed: Sequence[str]

    @classmethod
    def of(cls, records: Records, model: Model, dataset: Dataset, set_id: str, tenant: str) -> Self:
        """Find them in the records of all tenants; one that comes later is noticed at the end.

        Args:
            records: Of all tenants.
            model: What draws the set.
            dataset: What it is examined against.
            set_id: The set.
            tenant: Whose it is.
        """
        of_model = records.releases.examined_line(model.id)
        before = sets_before(set_id, of_model, records.releases.released_examinations(dataset.id))
        names = [each.id for each in before]
        releases = [each for each in records.releases.releases(dataset.id) if each.id in names]
        own = records.of_tenant(tenant).releases.released_examinations(dataset.id)
        return cls(
            number=examination_number(set_id, of_model),
            names=names,
            tallies=[each.tally for each in before],
            releases=releases,
            disclosed=[each.id for each in own if each.id in names],
        )


def neighbours_of_prior_releases(
    artifacts: ArtifactStore, assets: GateAssets, releases: Sequence[SyntheticSet], size: int
) -> SetNeighbours | None:
    """Compare the images of earlier releases with the real ones; None where there are no images.

    Args:
        artifacts: Holds their files.
        assets: Keep what was found before.
        releases: Their records.
        size: Side of an image, in pixels; images of another size are scaled to it.

    Raises:
        ArtifactMissing: The files of a release are gone.
    """
    found = []
    for made in releases:
        assert made.zip is not None, "the images of a released set are kept"
        if not artifacts.exists(made.zip.key):
            raise ArtifactMissing.named(made.id)
        images = partial(_images, artifacts, made.zip.key, size)
        found.append(assets.neighbours_of(made.zip.sha256, images))
    return SetNeighbours.concatenated(found) if found else None


def _images(artifacts: ArtifactStore, key: str, size: int) -> NDArray[np.uint8]:
    """Read the images of a package, (n, size, size)."""
    images = []
    with zipfile.ZipFile(artifacts.path(key)) as archive:
        for line in json.loads(archive.read("manifest.json"))["files"]:
            if line["kind"] in KINDS:
                check_cancelled()
                image = Image.open(io.BytesIO(archive.read(line["path"])))
                images.append(np.asarray(image.resize((size, size), Image.Resampling.BOX)))
    return np.stack(images)
