"""Scores of images as answers."""

from typing import Literal

from pydantic import Field

from service import examples
from service.api.views.base import View, shown
from service.domain.json_form import as_json
from service.domain.scores import Scores


class ClassScoreView(View):
    """How likely an image is as one of a class."""

    score: float = Field(description="Higher is more likely.")
    percentile: float | None = Field(
        description="Share of the class's held-out images with a lower score, in percent."
    )


class ImageProblemView(View):
    """Why an image has no scores; the codes are those of files that an ingest leaves out."""

    code: str
    detail: str


class ScoredImageView(View):
    """One image."""

    file: str
    label: str | None = Field(description="The class that it was said to be of.")
    most_likely: str | None = Field(description="The class with the highest score.")
    score: float | None = Field(description="As one of its label, or of the most likely class.")
    percentile: float | None = Field(
        description="Likewise. Low ones are of images unlike what the model learned."
    )
    margin: float | None = Field(
        description="The score of its label less the highest of any other class; below 0 another "
        "class is more likely, so that the label is to be looked at."
    )
    by_class: dict[str, ClassScoreView] | None
    problem: ImageProblemView | None


class HeldOutView(View):
    """The held-out images that percentiles of a class refer to, one of each patient."""

    num_images: int
    median: float | None


class ScoresView(View):
    """What a score job found."""

    model_config = shown(examples.SCORES)

    model_id: str
    kind: Literal["log_likelihood", "evidence_lower_bound", "denoising_score"] = Field(
        description="log_likelihood and evidence_lower_bound are in nats per pixel; "
        "denoising_score is the mean squared error of the predicted noise, negative."
    )
    held_out: dict[str, HeldOutView]
    images: list[ScoredImageView]

    @classmethod
    def of(cls, scores: Scores) -> "ScoresView":
        """Show the scores of a job."""
        empty = dict.fromkeys(ScoredImageView.model_fields)
        fields = as_json(scores)
        return cls.model_validate(fields | {"images": [empty | each for each in fields["images"]]})
