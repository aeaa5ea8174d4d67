"""What every answer says to browsers: embed, guess, keep and pass on nothing."""

from starlette.datastructures import MutableHeaders

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
UNLESS_SET = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
# A page carries its style and its images; it has no script, form or frame and loads nothing.
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def secure(headers: MutableHeaders) -> None:
    """Add these headers to an answer's."""
    for name, value in ALWAYS.items():
        headers[name] = value
    if headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", PAGE_POLICY)
    for name, value in UNLESS_SET.items():
        headers.setdefault(name, value)
