"""What each kind of job is asked for: checked, completed by every default, and frozen.

`service.validation` makes these from what a client sent; workers read them. As JSON they exist in
the database and in answers of the API alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from service.domain.extractors import ExtractorIdentity

BitDepth = Literal[8, 16]
Fit = Literal["pad", "crop", "stretch"]
BurnedInText = Literal["keep", "mask", "drop"]
SetFormat = Literal["png", "npz", "webdataset", "dicom"]
ReportExtent = Literal["quick", "full"]


@dataclass(frozen=True, slots=True)
class PhantomSpec:
    """Radiographs to be drawn by the service itself.

    Attributes:
        class_counts: Images per class.
        image_size: Side of the drawn images, in pixels.
        seed: The same seed draws the same images.
    """

    class_counts: Mapping[str, int]
    image_size: int
    seed: int


@dataclass(frozen=True, slots=True)
class DicomwebQuery:
    """Images of one class, as a DICOMweb server finds them.

    Attributes:
        label: Their class.
        modality: Their modality is one of these.
        body_part: What BodyPartExamined is; None where it does not matter.
        study_date: A day YYYYMMDD, or a range with a hyphen; None for any.
        attributes: What other attributes are, by keyword; `*` and `?` stand for any characters.
        accession_numbers: Of the studies; empty where it does not matter.
        study_uids: The studies themselves; likewise.
    """

    label: str
    modality: tuple[str, ...]
    body_part: str | None = None
    study_date: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    accession_numbers: tuple[str, ...] = ()
    study_uids: tuple[str, ...] = ()

    @property
    def without_identifiers(self) -> "DicomwebQuery":
        """The query without what may name a patient or a study."""
        return replace(self, attributes={}, accession_numbers=(), study_uids=())


@dataclass(frozen=True, slots=True)
class DicomwebSource:
    """Images of a DICOMweb server.

    Attributes:
        server: Its name in the settings.
        queries: Each finds images of a class.
        max_instances: More images are refused rather than cut off.
    """

    server: str
    queries: tuple[DicomwebQuery, ...]
    max_instances: int

    @property
    def without_identifiers(self) -> "DicomwebSource":
        """The source without what may name a patient or a study."""
        return replace(self, queries=tuple(each.without_identifiers for each in self.queries))


@dataclass(frozen=True, slots=True)
class DatasetSource:
    """Where a dataset comes from: exactly one of these is set.

    Attributes:
        upload: Name of an uploaded ZIP.
        path: Folder or ZIP on the service's machine.
        phantom: Images to be drawn.
        dicomweb: Images to be fetched.
    """

    upload: str | None = None
    path: str | None = None
    phantom: PhantomSpec | None = None
    dicomweb: DicomwebSource | None = None

    @property
    def without_identifiers(self) -> "DatasetSource":
        """The source without what may name a patient or a study."""
        return replace(self, dicomweb=self.dicomweb and self.dicomweb.without_identifiers)


@dataclass(frozen=True, slots=True)
class PublicData:
    """Images that anybody may have, as whoever added them declared.

    Attributes:
        licence: Under which they are published.
        source: Where from.
    """

    licence: str
    source: str


PHANTOMS = PublicData("none is needed: no patient is behind them", "phantoms drawn by synthcxr")


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A dataset to be ingested.

    Attributes:
        dataset_id: The dataset, which exists already and waits for its pixels.
        name: The client's name for it.
        source: Where its images come from.
        image_size: Side of the stored pixels; None chooses it from the images.
        fit: How an image that is not square becomes square.
        bit_depth: 8 or 16; None takes that of the images.
        strict: Whether any warning is a refusal.
        allow_burned_in_annotation: Whether DICOM files are kept that say that text is burned in.
        burned_in_text: Whether legible text in images is kept, masked, or its image left out.
        public: What the client declared of images that are public; None where they are private.
    """

    dataset_id: str
    name: str
    source: DatasetSource
    image_size: int | None
    fit: Fit
    bit_depth: BitDepth | None
    strict: bool = False
    allow_burned_in_annotation: bool = False
    burned_in_text: BurnedInText = "keep"
    public: PublicData | None = None


@dataclass(frozen=True, slots=True)
class TrainingBudget:
    """How long to train: exactly one of images and seconds is set.

    Attributes:
        images: Training images to see, counted with repetition.
        seconds: Wall-clock time to spend.
        until: What ends the training before that; None where nothing does.
        memorisation_images: After how many images memorisation is expected; None likewise.
        earlier_images: Images of the same dataset that the model it starts from has seen, and those
            that this one started from.
    """

    images: int | None = None
    seconds: int | None = None
    until: Literal["memorisation"] | None = None
    memorisation_images: int | None = None
    earlier_images: int | None = None


@dataclass(frozen=True, slots=True)
class PrivacyTerms:
    """The differential privacy that is asked for, per patient.

    Attributes:
        epsilon: Privacy loss.
        delta: Probability with which the loss may be larger; None means 1 / (10 patients), whose
            number is known when the job runs.
        max_grad_norm: Clipping bound, relative to what public images need.
        method: One of the family's private methods.
    """

    epsilon: float
    delta: float | None
    max_grad_norm: float
    method: str


@dataclass(frozen=True, slots=True)
class Privacy:
    """What is promised to the patients behind the images."""

    differential_privacy: PrivacyTerms


@dataclass(frozen=True, slots=True)
class TrainRequest:
    """A training.

    Attributes:
        dataset_id: What to train on.
        family: A registered family.
        image_size: Side of the training images, in pixels.
        preset: What the config started from.
        config: The family's hyper-parameters, complete.
        budget: How long to train.
        seed: Of the weights and of the updates.
        num_devices: Processes that share each batch.
        privacy: None where nothing is promised by construction.
        init_from: The model or the base that it starts from; None for weights at random.
    """

    dataset_id: str
    family: str
    image_size: int
    preset: str
    config: Mapping[str, Any]
    budget: TrainingBudget
    seed: int
    num_devices: int = 1
    privacy: Privacy | None = None
    init_from: str | None = None

    @property
    def privacy_terms(self) -> PrivacyTerms | None:
        """The terms of differential privacy, where it was asked for."""
        return self.privacy.differential_privacy if self.privacy else None

    @property
    def initial_model(self) -> str | None:
        """The model of this service that it starts from, if any."""
        return self.init_from if (self.init_from or "").startswith("mdl_") else None


@dataclass(frozen=True, slots=True)
class Mixture:
    """Images that lie between classes.

    Attributes:
        weights: How much of each class, in the model's order; they add up to 1.
        count: How many images.
    """

    weights: Mapping[str, float]
    count: int


@dataclass(frozen=True, slots=True)
class Interpolation:
    """Images on the way from one seed to another, of one class or of one mixture.

    Attributes:
        from_seed: The first image's own seed.
        to_seed: The last image's own seed.
        steps: How many images, both ends included.
        label: The class; or
        weights: how much of each class.
    """

    from_seed: int
    to_seed: int
    steps: int
    label: str | None = None
    weights: Mapping[str, float] | None = None

    @property
    def class_weights(self) -> Mapping[str, float]:
        """How much of each class, whichever of the two was given."""
        return self.weights or {str(self.label): 1.0}


@dataclass(frozen=True, slots=True)
class GenerateRequest:
    """A synthetic set.

    Attributes:
        model_id: What draws it.
        dataset_id: What it is examined against; it cannot be deleted meanwhile.
        class_counts: Images per class, in the model's order, which numbers the images.
        mixtures: Images between classes.
        interpolate: Images on the way between two seeds.
        seed: Of the set.
        sampler: Options of the family's sampler, complete.
        format: What the images are packaged as beside PNG.
        report: Whether utility is measured as well.
        extractors: By name, the networks of the operator that the set is compared by.
        upscale: Side in pixels to which the images are enlarged; None leaves them as drawn.
        synthetic_set_id: The set that this request always yields; fixed when it is accepted, see
            `identifiers.synthetic_set_id`.
    """

    model_id: str
    dataset_id: str
    class_counts: Mapping[str, int]
    seed: int
    sampler: Mapping[str, Any]
    mixtures: tuple[Mixture, ...] = ()
    interpolate: tuple[Interpolation, ...] = ()
    format: SetFormat = "png"
    report: ReportExtent = "quick"
    extractors: Mapping[str, ExtractorIdentity] = field(default_factory=dict)
    upscale: int | None = None
    synthetic_set_id: str = ""

    @property
    def num_images(self) -> int:
        """How many images are drawn in all."""
        mixed = sum(mixture.count for mixture in self.mixtures)
        between = sum(way.steps for way in self.interpolate)
        return sum(self.class_counts.values()) + mixed + between


@dataclass(frozen=True, slots=True)
class PushRequest:
    """A released set to be sent to a DICOMweb server.

    Attributes:
        synthetic_set_id: The set.
        model_id: What drew it.
        dataset_id: What it was examined against.
        server: The server's name in the settings.
    """

    synthetic_set_id: str
    model_id: str
    dataset_id: str
    server: str


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Uploaded images to be scored by a model.

    Attributes:
        model_id: The model.
        dataset_id: What it was trained on, whose held-out images they are compared with.
        label: The class that the images are said to be of, where no folder says it.
        fit: How an image that is not square becomes square.
    """

    model_id: str
    dataset_id: str
    label: str | None = None
    fit: Fit = "pad"


@dataclass(frozen=True, slots=True)
class PrepareRequest:
    """What the sets of a model are examined with, to be learned before the first is asked for.

    Attributes:
        model_id: The model.
        dataset_id: What it was trained on.
    """

    model_id: str
    dataset_id: str


@dataclass(frozen=True, slots=True)
class PreviewColumn:
    """How the images of one column of a preview are drawn.

    Attributes:
        seed: Images of equal seeds are drawn from equal noise in every column.
        sampler: Options of the family's sampler, complete.
    """

    seed: int
    sampler: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PreviewRequest:
    """Images of a model side by side, for those alone who may see real images.

    Attributes:
        model_id: The model.
        dataset_id: What it was trained on.
        classes: Those that are shown, in the model's order.
        images_per_class: In each column.
        columns: From left to right.
    """

    model_id: str
    dataset_id: str
    classes: tuple[str, ...]
    images_per_class: int
    columns: tuple[PreviewColumn, ...]

    @property
    def num_images(self) -> int:
        """How many images are drawn in all."""
        return len(self.classes) * self.images_per_class * len(self.columns)


JobRequest = (
    IngestRequest
    | TrainRequest
    | GenerateRequest
    | PushRequest
    | ScoreRequest
    | PrepareRequest
    | PreviewRequest
)
