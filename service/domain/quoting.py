"""Text of others in our messages: printable and bounded, whoever wrote it."""

MAX_DETAIL_BYTES = 2048


def printable(text: str) -> str:
    r"""Write characters that cannot be shown as escapes, such as `\x07`, `\u202e`, `\udcfc`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def bounded(text: str, max_bytes: int = MAX_DETAIL_BYTES) -> str:
    """Make text printable and cut it to a number of bytes in UTF-8."""
    encoded = printable(text[:max_bytes]).encode()
    if len(encoded) <= max_bytes and len(text) <= max_bytes:
        return encoded.decode()
    mark = "…"
    return encoded[: max_bytes - len(mark.encode())].decode(errors="ignore") + mark
