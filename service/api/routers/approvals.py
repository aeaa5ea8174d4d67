"""Approvals of sets by one or two people, where the operator asks for them."""

from typing import Self

from anyio.to_thread import run_sync
from fastapi import APIRouter
from pydantic import Field

from service import examples
from service.api.authorization import GuardedRoute
from service.api.dependencies import InContext, SetId
from service.api.errors import documented
from service.api.threads import run_writing
from service.api.views.base import Moment, View, attributes, shown
from service.domain import errors
from service.domain.approvals import Approvals
from service.usecases.approvals import approvals_of, approve_set

router = APIRouter(tags=["synthetic sets"], route_class=GuardedRoute)


class ApprovalView(View):
    """One person's approval."""

    by: str = Field(description="Who, as the audit log names them.")
    at: Moment


class ApprovalsView(View):
    """The approvals of a set."""

    model_config = shown(
        {
            "required": 2,
            "complete": False,
            "items": [{"by": examples.KEY_ID, "at": examples.MOMENT}],
        }
    )

    required: int = Field(
        description="How many different people have to approve a set before it can be downloaded "
        "or pushed; 0 where the operator asks for none."
    )
    complete: bool
    items: list[ApprovalView] = Field(description="Oldest first; each person once.")

    @classmethod
    def of(cls, found: Approvals) -> Self:
        """Show approvals."""
        return cls.model_validate(attributes(cls, found))


@router.get(
    "/synthetic-sets/{synthetic_set_id}/approvals",
    operation_id="list_approvals",
    responses=documented(errors.SyntheticSetNotFound),
)
def list_approvals(context: InContext, synthetic_set_id: SetId) -> ApprovalsView:
    """Read who approved a set, and how many have to."""
    made = context.records.releases.synthetic_set(synthetic_set_id)
    return ApprovalsView.of(approvals_of(context, made))


@router.post(
    "/synthetic-sets/{synthetic_set_id}/approvals",
    operation_id="approve_synthetic_set",
    status_code=201,
    responses=documented(
        errors.SyntheticSetNotFound,
        errors.SetRefused,
        errors.SetInconclusive,
        errors.AlreadyApproved,
        http=[400, 413],
    ),
)
async def approve_synthetic_set(context: InContext, synthetic_set_id: SetId) -> ApprovalsView:
    """Approve a released set in one's own name, for good; the audit log records it.

    Each person approves once. A set that was refused or is inconclusive cannot be approved.
    """
    made = await run_sync(context.records.releases.synthetic_set, synthetic_set_id)
    return ApprovalsView.of(await run_writing(approve_set, context, made))
