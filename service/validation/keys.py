"""What may be asked of API keys."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from service.domain.caller import Scope
from service.validation.bodies import Name, Strict

MAX_GRACE_SECONDS = 30 * 24 * 3600
MAX_DAYS = 3650


class KeyBody(Strict):
    """A new API key."""

    name: Annotated[Name, Field(description="For people.", examples=["research pipeline"])]
    scopes: Annotated[
        list[Scope],
        Field(
            min_length=1,
            max_length=10,
            description="What it allows; its maker must hold all of them.",
            examples=[["train", "generate"]],
        ),
    ]
    expires_in_days: Annotated[
        int | None,
        Field(ge=1, le=MAX_DAYS, description="Null: it ends when it is revoked.", examples=[90]),
    ] = None

    @property
    def valid_for(self) -> timedelta | None:
        """How long the key is accepted."""
        return timedelta(days=self.expires_in_days) if self.expires_in_days else None


class RotateBody(Strict):
    """How a key changes its secret."""

    grace_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_GRACE_SECONDS,
            description="How long the present secret is accepted beside the new one; 0: it ends "
            "at once.",
            examples=[3600],
        ),
    ] = 0
