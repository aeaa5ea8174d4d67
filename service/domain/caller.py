"""Who asks, for whom, and what they are allowed to do."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, get_args

Scope = Literal[
    "datasets",
    "train",
    "generate",
    "private:read",
    "weights:read",
    "release:approve",
    "metrics:read",
    "admin",
]

SCOPES: tuple[Scope, ...] = get_args(Scope)
DATASETS: Scope = "datasets"  # ingest and delete datasets
TRAIN: Scope = "train"  # train models
GENERATE: Scope = "generate"  # request synthetic sets
PRIVATE_READ: Scope = "private:read"  # see what was not released: previews, findings, refused sets
WEIGHTS_READ: Scope = "weights:read"  # download the weights of cleared models
RELEASE_APPROVE: Scope = "release:approve"  # approve sets, where the operator asks for it
METRICS_READ: Scope = "metrics:read"  # read /metrics, and nothing else
ADMIN: Scope = "admin"  # manage keys and webhooks, read the audit log

# what a key of `synthcxr up` may do, and everybody where keys are off, besides what is added
WORK: frozenset[Scope] = frozenset({DATASETS, TRAIN, GENERATE, METRICS_READ, ADMIN})

DEFAULT_TENANT = "default"
TENANT_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,64}")


@dataclass(frozen=True, slots=True)
class Caller:
    """The client that a request came from.

    Attributes:
        id: Names the caller in the audit log: `key_...`, or subject and issuer of a token.
        tenant: Whose records the caller can see; those of other tenants do not exist for them.
        scopes: What they are allowed to do.
        expires_at: When what they identified themselves with ends; None where it does not.
    """

    id: str
    tenant: str = DEFAULT_TENANT
    scopes: frozenset[Scope] = field(default=WORK)
    expires_at: datetime | None = None

    @classmethod
    def without_key(cls, *extra: Scope) -> "Caller":
        """Return the caller of a service that asks for no keys."""
        return cls("anybody", scopes=WORK | frozenset(extra))

    @classmethod
    def unknown(cls) -> "Caller":
        """Return the caller of what is for everybody, who was not asked who they are."""
        return cls("unknown", scopes=frozenset())


def sorted_scopes(scopes: Iterable[Scope]) -> tuple[Scope, ...]:
    """Return scopes without repetition, in the order in which they are documented."""
    given = frozenset(scopes)
    return tuple(scope for scope in SCOPES if scope in given)
