"""What all tenants may use, and what single ones may where it differs."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import NoDecode

from service.domain.caller import DEFAULT_TENANT
from service.domain.quotas import Quotas
from service.domain.tenants import TenantTerms

Limit = Annotated[int, Field(ge=0)] | None


class TenantSettings(BaseModel):
    """What one tenant may use, where it differs from what all may; null: without a limit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset_roots: tuple[Path, ...] = ()
    max_queued_jobs: Limit = None
    max_worker_seconds_per_day: Limit = None
    max_stored_bytes: Limit = None
    max_images_per_day: Limit = None


class TenantsSettings(BaseModel):
    """The quotas, and the folders that may be read.

    Attributes:
        dataset_roots: Folders below which `POST /datasets {"path": ...}` may read; in the
            environment separated as in PATH.
        max_queued_jobs: Jobs of one tenant that may wait at once; by default any number, as for
            the next three.
        max_worker_seconds_per_day: Seconds that workers spend on a tenant's jobs, per UTC day.
        max_stored_bytes: Bytes of a tenant's datasets, and of uploads until they are ingested.
        max_images_per_day: Images that a tenant generates, per UTC day.
        tenants: What tenants may use where it differs, as JSON: `{"NAME": {"max_queued_jobs": 5,
            "dataset_roots": ["/data/NAME"]}}`. Only the default tenant reads `dataset_roots`.
    """

    dataset_roots: Annotated[tuple[Path, ...], NoDecode] = ()
    max_queued_jobs: Limit = None
    max_worker_seconds_per_day: Limit = None
    max_stored_bytes: Limit = None
    max_images_per_day: Limit = None
    tenants: dict[str, TenantSettings] = Field(default_factory=dict)

    @field_validator("dataset_roots", mode="before")
    @classmethod
    def _split_roots(cls, value: Any) -> Any:
        return value.split(os.pathsep) if isinstance(value, str) and value else value or ()

    @property
    def quotas(self) -> Quotas:
        """Return the limits of a tenant that has none of its own."""
        return Quotas(
            self.max_queued_jobs,
            self.max_worker_seconds_per_day,
            self.max_stored_bytes,
            self.max_images_per_day,
        )

    @property
    def tenant_terms(self) -> Mapping[str, TenantTerms]:
        """Return the terms of the tenants that have their own."""
        terms = {}
        for name, tenant in self.tenants.items():
            own = {limit: getattr(tenant, limit) for limit in tenant.model_fields_set}
            default = self.dataset_roots if name == DEFAULT_TENANT else ()
            roots = own.pop("dataset_roots", default)
            terms[name] = TenantTerms(replace(self.quotas, **own), roots)
        return terms
