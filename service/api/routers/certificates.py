"""Certificates of synthetic sets, issued on the day that they are asked for."""

import json
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from pydantic import StringConstraints

from release.report.record import Record, with_record
from service.api.authorization import GuardedRoute
from service.api.dependencies import InContext, SetId
from service.api.disclosure import disclosed
from service.api.errors import READING, documented
from service.api.openapi.responses import binary, json_object
from service.context import AppContext
from service.domain import errors
from service.domain.records import SyntheticSet

router = APIRouter(tags=["synthetic sets"], route_class=GuardedRoute)

PDF, PAGE = "application/pdf", "text/html"
_KINDS = {PDF: "pdf", "application/json": "json"}

Accept = Annotated[
    str | None,
    Header(
        alias="Accept",
        description="application/pdf, text/html, or application/json.",
        examples=["application/pdf"],
    ),
]
Recipient = Annotated[
    Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] | None,
    Query(
        description="For whom the certificate is issued; it is printed on it and kept nowhere.",
        examples=["University of Somewhere, Department of Radiology"],
    ),
]


@router.get(
    "/synthetic-sets/{synthetic_set_id}/certificate",
    operation_id="get_certificate",
    response_class=Response,
    responses={
        200: {
            "content": {
                PAGE: {"schema": {"type": "string"}},
                **binary(PDF),
                **json_object("Certificate"),
            },
        },
        **documented(errors.SyntheticSetNotFound, *READING),
    },
)
def get_certificate(
    context: InContext,
    synthetic_set_id: SetId,
    recipient: Recipient = None,
    accept: Accept = None,
) -> Response:
    """Issue a set's certificate, whatever the verdict: a page, a PDF or JSON by `Accept`.

    Page and PDF carry the date, the hospital (`SYNTHCXR_HOSPITAL`), the dataset's name where the
    operator shows it, the recipient, and room for the signatures of one or two people. The JSON is
    that of the package.
    """
    made = context.records.releases.synthetic_set(synthetic_set_id)
    media_type = next((each for each in _KINDS if each in (accept or "")), PAGE)
    kind = _KINDS.get(media_type, "html")
    content = _read(context, made, "html" if kind == "html" else "json")
    issued = partial(_record, context, made, recipient or None)
    if kind == "html":
        content = with_record(content, issued())
    elif kind == "pdf":
        from release.report.certificate_pdf import certificate_pdf  # it takes a while to import

        content = certificate_pdf(json.loads(content), issued())
    answer = Response(content, media_type=media_type, headers={"Vary": "Accept"})
    answer.headers["Cache-Control"] = "private, no-store"
    answer.headers["Content-Disposition"] = f'inline; filename="{made.id}-certificate.{kind}"'
    return disclosed(context, made.id, answer)


def _read(context: AppContext, made: SyntheticSet, kind: str) -> bytes:
    """Read the certificate that the worker wrote."""
    name = f"{made.report.folder}/certificate.{kind}"
    try:
        return context.artifacts.path(name).read_bytes()
    except FileNotFoundError:
        raise errors.ArtifactMissing.named(name) from None


def _record(context: AppContext, made: SyntheticSet, recipient: str | None) -> Record:
    dataset = None
    if context.show_dataset_name:
        try:
            dataset = context.records.catalog.dataset(made.dataset_id).name
        except errors.DatasetNotFound:  # deleted since
            dataset = None
    return Record(
        made_at=made.created_at,
        hospital=context.hospital,
        dataset=dataset,
        recipient=recipient,
        issued_at=context.clock.now(),
    )
