"""The DICOMweb servers that the operator allows, such as a hospital's PACS."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from service.domain.caller import DEFAULT_TENANT
from service.domain.errors import DicomwebNotAllowed, DicomwebServerUnknown

DicomwebUse = Literal["read", "push"]


@dataclass(frozen=True, slots=True)
class DicomwebServer:
    """A server that the settings name.

    Attributes:
        name: What clients call it; they never name an address.
        url: Root of its DICOMweb services.
        allow: What clients may do with it: `read` datasets from it, `push` released sets to it.
        tenants: Whose clients may.
        username: For HTTP basic authentication, with `password_file`.
        password_file: Holds the password.
        token_file: Holds a bearer token.
        ca_file: Certificates (PEM) that its own must be signed by; by default the system's.
    """

    name: str
    url: str
    allow: frozenset[DicomwebUse] = frozenset({"read"})
    tenants: frozenset[str] = frozenset({DEFAULT_TENANT})
    username: str | None = None
    password_file: Path | None = None
    token_file: Path | None = None
    ca_file: Path | None = None


def allowed_server(
    servers: Mapping[str, DicomwebServer], name: str, use: DicomwebUse, tenant: str
) -> DicomwebServer:
    """Return the server of a name.

    Args:
        servers: All that the settings name, by name.
        name: The one that is asked for.
        use: What it is asked for.
        tenant: Who asks.

    Raises:
        DicomwebServerUnknown: There is none that the tenant may use.
        DicomwebNotAllowed: It is not for this use.
    """
    known = {each.name: each for each in servers.values() if tenant in each.tenants}
    server = known.get(name)
    if server is None:
        names = ", ".join(sorted(known)) or "none"
        raise DicomwebServerUnknown(
            f"The settings name no such DICOMweb server for you; there are: {names}. Name one of "
            "these, or let the operator add it to SYNTHCXR_DICOMWEB_SERVERS."
        )
    if use not in server.allow:
        raise DicomwebNotAllowed(
            f"The DICOMweb server {name} does not allow to {use}. Name another one, or let the "
            f"operator add {use} to its `allow` in SYNTHCXR_DICOMWEB_SERVERS."
        )
    return server
