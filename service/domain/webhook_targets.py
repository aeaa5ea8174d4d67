"""Where webhooks may lead, so that nobody makes the service ask what only it can reach.

A URL is judged when a webhook is made; the addresses that its name has are judged at every attempt,
and the connection goes to such an address and to no other.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from service.domain.errors import WebhookTargetRefused

PORTS = frozenset({443, 8443})
MOST_CHARACTERS = 2000

Address = IPv4Address | IPv6Address

_URL = re.compile(r"[\w\-.~:/?\[\]@!$&'()*+,;=%]+", re.ASCII)  # of RFC 3986, without a fragment
_NAME = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z][a-z0-9-]{0,62}")
# what a host that the operator named may have besides: a hospital's own network
_OWN_NETWORKS = tuple(
    map(ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
_CLOUD_METADATA = tuple(
    map(ip_network, ("fd00:ec2::/32", "fd20:ce::254", "fd00:42::42", "100.100.100.200"))
)
# IANA's special-purpose addresses, and one that a cloud's machines are served by: interpreters
# differ in what they call global
_NOT_PUBLIC = tuple(
    map(
        ip_network,
        (
            *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
            *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
            *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3"),
            "168.63.129.16",
            *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
        ),
    )
)
_GLOBAL_UNICAST = ip_network("2000::/3")  # all of IPv6 that is given out
_NAT64 = ip_network("64:ff9b::/96")
_LAST_32_BITS = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Target:
    """Where a webhook leads.

    Attributes:
        scheme: https, or http on this machine.
        host: A name or an address, without brackets.
        port: Its port.
        path: Path and query.
        trusted: Whether the operator named this host and port.
    """

    scheme: str
    host: str
    port: int
    path: str
    trusted: bool = False

    @property
    def authority(self) -> str:
        """Host and port, as the header `Host` names them."""
        usual = self.port == (443 if self.scheme == "https" else 80)
        return _in_url(self.host) + ("" if usual else f":{self.port}")

    def at(self, address: str) -> str:
        """Write the URL with an address in the place of the name."""
        return f"{self.scheme}://{_in_url(address)}:{self.port}{self.path}"


@dataclass(frozen=True, slots=True)
class TargetRules:
    """What the operator allows.

    Attributes:
        hosts: The only hosts that are allowed, each with the ports that are; empty for any host
            whose addresses are all public.
        loopback: Whether this machine itself is allowed, also by http and at any port.
    """

    hosts: tuple[tuple[str, frozenset[int]], ...] = ()
    loopback: bool = False

    def target(self, url: str) -> Target:
        """Read a URL.

        Raises:
            WebhookTargetRefused: It may not be used, or is none.
        """
        if len(url) > MOST_CHARACTERS or not _URL.fullmatch(url):
            raise _refused(f"It is an https URL of at most {MOST_CHARACTERS} characters, ASCII.")
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError as error:
            raise _refused("It is no URL.") from error
        if "@" in parts.netloc:
            raise _refused("It must hold no user and no password: messages are signed.")
        literal = _literal(host)
        if literal is None and not _NAME.fullmatch(host):
            raise _refused("Its host is neither a name nor an address.")
        here = self.loopback and (literal.is_loopback if literal else host == "localhost")
        if parts.scheme not in ({"https", "http"} if here else {"https"}):
            raise _refused("It must begin with https://.")
        port = port or (443 if parts.scheme == "https" else 80)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        named = dict(self.hosts).get(host)
        target = Target(parts.scheme, host, port, path, trusted=named is not None)
        if here:
            return target
        if self.hosts and named is None:
            raise _refused(
                "Its host is not one that the operator allows (SYNTHCXR_WEBHOOK_HOSTS). Ask for it."
            )
        if port not in (named or PORTS):
            allowed = " and ".join(map(str, sorted(named or PORTS)))
            raise _refused(f"Its port may be {allowed}, unless the operator names another.")
        if literal:
            self.check_address(target, host)
        return target

    def check_address(self, target: Target, address: str) -> None:
        """Judge an address that a target's name has.

        Raises:
            WebhookTargetRefused: The connection may not be made.
        """
        found = _embedded(ip_address(address.partition("%")[0]))
        if found.is_loopback:
            literal = _literal(target.host)
            here = literal is not None or target.host == "localhost"
            allowed = self.loopback and here
        elif target.trusted and any(found in each for each in _OWN_NETWORKS):
            allowed = not any(found in each for each in _CLOUD_METADATA)
        else:
            allowed = _public(found)
        if not allowed:
            raise _refused(
                "Its host has an address that is not public. The operator can allow a host of "
                "the own network (SYNTHCXR_WEBHOOK_HOSTS)."
            )


def _public(address: Address) -> bool:
    """Say whether an address belongs to the internet."""
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not any(address in each for each in _NOT_PUBLIC)


def _embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address stands for, where it does.

    Where it stands in 64:ff9b:1::/48 (RFC 8215) each network decides, so those are not public.
    """
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & _LAST_32_BITS)
    if address.teredo:
        return address.teredo[1]
    return address.ipv4_mapped or address.sixtofour or address


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _refused(why: str) -> WebhookTargetRefused:
    return WebhookTargetRefused.at("/url", f"This URL cannot be used. {why}")
