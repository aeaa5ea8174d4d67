"""The public keys that this service's sets are signed with."""

from fastapi import APIRouter

from service.api.authorization import GuardedRoute
from service.api.dependencies import InContext
from service.api.errors import documented
from service.api.views.release import SigningKeysView, SigningKeyView
from service.domain import errors

router = APIRouter(tags=["synthetic sets"], route_class=GuardedRoute)


@router.get(
    "/signing-keys",
    operation_id="list_signing_keys",
    responses=documented(errors.StorageFull),
)
def list_signing_keys(context: InContext) -> SigningKeysView:
    """List the public keys, the one that signs now first; older ones still verify older sets."""
    return SigningKeysView(
        items=[SigningKeyView.of(key) for key in context.signing_keys.public_keys()]
    )
