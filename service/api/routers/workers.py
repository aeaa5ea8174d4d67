"""The workers: who runs jobs, and what they do now."""

from fastapi import APIRouter

from service.api.authorization import GuardedRoute
from service.api.dependencies import InContext
from service.api.errors import documented
from service.api.views.health import WorkersView, WorkerView
from service.domain import errors

router = APIRouter(tags=["health"], route_class=GuardedRoute)


@router.get("/workers", operation_id="list_workers", responses=documented(errors.ScopeMissing))
def list_workers(context: InContext) -> WorkersView:
    """List the workers that were heard of within the hour; asks for the scope admin.

    A job of another tenant is not named.
    """
    views = [WorkerView.of(each) for each in context.records.workers.all()]
    running = [view.job_id for view in views if view.job_id]
    own = {job.id for job in context.records.jobs.some_jobs(running)}
    return WorkersView(
        items=[
            view if view.job_id in own else view.model_copy(update={"job_id": None})
            for view in views
        ]
    )
