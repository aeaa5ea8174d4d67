"""Who a request comes from, as the service sees it."""

from typing import Self

from fastapi import APIRouter
from pydantic import Field

from service import examples
from service.api.authorization import GuardedRoute
from service.api.dependencies import InContext
from service.api.errors import documented
from service.api.views.base import Moment, View, shown
from service.domain.caller import Caller, Scope, sorted_scopes

router = APIRouter(tags=["keys"], route_class=GuardedRoute)


class CallerView(View):
    """Who asks, and what they may do."""

    model_config = shown(
        {
            "id": examples.KEY_ID,
            "tenant": "default",
            "scopes": ["train", "generate"],
            "expires_at": examples.MOMENT,
        }
    )

    id: str = Field(description="As the audit log names them: a key, or subject and issuer.")
    tenant: str
    scopes: list[Scope]
    expires_at: Moment | None = Field(
        description="When the key or token ends; null where it does not."
    )

    @classmethod
    def of(cls, caller: Caller) -> Self:
        """Show a caller."""
        scopes = list(sorted_scopes(caller.scopes))
        return cls(id=caller.id, tenant=caller.tenant, scopes=scopes, expires_at=caller.expires_at)


@router.get("/caller", operation_id="get_caller", responses=documented())
async def get_caller(context: InContext) -> CallerView:
    """Read whom a key or token belongs to, and what it allows."""
    return CallerView.of(context.caller)
