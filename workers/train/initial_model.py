"""What a training starts from: a model of this service, or a base that the package ships."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from models import bases
from models.family import Family
from models.snapshot import WEIGHTS
from models.training.checkpoints import file_digest
from models.warm_start import TooLittleFits, carried_over, start_from
from service.domain.errors import (
    ArtifactMissing,
    DatasetNotFound,
    InitFromUnavailable,
    ModelNotFound,
    PrivacyUnavailable,
)
from service.domain.model_card import WarmStart
from service.domain.records import Dataset, Model
from service.domain.requests import PHANTOMS, PublicData, TrainRequest
from workers.runtime.attempt import Attempt
from workers.train.private_twin import private_twin


@dataclass(frozen=True)
class InitialModel:
    """What a training starts from.

    Attributes:
        name: `mdl_...`, or a base's, such as `base:ldm-64`.
        folder: Of its snapshot.
        public_data: All that it learned from, where all of it is public; empty otherwise.
        inherited: The private datasets whose images its weights carry along.
        public_pixels: The pixel store of the public images that it was trained on; None for a
            base, whose images are phantoms, and where anything is private.
    """

    name: str
    folder: str
    public_data: tuple[PublicData, ...]
    inherited: tuple[str, ...] = ()
    public_pixels: str | None = None

    @classmethod
    def of(cls, attempt: Attempt, request: TrainRequest) -> Self | None:
        """Find what a train job starts from; None where the weights begin at random.

        Raises:
            ModelNotFound: The model was deleted meanwhile.
            ArtifactMissing: Its files are gone.
            PrivacyUnavailable: It was to be public, and learned from images that another dataset
                has as private ones.
        """
        if request.init_from is None:
            return None
        if request.initial_model is None:
            return cls(request.init_from, str(bases.folder_of(request.init_from)), (PHANTOMS,))
        model = attempt.records.catalog.model(request.initial_model)
        if not attempt.artifacts.exists(model.snapshot.folder):
            raise ArtifactMissing.named(model.id)
        twins = dict(_contradicted(attempt, model)) if model.public_data else {}
        if twins and request.privacy_terms:
            raise PrivacyUnavailable.at("/init_from", _not_public(model.id, twins))
        taints = tuple(twins) or model.taints
        inherited = tuple(each for each in taints if each != request.dataset_id)
        folder = str(attempt.artifacts.path(model.snapshot.folder))
        pixels = _public_pixels(attempt, model) if request.privacy_terms else None
        return cls(model.id, folder, () if twins else model.public_data, inherited, pixels)

    def begin(self, model: Family[Any, Any], classes: tuple[str, ...]) -> None:
        """Give an untrained model its weights, as far as they fit.

        Raises:
            InitFromUnavailable: Hardly any of them do.
        """
        try:
            start_from(model, classes, Path(self.folder))
        except TooLittleFits as error:
            raise InitFromUnavailable.at("/init_from", f"{self.name}: {error}") from error

    def described(self, model: Family[Any, Any], classes: tuple[str, ...]) -> WarmStart:
        """Say for its card what a model took over."""
        folder = Path(self.folder)
        return WarmStart(
            init_from=self.name,
            weights_sha256=file_digest(folder / WEIGHTS),
            public_data=self.public_data,
            **asdict(carried_over(model, classes, folder)),
        )


def public_data(
    dataset: Dataset, initial: InitialModel | None, *, contradicted: bool = False
) -> tuple[PublicData, ...]:
    """List all that a model learned from, where all of it is public; nothing otherwise.

    Args:
        dataset: What it was trained on.
        initial: What its training started from.
        contradicted: Whether patients of the dataset are in a private one as well.
    """
    own = None if contradicted else dataset.public_data
    if own is None or (initial and not initial.public_data):
        return ()
    earlier = initial.public_data if initial else ()
    return tuple(dict.fromkeys((*earlier, own)))


def _contradicted(attempt: Attempt, model: Model) -> Iterator[tuple[str, str]]:
    """Find the public datasets, of those that a model learned from, that are private ones too.

    Yields:
        The dataset and the private one, for each as far as it is still there.
    """
    catalog = attempt.records.catalog
    while True:
        with suppress(DatasetNotFound):
            if twin := private_twin(attempt, catalog.dataset(model.dataset_id)):
                yield model.dataset_id, twin
        start = model.card.warm_start
        if start is None or start.init_from.startswith(bases.PREFIX):
            return
        try:
            model = catalog.model(start.init_from)
        except ModelNotFound:
            return


def _not_public(model_id: str, twins: Mapping[str, str]) -> str:
    named = "; ".join(f"{public} and {private}" for public, private in twins.items())
    return (
        f"Model {model_id} learned from images that were declared public, and many of their "
        f"patients are in a private dataset as well ({named}). The privacy budget would not "
        "account for them. "
        "Start from a base, or delete the dataset of the two that is not what it says."
    )


def _public_pixels(attempt: Attempt, model: Model) -> str:
    dataset = attempt.records.catalog.dataset(model.dataset_id)
    if dataset.artifact is None or not attempt.artifacts.exists(dataset.artifact.key):
        raise ArtifactMissing.named(dataset.id)
    return str(attempt.artifacts.path(dataset.artifact.key))
