"""What a client reads of an API key."""

from pydantic import Field

from service import examples
from service.api.views.base import Moment, View, attributes, shown
from service.domain.caller import Scope
from service.key_management import IssuedKey


class KeyView(View):
    """What is known of an API key."""

    model_config = shown(examples.KEY)

    id: str
    name: str
    tenant: str
    scopes: list[Scope]
    created_at: Moment
    created_by: str = Field(description="The caller who made it.")
    shown: str = Field(description="The first characters of its secret, to recognise it by.")
    expires_at: Moment | None
    earlier_expires_at: Moment | None = Field(
        description="Until when the secret before the last rotation is accepted."
    )
    revoked_at: Moment | None
    last_used_at: Moment | None = Field(description="To the minute.")


class IssuedKeyView(KeyView):
    """An API key with its secret, which is shown once."""

    model_config = shown({**examples.KEY, "secret": examples.KEY_SECRET})

    secret: str = Field(description="Send it as `Authorization: Bearer ...`; it is not kept.")

    @classmethod
    def of(cls, issued: IssuedKey) -> "IssuedKeyView":
        """Show a key that was just made or rotated."""
        return cls(**attributes(KeyView, issued.key), secret=issued.secret)
