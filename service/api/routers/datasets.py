"""Private labelled sets of radiographs."""

from functools import partial
from typing import Any, TypeVar

from anyio import CancelScope
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from service.adapters.listed_files import (
    CONTACT_SHEET,
    contact_sheet,
    dropped_files,
    images_with_text,
)
from service.api.authorization import GuardedRoute
from service.api.dependencies import (
    Cascade,
    Cursor,
    DatasetId,
    IdempotencyKey,
    InContext,
    Limit,
    idempotency,
)
from service.api.disclosure import disclosed, shown_privately
from service.api.errors import READING, documented
from service.api.http.conditional import NOT_KEPT
from service.api.openapi.responses import PNG
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.uploads.multipart import receive_form
from service.api.uploads.received import discard, invalid
from service.api.views.audit import DeletionView
from service.api.views.base import Page
from service.api.views.catalog import DatasetView, DroppedFileView, ImageWithTextView
from service.api.views.job import JobView
from service.context import AppContext
from service.domain import access, errors, paging
from service.domain.caller import PRIVATE_READ
from service.domain.identifiers import new_id
from service.domain.job import Job
from service.domain.records import Dataset, DroppedFile, ImageWithText
from service.domain.requests import DatasetSource
from service.usecases import deletions
from service.usecases.submissions import Submission, submit_ingest
from service.validation.ingest import IngestBody, UploadForm

router = APIRouter(tags=["datasets"], route_class=GuardedRoute)

ViewOfFile = TypeVar("ViewOfFile", DroppedFileView, ImageWithTextView)

_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/IngestBody"}},
            "multipart/form-data": {"schema": {"$ref": "#/components/schemas/UploadForm"}},
        },
    }
}


@router.post(
    "/datasets",
    operation_id="create_dataset",
    status_code=202,
    response_model=JobView,
    openapi_extra=_BODY,
    responses=documented(
        errors.InvalidRequest,
        errors.NotAZip,
        errors.PathNotFound,
        errors.PathNotAllowed,
        errors.DicomwebServerUnknown,
        errors.DicomwebNotAllowed,
        errors.IdempotencyConflict,
        errors.UploadTooLarge,
        errors.StorageFull,
        errors.ArtifactsUnavailable,
        errors.QuotaExceeded,
        http=[400, 415],
    ),
)
async def create_dataset(
    request: Request, context: InContext, idempotency_key: IdempotencyKey = None
) -> JobView:
    """Ingest a dataset: a ZIP (multipart), a folder, images of a DICOMweb server, or phantoms.

    Folders and servers are those that the operator allows. Images of a server are fetched by the
    job, which a killed worker does not begin anew, and are not kept beyond it.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type == "multipart/form-data":
        job = await _ingest_upload(context, request, idempotency_key)
    elif media_type == "application/json":
        job = await _ingest_source(context, request, idempotency_key)
    else:
        raise HTTPException(415, "Send application/json or multipart/form-data.")
    return await run_sync(view, context, job)


async def _ingest_source(context: AppContext, request: Request, key: str | None) -> Job:
    """Ingest what a JSON body names."""
    try:
        body = IngestBody.model_validate_json(await _limited_body(request, context.max_json_bytes))
    except ValidationError as error:
        raise invalid(error) from error
    asked = body.model_dump(mode="json")
    submission = Submission(idempotency(key, "create_dataset", asked), body.labels)
    return await run_writing(submit_ingest, context, submission, body, body.source)


async def _ingest_upload(context: AppContext, request: Request, key: str | None) -> Job:
    """Receive a ZIP and ingest it; whatever goes wrong, nothing is left behind."""
    job_id = new_id("job")
    writer = await run_sync(context.artifacts.open_upload, job_id)
    kept = False
    try:
        received = await receive_form(request.headers, request.stream(), writer)
        try:
            form = UploadForm.model_validate(received.fields)
        except ValidationError as error:
            raise invalid(error) from error
        await run_sync(writer.commit)
        asked = {**received.fields, "file": received.sha256}
        submission = Submission(
            idempotency(key, "create_dataset", asked), upload_bytes=received.num_bytes
        )
        source = DatasetSource(upload=f"{job_id}.zip")
        job = await run_writing(submit_ingest, context, submission, form, source, job_id)
        kept = job.id == job_id
        return job
    finally:
        if not kept:
            with CancelScope(shield=True):
                await run_sync(discard, context, writer, job_id)


async def _limited_body(request: Request, max_bytes: int) -> bytes:
    """Read a body that may be as large as an upload only as far as JSON may go."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise errors.UploadTooLarge(f"JSON may take {max_bytes} bytes; this body is larger.")
    return bytes(body)


@router.get(
    "/datasets",
    operation_id="list_datasets",
    responses=documented(),
)
def list_datasets(
    context: InContext, cursor: Cursor = None, limit: Limit = 50
) -> Page[DatasetView]:
    """List datasets, newest first."""
    page = context.records.catalog.datasets(cursor=cursor, limit=limit)
    shown_privately(context, (dataset.id for dataset in page.items))
    items = [DatasetView.of(access.dataset(context.scopes, dataset)) for dataset in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/datasets/{dataset_id}",
    operation_id="get_dataset",
    responses=documented(errors.DatasetNotFound),
)
def get_dataset(context: InContext, dataset_id: DatasetId) -> DatasetView:
    """Read a dataset: its classes, and why files were left out.

    Counts per split, the fingerprint, the names of files left out and how many images were known
    or near-duplicates need the scope `private:read`: a patient keeps the split of earlier
    datasets, so these would disclose who was trained on.
    """
    dataset = context.records.catalog.dataset(dataset_id)
    shown_privately(context, [dataset.id])
    return DatasetView.of(access.dataset(context.scopes, dataset))


@router.get(
    "/datasets/{dataset_id}/dropped",
    operation_id="list_dropped_files",
    responses=documented(errors.DatasetNotFound, *READING),
)
def list_dropped_files(
    context: InContext, dataset_id: DatasetId, cursor: Cursor = None, limit: Limit = 50
) -> Page[DroppedFileView]:
    """List the files that were left out of a dataset, and why.

    Their names need the scope `private:read`.
    """
    dataset = context.records.catalog.dataset(dataset_id)
    page = dropped_files(context.artifacts, dataset, cursor, limit)
    return _shown(context, dataset, page, DroppedFileView)


@router.get(
    "/datasets/{dataset_id}/burned-in-text",
    operation_id="list_images_with_text",
    responses=documented(errors.DatasetNotFound, *READING),
)
def list_images_with_text(
    context: InContext, dataset_id: DatasetId, cursor: Cursor = None, limit: Limit = 50
) -> Page[ImageWithTextView]:
    """List the images that text is burnt into, whether it was kept or masked.

    Their names need the scope `private:read`.
    """
    dataset = context.records.catalog.dataset(dataset_id)
    page = images_with_text(context.artifacts, dataset, cursor, limit)
    return _shown(context, dataset, page, ImageWithTextView)


@router.get(
    "/datasets/{dataset_id}/samples.png",
    operation_id="get_dataset_samples",
    response_class=Response,
    responses={
        200: {"content": PNG},
        **documented(errors.DatasetNotFound, errors.ImageNotFound, *READING, errors.ScopeMissing),
    },
)
def get_dataset_samples(context: InContext, dataset_id: DatasetId) -> Response:
    """View the first real images of every class, a row for each.

    They are patients' images, so they are for callers with the scope `private:read`.
    """
    dataset = context.records.catalog.dataset(dataset_id)
    access.require(context.scopes, PRIVATE_READ)
    image = contact_sheet(context.artifacts, dataset)
    if image is None:
        raise errors.ImageNotFound.named(f"{dataset_id}/{CONTACT_SHEET}")
    answer = Response(image, media_type="image/png", headers={"Cache-Control": NOT_KEPT})
    return disclosed(context, dataset.id, answer)


def _shown(
    context: AppContext,
    dataset: Dataset,
    page: paging.Page[DroppedFile] | paging.Page[ImageWithText],
    view: type[ViewOfFile],
) -> Page[ViewOfFile]:
    """Show files of a dataset, without their names to those who may not see them."""
    shown_privately(context, [dataset.id])
    items = [view.model_validate(access.listed_file(context.scopes, each)) for each in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.delete(
    "/datasets/{dataset_id}",
    operation_id="delete_dataset",
    responses=documented(errors.DatasetNotFound, errors.DatasetInUse, errors.SigningKeyLost),
)
async def delete_dataset(
    context: InContext, dataset_id: DatasetId, cascade: Cascade = False
) -> DeletionView:
    """Remove a dataset, its pixels and its ingest job; answers with a signed receipt.

    Models trained on it stay, and their sets; with `cascade` these go too, and every job about the
    dataset. What has to outlive them, for the patients' sake, is named in the receipt.
    """
    delete = partial(deletions.delete_dataset, context, dataset_id, cascade=cascade)
    return DeletionView.of(await run_writing(delete))
