"""The Python client of a SynthCXR service."""

from __future__ import annotations

import base64
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import httpx
from httpx_sse import EventSource

from synthcxr import tokens
from synthcxr.connection import Connection
from synthcxr.errors import ServiceUnreachable
from synthcxr.packing import as_zip
from synthcxr.resources import (
    ApiKey,
    AuditEntry,
    Dataset,
    Deletion,
    Event,
    ImageWithText,
    IssuedKey,
    Job,
    Model,
    Page,
    SigningKey,
    SyntheticSet,
    View,
)
from synthcxr.tokens import token_for
from synthcxr.transfers import download
from synthcxr.verification import VerifiedSet, verify_set

DEFAULT_URL = tokens.DEFAULT_URL

# A long poll that asks for more than a second would make a progress bar stutter.
POLL_SECONDS = 1
# How long `wait` puts up with a service that is being restarted.
OUTAGE_SECONDS = 60.0

AnyView = TypeVar("AnyView", bound=View)


class Client:
    """Talk to a SynthCXR service.

    Example:
        with Client() as client:
            job = client.wait(client.train("ds_...", family="ldm", budget={"seconds": 300}).id)

    Args:
        base_url: Where the service answers; by default SYNTHCXR_URL, then the local one.
        token: An API key or a token of the identity provider, sent to this service alone; by
            default what `synthcxr.tokens.token_for` finds for it.
        timeout: How long one request may wait for bytes, in seconds.
        transport: Stands in for the network in tests.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        token: str | None = None,
        timeout: float = 60.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.base_url = base_url or os.environ.get("SYNTHCXR_URL") or DEFAULT_URL
        self._connection = Connection(
            self.base_url,
            token=lambda: token or token_for(self.base_url),
            timeout_seconds=timeout,
            transport=transport,
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._connection.close()

    # Datasets

    def upload_dataset(self, source: Path, **options: Any) -> Job:
        """Send a ZIP, or a folder packed into one, to be ingested.

        Args:
            source: A ZIP file or a folder on this machine.
            options: `name`, `image_size`, `fit`, `bit_depth`, `strict`, `burned_in_text`, `public`
                or `allow_burned_in_annotation`, as `POST /datasets` documents them.
        """
        form = {"name": source.stem} | {
            key: json.dumps(value) if isinstance(value, dict) else str(value)
            for key, value in _given(options).items()
        }
        with as_zip(source) as file:
            upload = {"file": (f"{source.stem}.zip", file, "application/zip")}
            return self._read(Job, self._connection.create("/datasets", data=form, files=upload))

    def add_dataset_from_server(self, path: str, **options: Any) -> Job:
        """Ingest a folder or ZIP that lies on the server, under a root it allows."""
        return self._create_job("/datasets", {"path": path, **options})

    def add_dataset_from_dicomweb(self, request: Mapping[str, Any], **options: Any) -> Job:
        """Ingest images of a DICOMweb server that the service's operator allows.

        Args:
            request: `server` and `queries`, as `dicomweb` of `POST /datasets` documents them.
            options: As for `upload_dataset`.
        """
        return self._create_job("/datasets", {"dicomweb": dict(request), **options})

    def add_phantom_dataset(
        self,
        class_counts: Mapping[str, int],
        *,
        size: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> Job:
        """Ingest drawn chests of known truth: no patient is behind them.

        Args:
            class_counts: Images to draw per class.
            size: Side of the drawn images in pixels.
            seed: The same seed draws the same images.
            options: As for `upload_dataset`.
        """
        phantom = _given({"class_counts": dict(class_counts), "image_size": size, "seed": seed})
        return self._create_job("/datasets", {"phantom": phantom, **options})

    def datasets(self) -> Iterator[Dataset]:
        """List the datasets, newest first."""
        return self._list("/datasets", Dataset)

    def dataset(self, dataset_id: str) -> Dataset:
        """Read a dataset."""
        return self._read(Dataset, self._connection.get(f"/datasets/{dataset_id}"))

    def images_with_text(self, dataset_id: str) -> Iterator[ImageWithText]:
        """List the images of a dataset that legible text is burnt into."""
        return self._list(f"/datasets/{dataset_id}/burned-in-text", ImageWithText)

    def delete_dataset(self, dataset_id: str, *, cascade: bool = False) -> Deletion:
        """Delete a dataset and its pixels.

        Args:
            dataset_id: The dataset.
            cascade: Whether its models, their sets and all jobs about it go too.

        Returns:
            What went and what stayed, with a signed receipt.
        """
        return self._delete(f"/datasets/{dataset_id}", cascade=cascade)

    # Jobs

    def train(self, dataset_id: str, **request: Any) -> Job:
        """Train a model.

        Args:
            dataset_id: A dataset that is ready.
            request: `family`, `image_size`, `preset`, `config`, `budget`, `num_devices`, `privacy`,
                `init_from` or `seed`, as `POST /train` documents them; what is None is left to the
                service.
        """
        return self._create_job("/train", {"dataset_id": dataset_id, **request})

    def generate(self, model_id: str, **request: Any) -> Job:
        """Generate a set.

        Args:
            model_id: A trained model.
            request: One or more of `class_counts` (or `balance`), `mixtures` and `interpolate`,
                and `seed`, `sampler`, `format` or `report`, as `POST /generate` documents them;
                what is None is left to the service.
        """
        return self._create_job("/generate", {"model_id": model_id, **request})

    def jobs(self, *, kind: str | None = None, state: str | None = None) -> Iterator[Job]:
        """List the jobs, newest first."""
        return self._list("/jobs", Job, kind=kind, state=state)

    def job(self, job_id: str, *, wait: int = 0) -> Job:
        """Read a job.

        Args:
            job_id: The job.
            wait: Seconds, 0 to 30, that the service may hold the answer for news.
        """
        params = {"wait": wait} if wait else None
        return self._read(Job, self._connection.get(f"/jobs/{job_id}", params=params))

    def wait(self, job_id: str, on_progress: Callable[[Job], None] | None = None) -> Job:
        """Follow a job to its end, through restarts of the service.

        Args:
            job_id: The job.
            on_progress: Called with the job about once a second, and at its end.

        Returns:
            The job, done: succeeded, failed or cancelled.

        Raises:
            ServiceUnreachable: The service was gone for a minute.
        """
        last_answer = time.monotonic()
        while True:
            asked = time.monotonic()
            try:
                job = self.job(job_id, wait=POLL_SECONDS)
                last_answer = time.monotonic()
            except ServiceUnreachable:
                if time.monotonic() - last_answer > OUTAGE_SECONDS:
                    raise
            else:
                if on_progress:
                    on_progress(job)
                if job.done:
                    return job
            # The service may answer sooner than asked; we do not ask faster than twice a second.
            self._connection.sleep(max(0.0, asked + POLL_SECONDS / 2 - time.monotonic()))

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop; training keeps its last checkpoint."""
        return self._read(Job, self._connection.create(f"/jobs/{job_id}/cancel"))

    def retry(self, job_id: str) -> Job:
        """Run a failed or cancelled job again, from its newest checkpoint."""
        return self._read(Job, self._connection.create(f"/jobs/{job_id}/retry"))

    def delete_job(self, job_id: str) -> None:
        """Delete a finished job and its log."""
        self._connection.send("DELETE", f"/jobs/{job_id}")

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """List a job's log so far.

        Args:
            job_id: The job.
            after: Leave out events up to this sequence number.
        """
        path = f"/jobs/{job_id}/events"
        while True:
            answer = self._connection.get(path, params={"after": after})
            events = [Event(**item) for item in self._read(Page, answer).items]
            yield from events
            if not events:
                return
            after = events[-1].sequence

    def follow_events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Stream a job's log until the job is done, taking up a broken stream where it broke.

        Args:
            job_id: The job.
            after: Leave out events up to this sequence number.
        """
        while True:
            headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
            try:
                with self._connection.stream(
                    "GET", f"/jobs/{job_id}/events", headers=headers
                ) as response:
                    if response.status_code == httpx.codes.NO_CONTENT:
                        return
                    for message in EventSource(response).iter_sse():
                        event = Event(**json.loads(message.data))
                        after = event.sequence
                        yield event
                        if event.kind == "done":
                            return
            except ServiceUnreachable:
                # Broken or idle too long: ask whether the service is still there.
                if self.job(job_id).done and not list(self.events(job_id, after=after)):
                    return

    # Models and sets

    def models(self) -> Iterator[Model]:
        """List the models, newest first."""
        return self._list("/models", Model)

    def model(self, model_id: str) -> Model:
        """Read a model and its card."""
        return self._read(Model, self._connection.get(f"/models/{model_id}"))

    def audit(self, model_id: str) -> dict[str, Any]:
        """Read the privacy audit of a model."""
        return self._read(View, self._connection.get(f"/models/{model_id}/audit")).model_dump()

    def save_weights(self, model_id: str, destination: Path) -> dict[str, Any]:
        """Save a model's weights, and beside them what goes with them; needs `weights:read`.

        Args:
            model_id: A model whose audit clears its weights.
            destination: The safetensors file to make or replace; a file of the same name with
                `.json` added says what to build the weights into, on what ground and terms they
                were released.

        Returns:
            What the file beside them says.

        Raises:
            ProblemError: They are not released (`weights_not_cleared`, `scope_missing`).
            DownloadMismatch: What came is not what the service promised.
        """
        sha256 = download(self._connection, f"/models/{model_id}/weights", destination)
        description = self.model(model_id).describe_weights(sha256, self.audit(model_id))
        beside = destination.with_name(f"{destination.name}.json")
        beside.write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        return description

    def delete_model(self, model_id: str, *, cascade: bool = False) -> Deletion:
        """Delete a model and its weights.

        Args:
            model_id: The model.
            cascade: Whether its sets and their jobs go too.

        Returns:
            What went and what stayed, with a signed receipt.
        """
        return self._delete(f"/models/{model_id}", cascade=cascade)

    def deletions(self) -> Iterator[Deletion]:
        """List the deletions of datasets and models, newest first."""
        return self._list("/deletions", Deletion)

    def deletion(self, deletion_id: str) -> Deletion:
        """Read a deletion and its receipt."""
        return self._read(Deletion, self._connection.get(f"/deletions/{deletion_id}"))

    def synthetic_sets(self) -> Iterator[SyntheticSet]:
        """List the synthetic sets, newest first."""
        return self._list("/synthetic-sets", SyntheticSet)

    def synthetic_set(self, set_id: str) -> SyntheticSet:
        """Read a synthetic set."""
        return self._read(SyntheticSet, self._connection.get(f"/synthetic-sets/{set_id}"))

    def save_report(self, set_id: str, destination: Path) -> None:
        """Save the report of a set, whatever the verdict.

        Args:
            set_id: The synthetic set.
            destination: File to make or replace; figures as JSON where its name ends in `.json`,
                otherwise the page for a person.
        """
        kind = "application/json" if destination.suffix == ".json" else "text/html"
        path = f"/synthetic-sets/{set_id}/report"
        answer = self._connection.get(path, headers={"Accept": kind})
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(answer.content)

    def findings(self, set_id: str) -> dict[str, Any]:
        """Read a set's findings per image; needs the scope private:read."""
        path = f"/synthetic-sets/{set_id}/findings"
        return self._read(View, self._connection.get(path)).model_dump()

    def push(self, set_id: str, server: str) -> Job:
        """Send the DICOM files of a released set to a DICOMweb server; twice changes nothing.

        Args:
            set_id: A released set that was made with `format` dicom.
            server: The server's name in the service's settings.
        """
        return self._create_job(f"/synthetic-sets/{set_id}/push", {"server": server})

    def delete_synthetic_set(self, set_id: str) -> None:
        """Delete a synthetic set and its ZIP."""
        self._connection.send("DELETE", f"/synthetic-sets/{set_id}")

    def download(self, set_id: str, destination: Path) -> str:
        """Download a set's ZIP, resuming what an earlier call began.

        Args:
            set_id: The synthetic set.
            destination: File to make or replace; it appears only when complete and right.

        Returns:
            The ZIP's SHA-256 in hexadecimal.

        Raises:
            DownloadMismatch: What came is not what the service promised.
        """
        return download(self._connection, f"/synthetic-sets/{set_id}/download", destination)

    def download_verified(self, set_id: str, destination: Path) -> VerifiedSet:
        """Download a set and check every file in it, and that this service signed it.

        Raises:
            DownloadMismatch: What came is not what the service promised.
            SetNotVerified: What came is no set that the service has signed.
        """
        self.download(set_id, destination)
        return verify_set(destination, [key.pem.encode() for key in self.signing_keys()])

    # API keys

    def create_key(
        self, name: str, scopes: Sequence[str], *, expires_in_days: int | None = None
    ) -> IssuedKey:
        """Make an API key; needs the scope admin, and every scope that it gives.

        Args:
            name: For people.
            scopes: What it allows.
            expires_in_days: By default it ends when it is revoked.

        Returns:
            The key with its secret, which the service does not show again.
        """
        body = {"name": name, "scopes": list(scopes), "expires_in_days": expires_in_days}
        return self._read(IssuedKey, self._connection.send("POST", "/keys", json=_given(body)))

    def keys(self) -> Iterator[ApiKey]:
        """List the API keys, newest first, those that ended too."""
        return self._list("/keys", ApiKey)

    def key(self, key_id: str) -> ApiKey:
        """Read what is known of an API key."""
        return self._read(ApiKey, self._connection.get(f"/keys/{key_id}"))

    def rotate_key(self, key_id: str, *, grace_seconds: int = 0) -> IssuedKey:
        """Give an API key a new secret.

        Args:
            key_id: The key.
            grace_seconds: How long the present secret is accepted beside the new one.
        """
        body = {"grace_seconds": grace_seconds}
        answer = self._connection.send("POST", f"/keys/{key_id}/rotate", json=body)
        return self._read(IssuedKey, answer)

    def revoke_key(self, key_id: str) -> None:
        """End an API key now, for good."""
        self._connection.send("DELETE", f"/keys/{key_id}")

    # The service itself

    def signing_keys(self) -> Iterator[SigningKey]:
        """List the public keys that sets are signed with, the current one first."""
        return self._list("/signing-keys", SigningKey)

    def audit_entries(self) -> Iterator[AuditEntry]:
        """List what was done, newest first; needs the scope admin."""
        return self._list("/audit", AuditEntry)

    def save_audit_log(self, destination: Path) -> int:
        """Save the audit log with its signed end; returns the number of entries.

        Args:
            destination: File to make or replace, for `synthcxr audit verify`.
        """
        head = self._connection.get("/audit/head").json()
        num_entries = int(json.loads(base64.b64decode(head["payload"]))["sequence"])
        params: dict[str, Any] = {"cursor": str(num_entries + 1), "limit": 200}
        with destination.open("w", encoding="utf-8") as file:
            file.write(json.dumps(head) + "\n")
            while params["cursor"] is not None:
                page = self._read(Page, self._connection.get("/audit", params=params))
                file.writelines(json.dumps(entry) + "\n" for entry in page.items)
                params["cursor"] = page.next_cursor
        return num_entries

    def version(self) -> dict[str, Any]:
        """Read the service's version."""
        return self._read(View, self._connection.get("/version")).model_dump()

    def _read(self, view: type[AnyView], answer: httpx.Response) -> AnyView:
        try:
            return view.model_validate(answer.json())
        except ValueError as error:
            raise ServiceUnreachable(
                self.base_url, "what answers there does not speak this client's language"
            ) from error

    def _delete(self, path: str, *, cascade: bool) -> Deletion:
        params = {"cascade": "true"} if cascade else None
        return self._read(Deletion, self._connection.send("DELETE", path, params=params))

    def _create_job(self, path: str, request: Mapping[str, Any]) -> Job:
        return self._read(Job, self._connection.create(path, json=_given(request)))

    def _list(self, path: str, view: type[AnyView], **filters: Any) -> Iterator[AnyView]:
        params = _given(filters)
        while True:
            page = self._read(Page, self._connection.get(path, params=params))
            yield from (view(**item) for item in page.items)
            if page.next_cursor is None:
                return
            params["cursor"] = page.next_cursor


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what was not given, so that the service's own defaults apply."""
    return {key: value for key, value in values.items() if value is not None}
