"""What uploads of any kind have in common besides their form."""

from contextlib import suppress

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from service.context import AppContext
from service.domain import errors
from service.domain.ports import UploadWriter


def discard(context: AppContext, writer: UploadWriter, job_id: str) -> None:
    """Remove what was received; what an object store that is away keeps, the scheduler prunes."""
    writer.discard()
    with suppress(errors.ArtifactsUnavailable):
        context.artifacts.delete_upload(job_id)


def invalid(error: ValidationError) -> RequestValidationError:
    """Say what is wrong with the fields of a form or body."""
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return RequestValidationError([{**item, "loc": ("body", *item["loc"])} for item in found])
