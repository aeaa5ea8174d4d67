"""HEAD: what GET answers, without its body (RFC 9110, section 9.3.2)."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send


def is_head(scope: Scope) -> bool:
    """Say whether a request asks for the head of an answer alone."""
    return bool(scope["type"] == "http" and scope["method"] == "HEAD")


async def answer_head(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the head of what an app answers, and end it there: a stream has no end of its own."""
    ended = False

    async def send_head(message: Message) -> None:
        nonlocal ended
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})
            ended = True

    async def receive_until_ended() -> Message:
        return {"type": "http.disconnect"} if ended else await receive()

    await app(scope, receive_until_ended, send_head)
