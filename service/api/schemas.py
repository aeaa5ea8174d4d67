"""Request bodies: strict, and checked as far as that needs no record."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from models import registry
from service.api.examples import DATASET_ID, MODEL_ID

Id = Annotated[str, StringConstraints(min_length=1, max_length=40, pattern=r"^[a-z]+_[0-9a-z]+$")]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")
]
ImageSize = Literal[64, 128, 256]
Fit = Literal["pad", "crop", "stretch"]
BitDepth = Literal[8, 16]
Seed = Annotated[int, Field(ge=0, lt=2**63, description="The same seed gives the same result.")]
Labels = Annotated[
    dict[Name, Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]],
    Field(max_length=16, description="Your own words about the job; returned with it."),
]


def _of_any_family(options: Callable[[str], type[BaseModel]]) -> dict[str, Any]:
    """Show the options of every family; which of them apply is known once the family is."""
    shown = [(family, options(family).model_json_schema()) for family in registry.FAMILIES]
    return {"anyOf": [{**schema, "title": family} for family, schema in shown]}


class Strict(BaseModel):
    """A request body: unknown fields and lax types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class PhantomRequest(Strict):
    """Radiographs drawn by the service itself, with known ground truth."""

    class_counts: Annotated[
        dict[
            Literal["normal", "lobar_opacity", "cardiomegaly", "effusion"],
            Annotated[int, Field(ge=8, le=50_000)],
        ],
        Field(min_length=2, description="Images per class; two classes at least, eight each."),
    ]
    image_size: ImageSize = 128
    seed: Seed = 0


class IngestOptions(Strict):
    """How images become pixels of one size."""

    name: Name | None = None
    image_size: ImageSize | None = Field(
        None, description="Side of the stored pixels; by default chosen from the images."
    )
    fit: Fit = Field("pad", description="How an image that is not square becomes square.")
    bit_depth: BitDepth | None = Field(None, description="By default that of the images.")

    def options(self) -> dict[str, Any]:
        """Return how images become pixels, as the ingest job stores it."""
        return self.model_dump(include={"image_size", "fit", "bit_depth"})


class UploadForm(IngestOptions):
    """The fields of a multipart upload, which are text; `file` is read apart."""

    model_config = ConfigDict(
        strict=False,
        json_schema_extra={
            "properties": {
                "file": {"type": "string", "format": "binary", "description": "The ZIP."}
            },
            "required": ["file"],
        },
    )

    @field_validator("image_size", "bit_depth", mode="before")
    @classmethod
    def _number(cls, value: Any) -> Any:
        return int(value) if isinstance(value, str) and value.isdecimal() else value


class DatasetRequest(IngestOptions):
    """A dataset from a folder of the service's machine, or from the phantom generator."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "phantoms",
                    "phantom": {
                        "class_counts": {"normal": 200, "effusion": 120},
                        "image_size": 64,
                        "seed": 7,
                    },
                }
            ]
        }
    )

    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)] | None = None
    phantom: PhantomRequest | None = None
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.phantom is None):
            raise ValueError("Give exactly one of path and phantom.")
        return self


class Budget(Strict):
    """How long to train: exactly one of the two."""

    images: int | None = Field(None, description="Images to see, with repetition; 1 to 10^9.")
    seconds: int | None = Field(None, description="Wall-clock time; 5 to 86,400.")

    @model_validator(mode="after")
    def _one_measure(self) -> Self:
        if (self.images is None) == (self.seconds is None):
            raise ValueError("Give exactly one of images and seconds.")
        return self


class DifferentialPrivacy(Strict):
    """A bound on what a model can tell of any one patient; docs/differential-privacy.md."""

    epsilon: float = Field(
        ge=0.1,
        le=10,
        description="How much surer the model can make anybody that a patient's image was learned "
        "from: odds change by no more than exp(epsilon), but with probability delta. Less is "
        "more private.",
    )
    delta: float | None = Field(
        None,
        gt=0,
        le=0.001,
        description="At most 1 / images; by default 1 / (10 patients that are learned from).",
    )
    max_grad_norm: float = Field(
        1.0,
        ge=0.1,
        le=10,
        description="Bounds what one patient can change. For mixture: latents are clipped at so "
        "many times the radius that holds nine in ten of the public images. For dp_sgd: gradients "
        "are clipped at so many times the median length of public images' ones.",
    )
    method: Annotated[str, StringConstraints(max_length=40)] | None = Field(
        None,
        description="mixture (vae): an autoencoder that learns from drawn images alone, and noisy "
        "moments of each class's latents. dp_sgd (ldm): a model that learns from drawn images, and "
        "then by noisy gradients of the private ones. By default the one that the family knows.",
    )


class Privacy(Strict):
    """What is promised to the patients behind the images."""

    differential_privacy: DifferentialPrivacy


class TrainRequest(Strict):
    """A training."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset_id": DATASET_ID,
                    "family": "ldm",
                    "image_size": 64,
                    "budget": {"seconds": 240},
                    "seed": 1,
                }
            ]
        }
    )

    dataset_id: Id
    family: Annotated[str, StringConstraints(max_length=40)] = Field(description="vae, gan or ldm.")
    image_size: ImageSize | None = Field(None, description="By default the dataset's own.")
    preset: Annotated[str, StringConstraints(max_length=40)] = Field(
        "standard", description="What the config starts from: standard, or tiny for trials."
    )
    config: dict[str, Any] = Field(
        default_factory=dict,
        description="Hyper-parameters that replace the preset's.",
        json_schema_extra=_of_any_family(registry.config_class),
    )
    budget: Budget
    num_devices: int = Field(
        1,
        ge=1,
        le=64,
        description="GPUs that share each batch, a process for each; on a worker without GPUs up "
        "to 4 processes.",
    )
    seed: Seed = 0
    privacy: Privacy | None = Field(
        None, description="By default nothing is promised by construction: the gate tests."
    )
    labels: Labels = Field(default_factory=dict)


Weights = Annotated[
    dict[str, Annotated[float, Field(gt=0, le=1)]],
    Field(
        max_length=1000,
        description="How much of each class, two classes at least; adds up to 1.",
        json_schema_extra={"minProperties": 2},  # checked with the sum, to say what is meant
    ),
]


class Mixture(Strict):
    """Images that lie between classes; they carry no label."""

    weights: Weights
    count: int = Field(ge=1, le=1_000_000, description="How many images.")


class Interpolation(Strict):
    """The way from one image to another of the same class or mixture; its images carry no label."""

    label: str | None = Field(None, description="The class; or give weights.")
    weights: Weights | None = None
    from_seed: Seed = Field(
        description="The first image's own seed. Those of a set's images stand in its findings; "
        "any other number is the seed of some image too."
    )
    to_seed: Seed = Field(description="The last image's own seed.")
    steps: int = Field(ge=2, le=256, description="How many images, both ends included.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.label is None) == (self.weights is None):
            raise ValueError("Give exactly one of label and weights.")
        if self.from_seed == self.to_seed:
            raise ValueError("Give two different seeds.")
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, dict) else value


_Listed = Annotated[list[Interpolation], Field(max_length=1000)]
Interpolations = Annotated[
    _Listed, BeforeValidator(_listed, json_schema_input_type=Interpolation | _Listed)
]


class GenerateRequest(Strict):
    """A synthetic set: images of classes, images that lie between them, or both."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"model_id": MODEL_ID, "class_counts": {"normal": 100, "effusion": 100}, "seed": 1},
                {
                    "model_id": MODEL_ID,
                    "mixtures": [{"weights": {"normal": 0.6, "effusion": 0.4}, "count": 10}],
                    "interpolate": [
                        {"label": "effusion", "from_seed": 1, "to_seed": 2, "steps": 8}
                    ],
                },
            ]
        }
    )

    model_id: Id
    class_counts: Annotated[dict[str, int], Field(min_length=1, max_length=1000)] | None = Field(
        None, description="Images per class, 1 or more each."
    )
    balance: bool = Field(False, description="As many per class as make the dataset level.")
    mixtures: list[Mixture] = Field(
        default_factory=list, max_length=1000, description="Images that lie between classes."
    )
    interpolate: Interpolations = Field(
        default_factory=list, description="Ways from one image to another: one, or a list."
    )
    seed: Seed = 0
    sampler: dict[str, Any] = Field(
        default_factory=dict,
        description="Options of the family's sampler, such as name, num_steps and guidance.",
        json_schema_extra=_of_any_family(registry.sampler_class),
    )
    format: Literal["png", "npz", "webdataset", "dicom"] = Field(
        "png", description="What the images are packaged as beside PNG."
    )
    report: Literal["quick", "full"] = Field(
        "quick",
        description="full: also measure what the images are good for, by classifiers that learn "
        "from them, which takes minutes.",
    )
    labels: Labels = Field(default_factory=dict)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.class_counts is not None and self.balance:
            raise ValueError("Give class_counts or balance: true, not both.")
        if self.class_counts is None and not (self.balance or self.mixtures or self.interpolate):
            raise ValueError("Give class_counts, balance: true, mixtures or interpolate.")
        return self
