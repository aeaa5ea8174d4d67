"""How long a body may take to arrive."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STALL_SECONDS = 30.0  # between two pieces of a body
LEAST_BYTES_PER_SECOND = 1000  # of a body, on average, after the first STALL_SECONDS


class BodyDeadline:
    """Refuse a body that does not arrive, so that nobody keeps an upload open for ever.

    Args:
        app: What reads the body.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = asyncio.get_running_loop().time()
        num_bytes = 0
        complete = False

        async def receive_in_time() -> Message:
            nonlocal num_bytes, complete
            if complete:
                return await receive()
            earned = num_bytes / LEAST_BYTES_PER_SECOND
            left = began + earned + STALL_SECONDS - asyncio.get_running_loop().time()
            try:
                async with asyncio.timeout(min(left, STALL_SECONDS)):
                    message = await receive()
            except TimeoutError:
                raise HTTPException(
                    408,
                    f"The body stopped arriving for {STALL_SECONDS:.0f} seconds, or came slower "
                    f"than {LEAST_BYTES_PER_SECOND} bytes a second. Send the request again.",
                    {"Connection": "close"},
                ) from None
            num_bytes += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            return message

        await self._app(scope, receive_in_time, send)
