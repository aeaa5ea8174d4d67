"""Where webhooks may lead."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, field_validator
from pydantic_settings import NoDecode

from service.domain.webhook_targets import PORTS, TargetRules

_HOST = re.compile(r"(?P<host>[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(:(?P<port>\d{1,5}))?")


class WebhookSettings(BaseModel):
    """What the operator allows.

    Attributes:
        webhook_hosts: The only hosts that webhooks may lead to, as HOST or HOST:PORT, separated by
            commas; they may have addresses of the own network. By default any host is allowed
            whose addresses are all public.
        webhook_loopback: Whether webhooks may lead to this machine itself, also by http and at any
            port.
        webhook_ca_file: Certificates to trust besides the usual ones.
    """

    webhook_hosts: Annotated[tuple[str, ...], NoDecode] = ()
    webhook_loopback: bool = False
    webhook_ca_file: Path | None = None

    @field_validator("webhook_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        hosts = [each.strip().lower() for each in value.split(",") if each.strip()]
        if not all(map(_HOST.fullmatch, hosts)):
            raise ValueError("Write HOST or HOST:PORT, separated by commas.")
        return hosts

    @property
    def webhook_rules(self) -> TargetRules:
        """Return where webhooks may lead."""
        ports: dict[str, set[int]] = {}
        for each in filter(None, map(_HOST.fullmatch, self.webhook_hosts)):
            named = {int(each["port"])} if each["port"] else PORTS
            ports.setdefault(each["host"].strip("[]"), set()).update(named)
        hosts = tuple((host, frozenset(named)) for host, named in ports.items())
        return TargetRules(hosts, loopback=self.webhook_loopback)
