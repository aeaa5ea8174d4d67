"""What one tenant may use of the service."""

from dataclasses import dataclass, field
from pathlib import Path

from service.domain.quotas import Quotas


@dataclass(frozen=True, slots=True)
class TenantTerms:
    """The terms of one tenant.

    Attributes:
        quotas: Its limits.
        dataset_roots: Folders of the server below which its datasets may be read.
    """

    quotas: Quotas = field(default_factory=Quotas)
    dataset_roots: tuple[Path, ...] = ()
