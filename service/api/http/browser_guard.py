"""Who may reach the API through a browser: names of the host, and origins of web pages.

Any page that is open on a machine of the hospital can send requests to this service. Its name can
be made to point here (DNS rebinding), so a request must name a host that is ours; and what a
browser sends for another site is refused by `Origin` and `Sec-Fetch-Site`, before a body is read.
"""

import re
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from service.api.errors import on_our_error
from service.domain.errors import HostNotAllowed, OriginNotAllowed, SyntheticDataError

_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+?)\.?)(?::[0-9]{1,5})?")
_OUR_SITES = {None, "same-origin", "none"}  # none: typed, or from a bookmark
# other sites may link to these
_LINKED_PAGES = re.compile(r"/|/console|/docs|/synthetic-sets/[^/]+/report")
_LONGEST_QUOTE = 80


class BrowserGuard:
    """Refuse requests to another host, and those that a browser sends for another site.

    Args:
        app: What answers the others.
        hosts: Names and addresses of this service besides those of the loopback.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = {"localhost", *(host.strip("[]").rstrip(".").lower() for host in hosts)}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http":
            try:
                self._check_host(scope)
                _check_origin(scope)
            except SyntheticDataError as error:
                answer = await on_our_error(Request(scope), error)
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check_host(self, scope: Scope) -> None:
        given = Headers(scope=scope).getlist("host")
        found = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
        if found is None:
            raise HostNotAllowed("Send one header Host, with the name or address of this service.")
        name = found[1] or found[2]
        if name not in self._hosts and not _is_own_address(name, scope):
            raise HostNotAllowed(
                f"This service is not known as {name[:_LONGEST_QUOTE]!r}. Its operator adds the "
                "names that clients reach it by to SYNTHCXR_ALLOWED_HOSTS, separated by commas."
            )


def _is_own_address(name: str, scope: Scope) -> bool:
    """Say whether a host is a loopback address, or the one that the request arrived at.

    Unlike a name, an address cannot be made to point elsewhere.
    """
    address = _address(name)
    arrived_at, _ = scope.get("server") or ("", None)
    return address is not None and (address.is_loopback or address == _address(arrived_at))


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _check_origin(scope: Scope) -> None:
    headers = Headers(scope=scope)
    ours = {f"{scheme}://{headers['host'].lower()}" for scheme in ("http", "https")}
    if any(origin.lower() not in ours for origin in headers.getlist("origin")):
        raise OriginNotAllowed(
            "A web page of another site sent this request. Open this service by its own address, "
            "or call it from a program without the header Origin; a proxy must pass Host on."
        )
    if headers.get("sec-fetch-site") not in _OUR_SITES and not _follows_link(scope, headers):
        raise OriginNotAllowed(
            "A browser sent this request for another site (Sec-Fetch-Site). Open this service by "
            "its own address."
        )


def _follows_link(scope: Scope, headers: Headers) -> bool:
    """Say whether a person opens a page of ours; the site with the link cannot read it."""
    is_page = scope["method"] in {"GET", "HEAD"} and _LINKED_PAGES.fullmatch(scope["path"])
    mode, destination = headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")
    return bool(is_page) and (mode, destination) == ("navigate", "document")
