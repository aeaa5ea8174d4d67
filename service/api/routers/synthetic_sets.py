"""Synthetic sets: what they hold, one image, the whole."""

import json
import zipfile
from functools import lru_cache
from pathlib import Path as FilePath
from typing import Annotated, Any

import structlog
from anyio.to_thread import run_sync
from fastapi import APIRouter, Header, Path, Response

from service.api.authorization import GuardedRoute
from service.api.dependencies import Cursor, IdempotencyKey, InContext, Limit, SetId, idempotency
from service.api.disclosure import disclosed
from service.api.errors import READING, documented
from service.api.http.conditional import (
    FOREVER,
    NOT_KEPT,
    IfNoneMatch,
    Range,
    immutable_file,
    matches,
    not_modified,
)
from service.api.openapi.responses import PNG, binary, json_object, whole, whole_or_part
from service.api.shown_jobs import view
from service.api.threads import run_writing
from service.api.views.base import Page
from service.api.views.job import JobView
from service.api.views.release import SyntheticSetView
from service.context import AppContext
from service.domain import access, errors
from service.domain.approvals import may_look_before
from service.domain.records import SyntheticSet
from service.usecases import deletions
from service.usecases.approvals import check_approved
from service.usecases.findings import read_findings, read_nearest_pairs
from service.usecases.submissions import Submission, submit_push
from service.validation.dicomweb import PushBody

_log = structlog.get_logger()
router = APIRouter(tags=["synthetic sets"], route_class=GuardedRoute)

# why a caller may not have a set's images
_UNREACHABLE = (
    errors.ScopeMissing,
    errors.ApprovalMissing,
    errors.SetRefused,
    errors.SetInconclusive,
)

Accept = Annotated[
    str | None,
    Header(alias="Accept", description="text/html, or application/json.", examples=["text/html"]),
]
Index = Annotated[int, Path(ge=0, le=10**9, description="The image's number in the manifest.")]


@router.get(
    "/synthetic-sets",
    operation_id="list_synthetic_sets",
    responses=documented(),
)
def list_synthetic_sets(
    context: InContext, cursor: Cursor = None, limit: Limit = 50
) -> Page[SyntheticSetView]:
    """List synthetic sets, newest first."""
    page = context.records.releases.synthetic_sets(cursor=cursor, limit=limit)
    items = [SyntheticSetView.of(made) for made in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/synthetic-sets/{synthetic_set_id}",
    operation_id="get_synthetic_set",
    responses=documented(errors.SyntheticSetNotFound),
)
def get_synthetic_set(context: InContext, synthetic_set_id: SetId) -> SyntheticSetView:
    """Read what a synthetic set holds."""
    return SyntheticSetView.of(context.records.releases.synthetic_set(synthetic_set_id))


@router.get(
    "/synthetic-sets/{synthetic_set_id}/manifest",
    operation_id="get_manifest",
    response_class=Response,
    responses={
        **whole_or_part(json_object("Manifest")),
        **documented(errors.SyntheticSetNotFound, *READING, *_UNREACHABLE, http=[400, 416]),
    },
)
def get_manifest(
    context: InContext,
    synthetic_set_id: SetId,
    range_: Range = None,  # noqa: ARG001  FileResponse reads it
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Read a set's manifest: how it was made, and path, kind and checksum of every file."""
    made = context.records.releases.synthetic_set(synthetic_set_id)
    manifest = access.manifest(context.scopes, made)
    _check_seen(context, made)
    answer = immutable_file(
        context.artifacts.path(manifest.key),
        sha256=manifest.sha256,
        media_type="application/json",
        filename=f"{made.id}-manifest.json",
        if_none_match=if_none_match,
    )
    return disclosed(context, made.id, answer)


@router.get(
    "/synthetic-sets/{synthetic_set_id}/images/{index}.png",
    operation_id="get_image",
    response_class=Response,
    responses={
        **whole(PNG),
        **documented(errors.SyntheticSetNotFound, errors.ImageNotFound, *READING, *_UNREACHABLE),
    },
)
def get_image(
    context: InContext, synthetic_set_id: SetId, index: Index, if_none_match: IfNoneMatch = None
) -> Response:
    """View one image."""
    made = context.records.releases.synthetic_set(synthetic_set_id)
    images, manifest = access.images(context.scopes, made), access.manifest(context.scopes, made)
    _check_seen(context, made)
    if index >= made.num_images:
        raise errors.ImageNotFound.named(f"{made.id}/images/{index}.png")
    try:
        file, sha256 = _contents(context.artifacts.path(manifest.key))[index]
        etag = f'"{sha256}"'
        if matches(if_none_match, etag):
            return not_modified(etag)
        with zipfile.ZipFile(context.artifacts.path(images.key)) as archive:
            image = archive.read(file)
    except FileNotFoundError:
        raise errors.ArtifactMissing.named(made.id) from None
    headers = {"ETag": etag, "Cache-Control": FOREVER}
    return disclosed(context, made.id, Response(image, media_type="image/png", headers=headers))


def _check_seen(context: AppContext, made: SyntheticSet) -> None:
    """Raise ApprovalMissing unless a set may be handed out, or its caller approves or owns it."""
    if not may_look_before(context.scopes):
        check_approved(context, made)


@lru_cache(maxsize=4)
def _contents(manifest: FilePath) -> list[tuple[str, str]]:
    """Read path and checksum of every file, images first; a published manifest never changes."""
    files: list[dict[str, Any]] = json.loads(manifest.read_bytes())["files"]
    return [(entry["path"], entry["sha256"]) for entry in files]


@router.get(
    "/synthetic-sets/{synthetic_set_id}/download",
    operation_id="download_synthetic_set",
    response_class=Response,
    responses={
        **whole_or_part(binary("application/zip")),
        **documented(errors.SyntheticSetNotFound, *READING, *_UNREACHABLE, http=[400, 416]),
    },
)
def download_synthetic_set(
    context: InContext,
    synthetic_set_id: SetId,
    range_: Range = None,  # noqa: ARG001  FileResponse reads it
    if_none_match: IfNoneMatch = None,
) -> Response:
    """Download the ZIP, whole or in part; its strong ETag is its sha256."""
    made = context.records.releases.synthetic_set(synthetic_set_id)
    images = access.images(context.scopes, made)
    check_approved(context, made)
    answer = immutable_file(
        context.artifacts.path(images.key),
        sha256=images.sha256,
        media_type="application/zip",
        filename=f"{made.id}.zip",
        if_none_match=if_none_match,
    )
    return disclosed(context, made.id, answer)


@router.get(
    "/synthetic-sets/{synthetic_set_id}/report",
    operation_id="get_report",
    response_class=Response,
    responses={
        **whole_or_part({"text/html": {"schema": {"type": "string"}}, **json_object("Report")}),
        **documented(errors.SyntheticSetNotFound, *READING, http=[400, 416]),
    },
)
def get_report(
    context: InContext,
    synthetic_set_id: SetId,
    range_: Range = None,  # noqa: ARG001  FileResponse reads it
    if_none_match: IfNoneMatch = None,
    accept: Accept = None,
) -> Response:
    """Read a set's report, whatever the verdict: a page, or JSON by `Accept`.

    The page shows images of a released set, so it waits for the set's approvals as they do.
    """
    made = context.records.releases.synthetic_set(synthetic_set_id)
    page = made.report
    as_json = "application/json" in (accept or "")
    if not as_json:
        _check_seen(context, made)
    kind, media_type = ("json", "application/json") if as_json else ("html", "text/html")
    answer = immutable_file(
        context.artifacts.path(f"{page.folder}/report.{kind}"),
        sha256=f"{page.sha256}-{kind}",
        media_type=media_type,
        filename=f"{made.id}-report.{kind}",
        if_none_match=if_none_match,
        disposition="inline",
    )
    answer.headers["Vary"] = "Accept"
    return disclosed(context, made.id, answer)


@router.get(
    "/synthetic-sets/{synthetic_set_id}/findings",
    operation_id="get_findings",
    response_class=Response,
    responses={
        **whole(json_object("Findings")),
        **documented(
            errors.SyntheticSetNotFound, errors.FindingsSpent, errors.ScopeMissing, *READING
        ),
    },
)
async def get_findings(
    context: InContext, synthetic_set_id: SetId, if_none_match: IfNoneMatch = None
) -> Response:
    """Read the gate's findings per image; they need the scope `private:read`.

    Distances to real images help an attacker, so they can be read of a few sets of a model only.
    """
    made = await run_sync(context.records.releases.synthetic_set, synthetic_set_id)
    seen = await run_writing(read_findings, context, made)
    _log.info("findings read", synthetic_set_id=made.id)
    return immutable_file(
        await run_sync(context.artifacts.path, seen.key),
        sha256=seen.sha256,
        media_type="application/json",
        filename=f"{made.id}-findings.json",
        if_none_match=if_none_match,
        cached=NOT_KEPT,
    )


@router.get(
    "/synthetic-sets/{synthetic_set_id}/nearest.png",
    operation_id="get_nearest_pairs",
    response_class=Response,
    responses={
        200: {"content": PNG},
        **documented(
            errors.SyntheticSetNotFound,
            errors.ImageNotFound,
            errors.FindingsSpent,
            errors.ScopeMissing,
            *READING,
        ),
    },
)
async def get_nearest_pairs(context: InContext, synthetic_set_id: SetId) -> Response:
    """View the images that come nearest to training images, each above the one it is most like.

    They show patients, so they need the scope `private:read`, and count as reading the findings. Of
    a set that is not stored there are none. They are gone when the dataset is deleted.
    """
    made = await run_sync(context.records.releases.synthetic_set, synthetic_set_id)
    image = await run_writing(read_nearest_pairs, context, made)
    return Response(image, media_type="image/png", headers={"Cache-Control": NOT_KEPT})


@router.post(
    "/synthetic-sets/{synthetic_set_id}/push",
    operation_id="push_synthetic_set",
    status_code=202,
    responses=documented(
        errors.SyntheticSetNotFound,
        errors.ArtifactMissing,
        errors.SetRefused,
        errors.SetInconclusive,
        errors.ApprovalMissing,
        errors.SetWithoutDicom,
        errors.DicomwebServerUnknown,
        errors.DicomwebNotAllowed,
        errors.IdempotencyConflict,
        errors.QuotaExceeded,
        http=[400, 413],
    ),
)
async def push_synthetic_set(
    body: PushBody,
    context: InContext,
    synthetic_set_id: SetId,
    idempotency_key: IdempotencyKey = None,
) -> JobView:
    """Send the DICOM files of a released set to a DICOMweb server that the operator allows.

    Every image has an identifier of its own that the set fixes, so sending a set again changes
    nothing there.
    """
    made = await run_sync(context.records.releases.synthetic_set, synthetic_set_id)
    access.to_be_pushed(made)
    await run_sync(check_approved, context, made)
    await run_sync(_check_dicom, context, made)
    asked = {"synthetic_set_id": made.id, **body.model_dump(mode="json", exclude={"labels"})}
    submission = Submission(idempotency(idempotency_key, "push_synthetic_set", asked), body.labels)
    return await run_writing(
        lambda: view(context, submit_push(context, submission, made, body.server))
    )


def _check_dicom(context: AppContext, made: SyntheticSet) -> None:
    assert made.manifest, "a released set has one"
    try:
        files = _contents(context.artifacts.path(made.manifest.key))
    except FileNotFoundError:
        raise errors.ArtifactMissing.named(made.id) from None
    if not any(path.startswith("dicom/") for path, _ in files):
        raise errors.SetWithoutDicom.named(made.id)


@router.delete(
    "/synthetic-sets/{synthetic_set_id}",
    operation_id="delete_synthetic_set",
    status_code=204,
    response_class=Response,
    responses=documented(errors.SyntheticSetNotFound),
)
async def delete_synthetic_set(context: InContext, synthetic_set_id: SetId) -> None:
    """Remove a synthetic set and its files.

    One that was released is withdrawn: it can no longer be read, but its images are kept, since
    later sets of the same dataset are examined together with it.
    """
    await run_writing(deletions.delete_synthetic_set, context, synthetic_set_id)
