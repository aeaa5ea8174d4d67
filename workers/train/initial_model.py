"""What a training starts from: a model of this service, or a base that the package ships."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from models import bases
from models.family import Family
from models.snapshot import WEIGHTS
from models.training.checkpoints import file_digest
from models.warm_start import TooLittleFits, carried_over, start_from
from service.domain.errors import ArtifactMissing, InitFromUnavailable
from service.domain.model_card import WarmStart
from service.domain.records import Dataset, Model
from service.domain.requests import PHANTOMS, PublicData, TrainRequest
from workers.runtime.attempt import Attempt


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
        """
        if request.init_from is None:
            return None
        if request.initial_model is None:
            return cls(request.init_from, str(bases.folder_of(request.init_from)), (PHANTOMS,))
        model = attempt.records.catalog.model(request.initial_model)
        if not attempt.artifacts.exists(model.snapshot.folder):
            raise ArtifactMissing.named(model.id)
        inherited = tuple(each for each in model.taints if each != request.dataset_id)
        folder = str(attempt.artifacts.path(model.snapshot.folder))
        pixels = _public_pixels(attempt, model) if request.privacy_terms else None
        return cls(model.id, folder, model.public_data, inherited, pixels)

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


def public_data(dataset: Dataset, initial: InitialModel | None) -> tuple[PublicData, ...]:
    """List all that a model learned from, where all of it is public; nothing otherwise.

    Args:
        dataset: What it was trained on.
        initial: What its training started from.
    """
    own = dataset.public_data
    if own is None or (initial and not initial.public_data):
        return ()
    earlier = initial.public_data if initial else ()
    return tuple(dict.fromkeys((*earlier, own)))


def _public_pixels(attempt: Attempt, model: Model) -> str:
    dataset = attempt.records.catalog.dataset(model.dataset_id)
    if dataset.artifact is None or not attempt.artifacts.exists(dataset.artifact.key):
        raise ArtifactMissing.named(dataset.id)
    return str(attempt.artifacts.path(dataset.artifact.key))
