"""Approval of released sets by one or two people."""

from service.context import AppContext
from service.domain import access
from service.domain.approvals import Approvals
from service.domain.approvers import Approvers
from service.domain.records import SyntheticSet


def approvals_of(context: AppContext, made: SyntheticSet) -> Approvals:
    """Return who approved a set, and how many have to."""
    return Approvals.of(_approvers(context), made, context.required_approvals)


def approve_set(context: AppContext, made: SyntheticSet) -> Approvals:
    """Approve a released set in the caller's name.

    Raises:
        SetRefused, SetInconclusive, AlreadyApproved: See the error tree.
    """
    access.to_be_pushed(made)  # what is not released cannot be approved
    approvals_of(context, made).check_new(made, _approvers(context).of(context.caller.id))
    context.records.audit.append(context.entry(made.id))
    return approvals_of(context, made)


def check_approved(context: AppContext, made: SyntheticSet) -> None:
    """Raise ApprovalMissing where a released set may not be handed out yet."""
    if context.required_approvals and made.verdict.released:
        approvals_of(context, made).check_complete(made)


def _approvers(context: AppContext) -> Approvers:
    return Approvers(context.caller.tenant, context.records.api_keys, context.records.audit)
