"""Addresses in settings: whether they are this machine's, and where a password goes."""

import ipaddress
from urllib.parse import quote, urlsplit

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
