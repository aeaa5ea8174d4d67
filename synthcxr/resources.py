"""The service's resources as the client sees them.

Each view keeps the fields it does not know, so an older client reads a newer service.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from synthcxr.errors import JobFailed


class View(BaseModel):
    """One resource as the service describes it."""

    model_config = ConfigDict(extra="allow", frozen=True, protected_namespaces=())


class Progress(View):
    """How far a running job has come.

    Attributes:
        phase: What the job does now, such as `autoencoder` or `sampling`.
        images_seen: Images trained on, sampled or ingested so far.
        total_images: How many there will be, where that is known.
        fraction: Share of the job that is done, from 0 to 1.
        images_per_second: Present speed.
        eta_seconds: Estimated time to the end.
        expected_seconds: Time the whole job takes, as measured before a training began.
        plan: The stages of a training: `stage`, `images`, `images_per_second`, `seconds`.
    """

    phase: str | None = None
    images_seen: int | None = None
    total_images: int | None = None
    fraction: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    expected_seconds: float | None = None
    plan: list[dict[str, Any]] = Field(default_factory=list)


class JobProblem(View):
    """Why a job failed.

    Attributes:
        errors: What is at fault, each with its `detail`, where the caller may know.
    """

    code: str = "unknown"
    detail: str = ""
    errors: list[dict[str, Any]] = Field(default_factory=list)


class JobResult(View):
    """The one thing that a finished job made."""

    dataset_id: str | None = None
    model_id: str | None = None
    synthetic_set_id: str | None = None


class Job(View):
    """A piece of work the service accepted."""

    id: str
    kind: str
    state: str
    done: bool = False
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    attempt: int = 0
    queue_position: int | None = None
    progress: Progress | None = None
    metrics: dict[str, Any] | None = None
    request: dict[str, Any] = Field(default_factory=dict)
    result: JobResult | None = None
    error: JobProblem | None = None
    warnings: list[str] = Field(default_factory=list)

    @property
    def dataset_id(self) -> str:
        """The dataset that an ingest makes or a training reads."""
        return str((self.result and self.result.dataset_id) or self.request["dataset_id"])

    @property
    def model_id(self) -> str:
        """The model that a training made or a generation samples."""
        return str((self.result and self.result.model_id) or self.request["model_id"])

    @property
    def synthetic_set_id(self) -> str:
        """The set that a generation made."""
        return str(self.result and self.result.synthetic_set_id)

    @property
    def made_id(self) -> str | None:
        """The identifier of what the job made; None where it made nothing."""
        if self.result is None:
            return None
        made = self.result
        return made.synthetic_set_id or made.model_id or made.dataset_id

    def raise_unless_succeeded(self) -> None:
        """Raise where the job ended without a result.

        Raises:
            JobFailed: The job failed or was cancelled.
        """
        if self.state == "succeeded":
            return
        error = self.error
        raise JobFailed(
            self.id,
            self.state,
            error.code if error else None,
            error.detail if error else None,
            [str(each.get("detail", "")) for each in error.errors] if error else (),
        )


class ScoredImage(View):
    """How likely a model finds one image.

    Attributes:
        score: As one of its label, or of the most likely class.
        percentile: Of that score among the class's held-out images.
        margin: The score of its label less the highest of any other class.
        problem: Why there is none of these, with `code` and `detail`.
    """

    file: str
    label: str | None = None
    most_likely: str | None = None
    score: float | None = None
    percentile: float | None = None
    margin: float | None = None
    by_class: dict[str, Any] | None = None
    problem: dict[str, Any] | None = None


class Scores(View):
    """What a score job found."""

    model_id: str
    kind: str
    held_out: dict[str, Any] = Field(default_factory=dict)
    images: list[ScoredImage] = Field(default_factory=list)


class Event(View):
    """One line of a job's log."""

    sequence: int
    kind: str
    at: datetime | None = None
    data: dict[str, Any] = Field(default_factory=dict)


class EventPage(View):
    """Lines of a job's log, oldest first."""

    items: list[Event]


class DatasetWarning(View):
    """What an ingest found that its user should look at.

    Attributes:
        num_images: How many images it is about.
    """

    code: str
    detail: str = ""
    num_images: int = 0


class DroppedFile(View):
    """A file that was left out of a dataset.

    Attributes:
        file: Its name in the source; None without the scope private:read.
    """

    file: str | None = None
    reason: str = ""
    code: str


class ImageWithText(View):
    """An image of a dataset that legible text is burnt into.

    Attributes:
        file: Its name in the source; None without the scope private:read.
        num_places: Places at which text was found in it.
    """

    file: str | None = None
    num_places: int


class Dataset(View):
    """A set of real or phantom images that models may be trained on.

    Attributes:
        classes: By label, `images`; with the scope private:read also how many are in which split,
            which are None without it.
        fingerprint: None without the scope private:read.
        version: Keyed hash of the fingerprint, for publication.
        dropped: The first files that were left out.
        dropped_counts: How many files were left out, by code.
        summary: What else the ingest found.
        warnings: What to look at before the dataset is used.
    """

    id: str
    name: str | None = None
    state: str
    classes: dict[str, Any] = Field(default_factory=dict)
    image_size: int | None = None
    fingerprint: str | None = None
    version: str | None = None
    dropped: list[DroppedFile] = Field(default_factory=list)
    dropped_counts: dict[str, int] = Field(default_factory=dict)
    summary: dict[str, Any] = Field(default_factory=dict)
    warnings: list[DatasetWarning] = Field(default_factory=list)
    created_at: datetime | None = None


class Model(View):
    """A trained model."""

    id: str
    family: str
    dataset_id: str | None = None
    classes: list[str] = Field(default_factory=list)
    image_size: int | None = None
    images_seen: int | None = None
    created_at: datetime | None = None
    card: dict[str, Any] = Field(default_factory=dict)


class Plan(View):
    """Whether a set can pass, by the numbers of patients and of images.

    Attributes:
        reasons: Why it cannot, in sentences.
        remedies: What may help.
        class_counts: Counts with which a set can; None where these can, or none can.
        num_examined: Images that are examined, those beyond the request included.
    """

    can_pass: bool
    reasons: list[str] = Field(default_factory=list)
    remedies: list[str] = Field(default_factory=list)
    class_counts: dict[str, int] | None = None
    num_examined: int = 0


class Verdict(View):
    """The verdict of the gate on a set.

    Attributes:
        outcome: passed, passed_filtered, refused or inconclusive.
        code: Why it is refused or inconclusive.
        num_filtered: Images that were dropped and drawn anew.
        reasons: Why, in sentences.
        remedies: What may help, in sentences.
        min_detectable_copy_rate: The smallest share of copies that the examination finds.
    """

    outcome: str
    code: str | None = None
    num_filtered: int = 0
    reasons: list[str] = Field(default_factory=list)
    remedies: list[str] = Field(default_factory=list)
    min_detectable_copy_rate: float | None = None

    @property
    def released(self) -> bool:
        """Whether the set may be released."""
        return self.outcome.startswith("passed")

    def __str__(self) -> str:
        detail = self.code or self.num_filtered
        return f"{self.outcome}({detail})" if detail else self.outcome


class SyntheticSet(View):
    """A generated set.

    Attributes:
        verdict: Whether the set is released, and why.
        class_counts: Images per class.
        unlabelled_counts: Images of no class, by kind: mixture, interpolation.
    """

    id: str
    model_id: str | None = None
    num_images: int | None = None
    class_counts: dict[str, int] = Field(default_factory=dict)
    unlabelled_counts: dict[str, int] = Field(default_factory=dict)
    verdict: Verdict
    created_at: datetime | None = None


class Findings(View):
    """What the gate found of each image of a set.

    Attributes:
        seed: Of the request.
        examination: Every figure of the examination.
        released: The images of the set: `drawn`, its place among all that were drawn, and of what.
        flagged: Images that lie too near to real ones.
    """

    synthetic_set_id: str
    seed: int | None = None
    examination: dict[str, Any] = Field(default_factory=dict)
    released: list[dict[str, Any]] = Field(default_factory=list)
    flagged: list[dict[str, Any]] = Field(default_factory=list)


class Approval(View):
    """One person's approval of a set.

    Attributes:
        by: Who, as the audit log names them.
    """

    by: str
    at: datetime


class Approvals(View):
    """The approvals of a set.

    Attributes:
        required: How many different people the operator asks for.
        complete: Whether as many have approved.
        items: Oldest first; each person once.
    """

    required: int
    complete: bool
    items: list[Approval] = Field(default_factory=list)


class SigningKey(View):
    """A public key that sets are signed with.

    Attributes:
        id: sha256 of the key (DER), in hex.
        pem: The key.
        current: Whether new sets are signed with it.
    """

    id: str
    pem: str
    current: bool = False


class SigningKeys(View):
    """The public keys that sets are signed with, the current one first."""

    items: list[SigningKey]


class ServiceVersion(View):
    """Which service answers."""

    name: str = ""
    version: str


class ApiKey(View):
    """What is known of an API key.

    Attributes:
        shown: The first characters of its secret, to recognise it by.
        earlier_expires_at: Until when the secret before the last rotation is accepted.
        last_used_at: To the minute.
    """

    id: str
    name: str
    tenant: str | None = None
    scopes: list[str] = Field(default_factory=list)
    shown: str | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    expires_at: datetime | None = None
    earlier_expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class IssuedKey(ApiKey):
    """An API key with its secret, which the service shows once."""

    secret: str = Field(repr=False)


class Webhook(View):
    """A system of one's own that messages are sent to.

    Attributes:
        events: Which messages; empty for all.
        earlier_expires_at: Until when messages are signed with the secret before as well.
        disabled_at: Since when nothing is sent any more.
    """

    id: str
    url: str
    events: list[str] = Field(default_factory=list)
    created_at: datetime | None = None
    created_by: str | None = None
    earlier_expires_at: datetime | None = None
    disabled_at: datetime | None = None
    disabled_reason: str | None = None


class IssuedWebhook(Webhook):
    """A webhook with its secret, which the service shows once."""

    secret: str = Field(repr=False)


class WebhookDelivery(View):
    """A message on its way to a webhook.

    Attributes:
        id: The header `webhook-id`, the same at every attempt.
        state: pending, delivered or dead.
        last_status: HTTP status of the last answer.
        last_error: Why the last attempt failed.
    """

    id: str
    webhook_id: str
    type: str
    state: str
    created_at: datetime | None = None
    num_attempts: int = 0
    next_attempt_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_status: int | None = None
    last_error: str | None = None
    body: str = ""


class Removed(View):
    """A record that a deletion removed, with its files."""

    kind: str
    id: str
    num_files: int | None = None
    num_bytes: int | None = None


class Kept(View):
    """What a deletion left, and why."""

    kind: str
    id: str
    why: str


class Deletion(View):
    """A deletion of a dataset or model.

    Attributes:
        finished_at: None while files may be left; the service removes them by itself.
        receipt: The same under the service's signature; None until it is finished.
    """

    id: str
    kind: str
    target: str
    cascade: bool = False
    requested_by: str | None = None
    created_at: datetime | None = None
    finished_at: datetime | None = None
    removed: list[Removed] = Field(default_factory=list)
    kept: list[Kept] = Field(default_factory=list)
    receipt: dict[str, Any] | None = None


class AuditEntry(View):
    """One entry of the audit log."""

    sequence: int
    at: datetime
    actor: str
    action: str
    target: str | None = None
    outcome: str
    origin: str | None = None


class Page(View):
    """One page of a list; `next_cursor` is absent on the last."""

    items: list[dict[str, Any]]
    next_cursor: str | None = None
