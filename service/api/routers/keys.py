"""API keys: make, list, rotate, revoke."""

from datetime import timedelta
from typing import Annotated

from anyio.to_thread import run_sync
from fastapi import APIRouter, Body, Request, Response

from service import examples
from service.api.authorization import GuardedRoute, forget_callers
from service.api.dependencies import Cursor, InContext, KeyId, Limit
from service.api.errors import documented
from service.api.views.base import Page
from service.api.views.key import IssuedKeyView, KeyView
from service.context import AppContext
from service.domain import errors
from service.key_management import KeyManager
from service.validation.keys import KeyBody, RotateBody

router = APIRouter(tags=["keys"], route_class=GuardedRoute)

_NO_STORE = {"Cache-Control": "no-store"}  # the answer holds a secret


def _manager(context: AppContext) -> KeyManager:
    keys = context.records.api_keys
    return KeyManager(keys, context.clock, context.caller, context.origin)


@router.post(
    "/keys",
    operation_id="create_key",
    status_code=201,
    responses=documented(errors.ScopeMissing, http=[400, 413]),
)
async def create_key(context: InContext, response: Response, body: KeyBody) -> IssuedKeyView:
    """Make an API key of the caller's tenant; the answer shows its secret, once.

    Nobody can give a scope that they lack. A lost answer leaves a key that nobody can use: revoke
    it and make another.
    """
    create = _manager(context).create
    issued = await run_sync(create, body.name, tuple(body.scopes), body.valid_for)
    response.headers.update(_NO_STORE)
    return IssuedKeyView.of(issued)


@router.get("/keys", operation_id="list_keys", responses=documented())
def list_keys(context: InContext, cursor: Cursor = None, limit: Limit = 50) -> Page[KeyView]:
    """List the API keys of the caller's tenant, newest first; those that ended stay listed."""
    page = context.records.api_keys.keys(context.caller.tenant, cursor=cursor, limit=limit)
    items = [KeyView.model_validate(key) for key in page.items]
    return Page(items=items, next_cursor=page.next_cursor)


@router.get(
    "/keys/{key_id}",
    operation_id="get_key",
    responses=documented(errors.ApiKeyNotFound),
)
def get_key(context: InContext, key_id: KeyId) -> KeyView:
    """Read what is known of an API key; its secret is not."""
    return KeyView.model_validate(context.records.api_keys.key(context.caller.tenant, key_id))


@router.post(
    "/keys/{key_id}/rotate",
    operation_id="rotate_key",
    responses=documented(
        errors.ApiKeyNotFound, errors.ApiKeyEnded, errors.ScopeMissing, http=[400, 413]
    ),
)
async def rotate_key(
    request: Request,
    context: InContext,
    response: Response,
    key_id: KeyId,
    body: Annotated[RotateBody | None, Body(examples=[examples.ROTATE])] = None,
) -> IssuedKeyView:
    """Give a key a new secret, which the answer shows once; the present one ends, or soon.

    The caller must hold all scopes of the key.
    """
    grace = timedelta(seconds=(body or RotateBody()).grace_seconds)
    issued = await run_sync(_manager(context).rotate, key_id, grace)
    forget_callers(request)
    response.headers.update(_NO_STORE)
    return IssuedKeyView.of(issued)


@router.delete(
    "/keys/{key_id}",
    operation_id="revoke_key",
    status_code=204,
    response_class=Response,
    responses=documented(errors.ApiKeyNotFound),
)
async def revoke_key(request: Request, context: InContext, key_id: KeyId) -> None:
    """End a key now, for good; other processes of the service notice within some seconds."""
    await run_sync(_manager(context).revoke, key_id)
    forget_callers(request)
