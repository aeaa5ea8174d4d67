"""The audit log of the caller's tenant."""

from fastapi import APIRouter

from service.api.authorization import GuardedRoute
from service.api.dependencies import Cursor, InContext, Limit
from service.api.errors import documented
from service.api.views.audit import AuditEntryView, EnvelopeView
from service.api.views.base import Page
from service.domain import access, errors
from service.domain.audit import signed_head
from service.domain.caller import ADMIN

router = APIRouter(tags=["audit"], route_class=GuardedRoute)


@router.get(
    "/audit",
    operation_id="list_audit_entries",
    responses=documented(errors.ScopeMissing),
)
def list_audit_entries(
    context: InContext, cursor: Cursor = None, limit: Limit = 50
) -> Page[AuditEntryView]:
    """List what was done, newest first; needs the scope `admin`.

    The entries of a tenant are a chain of their own, so that it can be checked whole by those who
    see no other tenant's.
    """
    access.require(context.scopes, ADMIN)
    page = context.records.audit.entries(context.caller.tenant, cursor=cursor, limit=limit)
    items = [AuditEntryView.model_validate(entry) for entry in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/audit/head",
    operation_id="get_audit_head",
    responses=documented(errors.ScopeMissing, errors.StorageFull, errors.SigningKeyLost),
)
def get_audit_head(context: InContext) -> EnvelopeView:
    """Read the signed end of the chain; kept elsewhere, it shows later that nothing was cut off."""
    access.require(context.scopes, ADMIN)
    head = context.records.audit.head(context.caller.tenant)
    return EnvelopeView.model_validate(signed_head(head, context.signing_keys, context.clock.now()))
