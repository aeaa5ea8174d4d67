"""Sends a message to a webhook: one POST, to an address that was judged, within a time in all."""

import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import anyio
import httpx
from anyio.to_thread import run_sync

from service.domain.errors import WebhookTargetRefused
from service.domain.webhook_targets import Target, TargetRules
from service.domain.webhooks import Outcome

TIMEOUT_SECONDS = 15.0

Resolve = Callable[[str, int], Sequence[str]]


def addresses_of(host: str, port: int) -> list[str]:
    """Return the addresses that a name has, as this machine resolves it."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class WebhookSender:
    """Sends messages.

    No proxy is used: it would resolve names by itself. No redirect is followed, and nothing of an
    answer but its status is read.

    Args:
        rules: Where webhooks may lead.
        ca_file: Certificates to trust besides the usual ones.
        timeout_seconds: How long an attempt may take in all.
        resolve: Returns the addresses of a name; for tests.
    """

    def __init__(
        self,
        rules: TargetRules,
        ca_file: Path | None = None,
        timeout_seconds: float = TIMEOUT_SECONDS,
        resolve: Resolve = addresses_of,
    ) -> None:
        self._rules = rules
        self._ca_file = ca_file
        self._timeout_seconds = timeout_seconds
        self._resolve = resolve

    def send(self, url: str, headers: Mapping[str, str], body: str) -> Outcome:
        """Send one message, and say what became of it."""
        try:
            return anyio.run(self._within_time, self._rules.target(url), headers, body)
        except WebhookTargetRefused:
            return Outcome(error="target_refused")
        except (socket.gaierror, UnicodeError):
            return Outcome(error="unresolved")
        except ssl.SSLError:
            return Outcome(error="tls_failed")
        except httpx.HTTPError as error:
            causes = (error, error.__cause__, error.__context__)
            in_tls = any("CERTIFICATE" in str(each) or "SSL" in str(each) for each in causes)
            return Outcome(error="tls_failed" if in_tls else "unreachable")
        except OSError:
            return Outcome(error="unreachable")

    async def _within_time(self, target: Target, headers: Mapping[str, str], body: str) -> Outcome:
        with anyio.move_on_after(self._timeout_seconds):
            return await self._sent(target, headers, body)
        return Outcome(error="timeout")

    async def _sent(self, target: Target, headers: Mapping[str, str], body: str) -> Outcome:
        address = await self._address(target)
        named = {**headers, "host": target.authority, "user-agent": "synthcxr"}
        trusted = self._trusted if target.scheme == "https" else _nobody()
        async with (
            httpx.AsyncClient(verify=trusted, trust_env=False, timeout=None) as client,  # noqa: S113 - all of it has one
            client.stream(
                "POST",
                target.at(address),
                headers=named,
                content=body.encode(),
                extensions={"sni_hostname": target.host},  # whose certificate is asked for
            ) as response,
        ):
            return Outcome.answered(response.status_code)

    async def _address(self, target: Target) -> str:
        """Return the address to connect to; a name with one that is refused is refused."""
        found = await run_sync(self._resolve, target.host, target.port, abandon_on_cancel=True)
        for each in found:
            self._rules.check_address(target, each)
        if not found:
            raise socket.gaierror(f"{target.host} has no address")
        return found[0]

    @cached_property
    def _trusted(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context(trust_env=False)
        if self._ca_file:
            context.load_verify_locations(cafile=self._ca_file)
        return context


def _nobody() -> ssl.SSLContext:
    """Trust no certificate: for what is sent without TLS."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
