"""How likely a model finds images: what a score job makes, for the scope private:read alone.

A score discloses something of who was trained on: a model finds its training images more likely
than others where it remembers them.
"""

from collections.abc import Mapping
from dataclasses import dataclass

SCORES = "scores.json"
MAX_IMAGES = 1000
MAX_BYTES = 512 * 2**20  # of the images of one request
FORM_BYTES = 2**20  # of the form around them


def scores_folder(job_id: str) -> str:
    """Return the artifact that holds the scores of a job."""
    return f"scores/{job_id}"


@dataclass(frozen=True, slots=True)
class ClassScore:
    """How likely an image is as one of a class.

    Attributes:
        score: Higher is more likely.
        percentile: Share of the class's held-out images with a lower score, in percent, those of
            the same score counted half; None where the class has no held-out image.
    """

    score: float
    percentile: float | None


@dataclass(frozen=True, slots=True)
class ImageProblem:
    """Why an image has no scores.

    Attributes:
        code: A stable name.
        detail: What is wrong, in a sentence.
    """

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class ScoredImage:
    """One image.

    Attributes:
        file: Its name, as it was sent.
        label: The class that it was said to be of; None where nothing was said.
        most_likely: The class with the highest score.
        score: As one of its class; of the most likely class where it has none.
        percentile: Likewise. Low ones are of images unlike what the model learned.
        margin: The score of its label less the highest of any other class; None without a label or
            other class. Below 0 another class is more likely.
        by_class: As one of each class.
        problem: Why there are no scores; None where there are.
    """

    file: str
    label: str | None = None
    most_likely: str | None = None
    score: float | None = None
    percentile: float | None = None
    margin: float | None = None
    by_class: Mapping[str, ClassScore] | None = None
    problem: ImageProblem | None = None


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The held-out images of a class that percentiles refer to.

    Attributes:
        num_images: How many, one of each patient.
        median: Their median score, each as one of its own class.
    """

    num_images: int
    median: float | None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a score job found.

    Attributes:
        model_id: The model.
        kind: log_likelihood or evidence_lower_bound, in nats per pixel; or denoising_score, the
            negative mean squared error of the predicted noise.
        held_out: By class.
        images: In the order of their names.
    """

    model_id: str
    kind: str
    held_out: Mapping[str, HeldOut]
    images: tuple[ScoredImage, ...]
