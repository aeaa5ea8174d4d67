"""What a generate job works with: the records, the model and what its set is evaluated with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from models.snapshot import Snapshot
from release.features.extractors import Extractor
from release.gate.context import PrivacyClaim
from release.gate.policy import Policy
from service.domain.catalog_ports import Catalog
from service.domain.errors import ArtifactMissing, DatasetGone, DatasetNotFound, ModelNotFound
from service.domain.records import Dataset, Model
from service.domain.release_rules import check_examinations
from service.domain.requests import PHANTOMS, GenerateRequest
from workers.generate.feature_extractors import requested_extractors
from workers.generate.gate_assets import GateAssetCache, GateAssets
from workers.generate.model_cache import ModelCache
from workers.generate.prior_releases import PriorSets
from workers.runtime.attempt import Attempt
from workers.runtime.device import choose_device

POLICY = Policy()


@dataclass(frozen=True, eq=False)
class Inputs:
    """What is asked for, and what it is made and evaluated with.

    Attributes:
        request: The generate request, its classes in the model's order.
        model: The record of the model.
        dataset: The record of what the model was trained on.
        snapshot: The model itself.
        assets: The real images, the gate and the classifier.
        extractors: Networks that the set is compared by besides the classifier.
        prior: The earlier sets that count in the evaluation.
        max_sets: How many sets of the model may be examined.
        learned_elsewhere: Whether the model also learned from images that `assets` do not hold.
    """

    request: GenerateRequest
    model: Model
    dataset: Dataset
    snapshot: Snapshot
    assets: GateAssets
    extractors: Sequence[Extractor]
    prior: PriorSets
    max_sets: int
    learned_elsewhere: bool = False

    @property
    def image_size(self) -> int:
        """Side of the set's images, in pixels."""
        return self.request.upscale or self.model.image_size

    @property
    def claim(self) -> PrivacyClaim | None:
        """The differential privacy that the model claims."""
        claimed = self.model.card.differential_privacy
        return PrivacyClaim(claimed.epsilon, claimed.delta) if claimed else None


def load(attempt: Attempt, request: GenerateRequest, models: ModelCache) -> Inputs:
    """Gather what the job works with, from the process's caches where it is there.

    Raises:
        ArtifactMissing, DatasetGone, ExaminationsSpent, ExtractorUnavailable: See the error tree.
    """
    extractors = list(requested_extractors(attempt, request))
    model = attempt.records.catalog.model(request.model_id)
    dataset = _dataset_of(attempt, model)
    snapshot = snapshot_of(attempt, model, models)
    tenant = attempt.job.tenant
    prior = PriorSets.of(attempt.records, model, dataset, request.synthetic_set_id, tenant)
    max_sets = attempt.settings.max_examinations_per_model
    check_examinations(model.id, prior.number, max_sets)
    assets = assets_of(attempt, model, request.upscale)
    return Inputs(
        request,
        model,
        dataset,
        snapshot,
        assets,
        extractors,
        prior,
        max_sets,
        learned_elsewhere(attempt.records.catalog, model),
    )


def learned_elsewhere(catalog: Catalog, model: Model) -> bool:
    """Say whether a model learned from images that are not searched with those of its dataset.

    Private datasets of the models before it are, and phantoms show no text. So these are public
    images, and whatever a deleted model learned from.
    """
    start = model.card.warm_start
    while start and start.init_from.startswith("mdl_"):
        if start.public_data:  # all that the models before it learned from
            return start.public_data != (PHANTOMS,)
        try:
            start = catalog.model(start.init_from).card.warm_start
        except ModelNotFound:
            return True
    return False


def assets_of(attempt: Attempt, model: Model, upscale: int | None = None) -> GateAssets:
    """Return what a model's sets are examined with, from the process's cache where it is there.

    Args:
        attempt: Its artifacts hold the real images.
        model: The model.
        upscale: Side to which it enlarges the images, in pixels; None where it does not.

    Raises:
        ArtifactMissing, DatasetGone, TooFewPatients: See the error tree.
    """
    dataset, inherited = _dataset_of(attempt, model), _inherited_by(attempt, model)
    size = upscale or model.image_size
    return GateAssetCache.shared().get(attempt, dataset, size, POLICY, inherited)


def _dataset_of(attempt: Attempt, model: Model) -> Dataset:
    try:
        return attempt.records.catalog.dataset(model.dataset_id)
    except DatasetNotFound as error:
        raise DatasetGone(f"{DatasetGone.__doc__} It was {model.dataset_id}.") from error


def _inherited_by(attempt: Attempt, model: Model) -> list[Dataset]:
    """Find the other datasets whose copies a model's sets are searched for.

    Raises:
        DatasetGone: One was deleted; that it was learned from is not undone by that.
    """
    found = []
    for dataset_id in model.inherited:
        try:
            found.append(attempt.records.catalog.dataset(dataset_id))
        except DatasetNotFound as error:
            raise DatasetGone.inherited(model.id, dataset_id) from error
    return found


def snapshot_of(attempt: Attempt, model: Model, models: ModelCache) -> Snapshot:
    """Return a trained model, from the process's cache where it is there.

    Raises:
        ArtifactMissing: Its weights are gone.
    """
    weights = attempt.artifacts.path(model.snapshot.folder) / model.snapshot.name
    if not weights.exists():
        raise ArtifactMissing.named(model.id)
    return models.snapshot(weights, model.snapshot.sha256, choose_device())
