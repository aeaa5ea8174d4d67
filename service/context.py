"""What use cases and endpoints work with: the ports and limits of one running service."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from service.domain import limits
from service.domain.audit import DONE, AuditDraft
from service.domain.caller import DEFAULT_TENANT, Caller, Scope
from service.domain.dicomweb import DicomwebServer
from service.domain.extractors import SuppliedExtractor
from service.domain.ports import ArtifactStore, Clock, SigningKeys, TaskQueue
from service.domain.quotas import Quotas
from service.domain.record_ports import Records
from service.domain.tenants import TenantTerms
from service.domain.webhook_ports import NoSecretBox, SecretBox
from service.domain.webhook_targets import TargetRules


@dataclass(frozen=True, slots=True)
class AppContext:
    """The application context.

    Attributes:
        records: Jobs and what they made.
        artifacts: The files of those.
        queue: Notifies workers of waiting jobs.
        clock: The time.
        signing_keys: What its sets are signed with.
        version: Version of this package, part of a synthetic set's identity.
        dataset_roots: Folders below which a dataset may be read.
        train_device: The kind of device that trains; presets are chosen for it.
        max_images_per_set: Largest synthetic set.
        max_json_bytes: Largest JSON body accepted.
        max_examinations_per_model: So many sets of one model are examined.
        max_findings_per_model: Of so many sets of one model the findings may be read.
        max_previews_per_model: So many previews of one model are drawn.
        required_approvals: So many people approve a set before it is handed out.
        upload_retention_seconds: How long the archive of a failed or cancelled ingest is kept.
        extractors: Networks that sets are compared by besides our own.
        dicomweb_servers: Servers that datasets are read from and sets pushed to, by name.
        min_free_bytes: Room that should be left for artifacts.
        hospital: Who releases sets, as certificates name it.
        show_dataset_name: Whether certificates name the dataset.
        secret_box: Seals the secrets of webhooks.
        webhook_rules: Where webhooks may lead.
        caller: Who asks.
        quotas: How much the caller's tenant may use.
        tenants: The terms of tenants that have their own.
        origin: The address that the request came from.
        operation: What is asked for, as openapi.yaml names it.
    """

    records: Records
    artifacts: ArtifactStore
    queue: TaskQueue
    clock: Clock
    signing_keys: SigningKeys
    version: str
    dataset_roots: tuple[Path, ...] = ()
    train_device: Literal["cpu", "cuda"] = "cpu"
    max_images_per_set: int = limits.MAX_IMAGES_PER_SET
    max_json_bytes: int = limits.MAX_JSON_BYTES
    max_examinations_per_model: int = limits.MAX_EXAMINATIONS_PER_MODEL
    max_findings_per_model: int = limits.MAX_FINDINGS_PER_MODEL
    max_previews_per_model: int = limits.MAX_PREVIEWS_PER_MODEL
    required_approvals: int = 0
    upload_retention_seconds: float = limits.UPLOAD_RETENTION_SECONDS
    extractors: tuple[SuppliedExtractor, ...] = ()
    dicomweb_servers: Mapping[str, DicomwebServer] = field(default_factory=dict)
    min_free_bytes: int = 0
    hospital: str | None = None
    show_dataset_name: bool = False
    secret_box: SecretBox = field(default_factory=NoSecretBox)
    webhook_rules: TargetRules = field(default_factory=TargetRules)
    caller: Caller = field(default_factory=Caller.without_key)
    quotas: Quotas = field(default_factory=Quotas)
    tenants: Mapping[str, TenantTerms] = field(default_factory=dict)
    origin: str | None = None
    operation: str = ""

    def of_caller(self, caller: Caller) -> "AppContext":
        """Return the context of one request: the records and terms of its caller's tenant.

        The folders of the server are the default tenant's, unless a tenant's terms name others.
        """
        roots = self.dataset_roots if caller.tenant == DEFAULT_TENANT else ()
        terms = self.tenants.get(caller.tenant) or TenantTerms(self.quotas, roots)
        return replace(
            self,
            caller=caller,
            records=self.records.of_tenant(caller.tenant),
            dataset_roots=terms.dataset_roots,
            quotas=terms.quotas,
        )

    @property
    def scopes(self) -> frozenset[Scope]:
        """What the caller is allowed to do."""
        return self.caller.scopes

    def entry(self, target: str | None, outcome: str = DONE) -> AuditDraft:
        """Return what the audit log says of this request.

        Args:
            target: The record it is about.
            outcome: How it ended.
        """
        return AuditDraft(
            self.caller.tenant, self.caller.id, self.operation, target, outcome, self.origin
        )
