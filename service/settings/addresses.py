"""Addresses in settings: whose they are, where a password goes, whether TLS is checked."""

import ipaddress
from urllib.parse import parse_qs, quote, urlsplit

from pydantic import SecretStr


def is_loopback(host: str) -> bool:
    """Say whether an address or name to listen on is reached from this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def with_password(url: str, password: SecretStr | None) -> str:
    """Put a password into a URL, unless it has one."""
    parts = urlsplit(url)
    if password is None or parts.password:
        return url
    user, _, host = parts.netloc.rpartition("@")
    quoted = quote(password.get_secret_value(), safe="")
    return parts._replace(netloc=f"{user}:{quoted}@{host}").geturl()


def with_checked_certificate(url: str) -> str:
    """Have the certificate of a broker checked, unless its URL says whether to.

    Celery encrypts to whoever answers at a `rediss://` URL that names nothing of the kind.
    """
    parts = urlsplit(url)
    if parts.scheme != "rediss" or "ssl_cert_reqs" in parse_qs(parts.query):
        return url
    query = "&".join(filter(None, (parts.query, "ssl_cert_reqs=required")))
    return parts._replace(query=query).geturl()
