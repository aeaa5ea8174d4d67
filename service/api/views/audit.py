"""Bodies of answers about what was done: the audit log and deletions."""

from pydantic import Field

from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.deletion import Deletion, KeptKind, RecordKind


class AuditEntryView(View):
    """One entry of the audit log; docs/audit.md says how its digest is made."""

    model_config = shown(examples.AUDIT_ENTRY)

    sequence: int
    at: Moment
    tenant: str
    actor: str = Field(description="Who did it.")
    action: str = Field(description="The operation, as openapi.yaml names it, or a worker's act.")
    target: str | None = Field(description="Identifier of the record.")
    outcome: str = Field(
        description="`done`, an error's code, a verdict, or `stored(SERVER)`, `leads_to(HOST)`."
    )
    origin: str | None = Field(description="Address that the request came from.")
    previous: str = Field(description="Digest of the entry before; zeros before the first.")
    digest: str


class EnvelopeView(View):
    """A signed statement (DSSE): `synthcxr` checks it offline."""

    model_config = shown(examples.ENVELOPE)

    payloadType: str  # noqa: N815  the standard's name
    payload: str = Field(description="The statement, base64.")
    signatures: list[dict[str, str]]


class RemovedView(View):
    """A record that was removed, with its files."""

    kind: RecordKind
    id: str
    sha256: dict[str, str] = Field(description="Of its stored outputs, by name.")
    num_files: int | None = Field(description="Null until they are counted.")
    num_bytes: int | None = Field(description="Of a dataset in whole MiB.")


class KeptView(View):
    """What stays, and why."""

    kind: KeptKind
    id: str
    why: str


class DeletionView(View):
    """A deletion; once it is finished, `receipt` says the same under the service's signature."""

    model_config = shown(examples.DELETION)

    id: str
    kind: RecordKind
    target: str
    cascade: bool
    requested_by: str
    created_at: Moment
    finished_at: Moment | None = Field(description="Null while files may be left.")
    removed: list[RemovedView]
    kept: list[KeptView]
    receipt: EnvelopeView | None
    links: dict[str, str]

    @classmethod
    def of(cls, deletion: Deletion) -> "DeletionView":
        """Show a deletion."""
        links = {"self": f"/deletions/{deletion.id}"}
        return cls.model_validate(attributes(cls, deletion) | {"links": links})
