"""What may be asked for: the fields of requests, as openapi.yaml describes them.

What is left out or None is left to the service, whose defaults openapi.yaml names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

Fit = Literal["pad", "crop", "stretch"]
BurnedInText = Literal["keep", "mask", "drop"]
SetFormat = Literal["png", "npz", "webdataset", "dicom"]
ReportExtent = Literal["quick", "full"]


class Public(TypedDict):
    """That images are public.

    Attributes:
        licence: Under which licence.
        source: Where they are published.
    """

    licence: str
    source: str


class IngestOptions(TypedDict, total=False):
    """How images become a dataset.

    Attributes:
        name: For people.
        image_size: Side of the stored images in pixels: 64, 128, 256 or 512.
        fit: How an image that is not square becomes square.
        bit_depth: Bits of a stored pixel: 8 or 16.
        strict: Refuse the images for any warning.
        allow_burned_in_annotation: Keep DICOM files that say that text is burned into them.
        burned_in_text: What becomes of legible text in an image.
        public: Declares the images public, so that models may learn from them in the open.
    """

    name: str | None
    image_size: int | None
    fit: Fit | None
    bit_depth: int | None
    strict: bool | None
    allow_burned_in_annotation: bool | None
    burned_in_text: BurnedInText | None
    public: Public | None


class DicomwebQuery(TypedDict):
    """Images of one class on a DICOMweb server.

    Attributes:
        label: The class.
        attributes: Search terms by DICOM keyword.
        accession_numbers: Studies.
        limit: At most so many images.
    """

    label: str
    attributes: NotRequired[Mapping[str, str]]
    accession_numbers: NotRequired[Sequence[str]]
    limit: NotRequired[int]


class DicomwebSource(TypedDict):
    """Images of a DICOMweb server.

    Attributes:
        server: Its name in the service's settings.
        queries: Which images are of which class.
    """

    server: str
    queries: Sequence[DicomwebQuery]


class Budget(TypedDict, total=False):
    """How long to train: exactly one of seconds and images.

    Attributes:
        seconds: Wall-clock time, 5 to 86,400.
        images: Images to see, with repetition.
        until: `memorisation` ends the training before it memorises its images; by default so for
            small private datasets.
    """

    seconds: int
    images: int
    until: Literal["memorisation"]


class DifferentialPrivacy(TypedDict):
    """A bound on what a model discloses about any one patient.

    Attributes:
        epsilon: Privacy loss, 0.1 to 10; less is more private.
        delta: Probability that the bound does not hold.
        max_grad_norm: Bounds what one patient can change.
        method: `mixture` or `dp_sgd`; by default the one that the family has.
    """

    epsilon: float
    delta: NotRequired[float]
    max_grad_norm: NotRequired[float]
    method: NotRequired[str]


class Privacy(TypedDict):
    """What is promised to the patients behind the images."""

    differential_privacy: DifferentialPrivacy


class TrainOptions(TypedDict, total=False):
    """How to train.

    Attributes:
        image_size: Side in pixels; by default the dataset's own, at most 256.
        preset: What the config starts from: `standard`, or `tiny` for trials.
        config: Hyper-parameters that replace the preset's; openapi.yaml explains each.
        num_devices: GPUs that share each batch.
        seed: The same seed gives the same model on the same kind of machine.
        privacy: By default nothing is promised by construction.
        init_from: A model (`mdl_...`) or a base (`base`, `base:ldm-64`) to start from.
        labels: Your own words about the job.
    """

    image_size: int | None
    preset: str | None
    config: Mapping[str, object] | None
    num_devices: int | None
    seed: int | None
    privacy: Privacy | None
    init_from: str | None
    labels: Mapping[str, str] | None


class PreviewColumn(TypedDict, total=False):
    """How the images of one column of a preview are drawn.

    Attributes:
        seed: Columns of equal seeds show images that were drawn from equal noise; 0 by default.
        sampler: Options of the family's sampler, such as name, num_steps and guidance.
    """

    seed: int
    sampler: Mapping[str, object]


class PreviewOptions(TypedDict, total=False):
    """What a preview shows beside its columns.

    Attributes:
        classes: The classes to show; by default all of the model.
        images_per_class: Rows of each picture, at most 8.
        labels: Your own words about the job.
    """

    classes: Sequence[str] | None
    images_per_class: int | None
    labels: Mapping[str, str] | None


class Mixture(TypedDict):
    """Images that lie between classes.

    Attributes:
        weights: How much of each class, two at least; they add up to 1.
        count: How many images.
    """

    weights: Mapping[str, float]
    count: int


class Interpolation(TypedDict):
    """Images on the way between two seeds, of a class or of a mixture.

    Attributes:
        label: The class; or give `weights`.
        weights: How much of each class.
        from_seed: The first image's own seed.
        to_seed: The last image's own seed.
        steps: How many images, both ends included.
    """

    label: NotRequired[str]
    weights: NotRequired[Mapping[str, float]]
    from_seed: int
    to_seed: int
    steps: int


class GenerateOptions(TypedDict, total=False):
    """What a set holds: `class_counts` or `balance`, `mixtures`, `interpolate`; one at least.

    Attributes:
        class_counts: Images per class.
        balance: Choose counts that balance the dataset's classes.
        mixtures: Images that lie between classes.
        interpolate: Images on the way between two seeds.
        seed: The same seed gives the same set.
        sampler: Options of the family's sampler, such as name, num_steps and guidance.
        upscale: Side in pixels to which the model's second stage enlarges the images.
        format: What the images are packaged as beside PNG.
        report: `full` measures utility too, which takes minutes.
        strict: Refuse a set that cannot pass, instead of warning of it.
        labels: Your own words about the job.
    """

    class_counts: Mapping[str, int] | None
    balance: bool | None
    mixtures: Sequence[Mixture] | None
    interpolate: Sequence[Interpolation] | None
    seed: int | None
    sampler: Mapping[str, object] | None
    upscale: int | None
    format: SetFormat | None
    report: ReportExtent | None
    strict: bool | None
    labels: Mapping[str, str] | None
