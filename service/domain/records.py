"""Records of what jobs make: identifiers, checksums and summaries, never pixels or weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from release.gate.verdict import Verdict
from service.domain.model_card import ModelCard
from service.domain.requests import PHANTOMS, DatasetSource, PublicData


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A stored output.

    Attributes:
        key: Where it lies in the artifact store, such as `models/mdl_.../snapshot.safetensors`.
        sha256: Checksum in hex; of a dataset's folder, the dataset's fingerprint.
        num_bytes: Its size.
    """

    key: str
    sha256: str
    num_bytes: int

    @property
    def folder(self) -> str:
        """The folder that is published and pruned as one: the first two parts of the key."""
        return "/".join(self.key.split("/")[:2])

    @property
    def name(self) -> str:
        """Its file name."""
        return self.key.rpartition("/")[2]


class DatasetState(StrEnum):
    """Whether a dataset can be trained on."""

    INGESTING = "ingesting"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ClassSplit:
    """How many images of one class a dataset holds, and in which of its splits.

    Attributes:
        images: In all: train + holdout + test.
        train: Those that models learn from.
        included: Of train: the audit pool's images, included by a fair random bit per patient.
        holdout: The audit pool's other images, which the gate compares with.
        test: Kept for the utility test of finished sets.
    """

    images: int
    train: int
    included: int = 0
    holdout: int = 0
    test: int = 0


@dataclass(frozen=True, slots=True)
class DroppedFile:
    """A file that was left out of a dataset.

    Attributes:
        file: Its name inside the archive or folder, printable and at most 80 characters.
        reason: Why, in a sentence.
        code: Why, as a stable name.
    """

    file: str
    reason: str
    code: str


@dataclass(frozen=True, slots=True)
class DatasetWarning:
    """What an ingest found that its user should look at.

    Attributes:
        code: A stable name.
        detail: What was found, without names of files and contents of cells.
        num_images: How many images it is about.
    """

    code: str
    detail: str
    num_images: int


@dataclass(frozen=True, slots=True)
class ImageWithText:
    """An image of a dataset that text is burnt into.

    Attributes:
        file: Its name in the source.
        num_places: Places at which text was found in it.
    """

    file: str
    num_places: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """A private labelled set of radiographs, ingested to a pixel store.

    Attributes:
        id: Such as `ds_01kaj...`.
        name: The client's name for it.
        state: Whether it can be trained on.
        source: Where it came from.
        created_at: When it was submitted, UTC.
        job_id: The job that ingests it.
        classes: Images per class, in label order.
        image_size: Side of the stored pixels.
        bit_depth: 8 or 16.
        fingerprint: sha256 over pixels, labels and patient groups; never published.
        dropped: The first files left out; all of them are listed beside the pixels.
        dropped_counts: How many files were left out, by code.
        warnings: What to look at before the dataset is used.
        artifact: The pixel store, `datasets/<id>`.
        summary: Whatever else the ingest found out.
        version: Keyed hash of the fingerprint, the dataset's name in what is published; None until
            it is ingested.
        public: What the client declared of images that are public; None where they are private.
    """

    id: str
    name: str
    state: DatasetState
    source: DatasetSource
    created_at: datetime
    job_id: str
    classes: Mapping[str, ClassSplit] = field(default_factory=dict)
    image_size: int | None = None
    bit_depth: int | None = None
    fingerprint: str | None = None
    dropped: tuple[DroppedFile, ...] = ()
    dropped_counts: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[DatasetWarning, ...] = ()
    artifact: ArtifactRef | None = None
    summary: Mapping[str, Any] = field(default_factory=dict)
    version: str | None = None
    public: PublicData | None = None

    @property
    def public_data(self) -> PublicData | None:
        """What is public about its images: as declared, or that they are phantoms."""
        return PHANTOMS if self.source.phantom else self.public


@dataclass(frozen=True, slots=True)
class Model:
    """A trained model: it exists only once its training succeeded.

    Attributes:
        id: Such as `mdl_01kaj...`.
        family: vae, gan, ldm or ppca.
        dataset_id: What it was trained on.
        classes: The labels it can draw, in label order.
        image_size: Side of its images.
        config: Its frozen hyper-parameters.
        preset: The preset the config started from.
        images_seen: How long it was trained.
        snapshot: The averaged weights, `models/<id>/snapshot.safetensors`.
        job_id: The job that trained it.
        created_at: When it was finished, UTC.
        card: Figures of its training.
        deleted: Whether it was deleted, and only what must outlive it is left, see
            `deletion_rules.without_content`.
        inherited: Other datasets that its weights learned from, through the models that it started
            from: the private ones. Its sets are searched for copies of their images too.
        public_data: All that it learned from, where all of it is public; empty where anything is
            private.
    """

    id: str
    family: str
    dataset_id: str
    classes: tuple[str, ...]
    image_size: int
    config: Mapping[str, Any]
    preset: str
    images_seen: int
    snapshot: ArtifactRef
    job_id: str
    created_at: datetime
    card: ModelCard
    deleted: bool = False
    inherited: tuple[str, ...] = ()
    public_data: tuple[PublicData, ...] = ()

    @property
    def taints(self) -> tuple[str, ...]:
        """The private datasets that a model which starts from it inherits."""
        return () if self.public_data else (*self.inherited, self.dataset_id)


@dataclass(frozen=True, slots=True)
class SyntheticSet:
    """A labelled set of synthetic images, and what the gate found of it.

    Attributes:
        id: Fixed by the request, see `identifiers.synthetic_set_id`.
        model_id: What drew it.
        job_id: The job that made it first.
        num_images: How many images it holds in all; 0 where its images were not kept.
        class_counts: Images per class, in label order.
        zip: The archive, `synthetic-sets/<id>-<attempt>/set.zip`; None where the gate kept its
            images from being stored.
        manifest: Its table of contents, `manifest.json` beside it; None likewise.
        created_at: When it was finished, UTC.
        dataset_id: The dataset whose images it was examined against.
        verdict: What the gate found.
        report: The report page, `report.html`, with `report.json` beside it.
        findings: What only the scope private:read may see, `findings.json`.
        unlabelled_counts: Images that are of no class, by kind: mixture, interpolation.
        findings_read: Whether they have been asked for.
        withdrawn: Deleted by a client after its release. Its images are kept, out of reach, since
            whoever has them can put them together with later releases.
    """

    id: str
    model_id: str
    job_id: str
    num_images: int
    class_counts: Mapping[str, int]
    zip: ArtifactRef | None
    manifest: ArtifactRef | None
    created_at: datetime
    dataset_id: str
    verdict: Verdict
    report: ArtifactRef
    findings: ArtifactRef
    unlabelled_counts: Mapping[str, int] = field(default_factory=dict)
    findings_read: bool = False
    withdrawn: bool = False

    @property
    def artifacts(self) -> tuple[ArtifactRef, ...]:
        """All that is stored of it."""
        images = (each for each in (self.zip, self.manifest) if each)
        return (*images, self.report, self.findings)

    @property
    def stays_known(self) -> bool:
        """Whether deleting it leaves its record.

        It does where the set was released and where its findings were read. What its verdict says
        of its model stays known anyway, see `ExaminedSet`.
        """
        return self.released or self.findings_read

    @property
    def released(self) -> bool:
        """Whether it was released."""
        return self.verdict.released


@dataclass(frozen=True, slots=True)
class ExaminedSet:
    """That a set was examined, and what of it counts when others are.

    It outlives the set, its job and its dataset: a set that was refused, or that somebody deleted,
    is evidence about its model all the same.

    Attributes:
        id: The set's own.
        model_id: What drew it.
        dataset_id: The dataset whose images it was examined against.
        number: Which of its model's sets it was, from 1, in the order of their examination. A set
            that is made once more keeps its number.
        verdicts: What the gate found, each time that it found another thing; the last one stands.
        tally: What the gate counts of it in later examinations, as JSON. Private.
        created_at: When it was first examined, UTC.
    """

    id: str
    model_id: str
    dataset_id: str
    number: int
    verdicts: tuple[Verdict, ...]
    tally: Mapping[str, Any]
    created_at: datetime

    @property
    def verdict(self) -> Verdict:
        """What was found last."""
        return self.verdicts[-1]

    @property
    def released(self) -> bool:
        """Whether it was ever released."""
        return any(each.released for each in self.verdicts)

    @property
    def refused(self) -> bool:
        """Whether it was ever refused."""
        return any(each.outcome == "refused" for each in self.verdicts)


@dataclass(frozen=True, slots=True)
class IngestedDataset:
    """What an ingest made.

    Attributes:
        dataset: Ready to be trained on.
        trained_patients: The patients that models may be trained on, as signed 64-bit numbers that
            name the same patient in every dataset of this service.
    """

    dataset: Dataset
    trained_patients: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """What a training made."""

    model: Model


@dataclass(frozen=True, slots=True)
class GeneratedSet:
    """What a generation made, and what counts of it.

    Attributes:
        synthetic_set: The set.
        tally: What the gate counts of it in later examinations, as JSON.
        examined_after: The sets that its examination took into account.
    """

    synthetic_set: SyntheticSet
    tally: Mapping[str, Any] = field(default_factory=dict)
    examined_after: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class PushedSet:
    """What was sent to a DICOMweb server.

    Attributes:
        synthetic_set_id: The set.
        server: The server's name in the settings.
    """

    synthetic_set_id: str
    server: str


@dataclass(frozen=True, slots=True)
class ScoredImages:
    """Images that were scored; the scores are an artifact, see `domain.scores`.

    Attributes:
        model_id: The model that scored them.
    """

    model_id: str


@dataclass(frozen=True, slots=True)
class PreparedModel:
    """What a model's sets are examined with was learned; it lies beside its dataset's pixels.

    Attributes:
        model_id: The model.
    """

    model_id: str


@dataclass(frozen=True, slots=True)
class PreviewedModel:
    """Images of a model were drawn to be looked at; they are an artifact, see `domain.previews`.

    Attributes:
        model_id: The model.
    """

    model_id: str


JobOutput = (
    IngestedDataset
    | TrainedModel
    | GeneratedSet
    | PushedSet
    | ScoredImages
    | PreparedModel
    | PreviewedModel
)
