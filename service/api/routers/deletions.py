"""Deletions and their receipts."""

from fastapi import APIRouter

from service.api.authorization import GuardedRoute
from service.api.dependencies import Cursor, DeletionId, InContext, Limit
from service.api.errors import documented
from service.api.views.audit import DeletionView
from service.api.views.base import Page
from service.domain import errors

router = APIRouter(tags=["audit"], route_class=GuardedRoute)


@router.get("/deletions", operation_id="list_deletions", responses=documented())
def list_deletions(
    context: InContext, cursor: Cursor = None, limit: Limit = 50
) -> Page[DeletionView]:
    """List deletions of datasets and models, newest first."""
    page = context.records.deletions.deletions(cursor=cursor, limit=limit)
    items = [DeletionView.of(deletion) for deletion in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/deletions/{deletion_id}",
    operation_id="get_deletion",
    responses=documented(errors.DeletionNotFound),
)
def get_deletion(context: InContext, deletion_id: DeletionId) -> DeletionView:
    """Read what a deletion removed and kept; its receipt follows once the last file is gone."""
    return DeletionView.of(context.records.deletions.deletion(deletion_id))
