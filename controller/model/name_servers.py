"""How the zones' own name servers are asked what they answer users."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from controller.model.config_model import ConfigModel, Geography

DNS_PORT = 53


def host_and_port(name_server: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353` or `[2001:db8::1]:5353` as address and port.

    Raises ValueError for anything else.
    """
    parts = urlsplit(f"//{name_server}")
    host = parts.hostname or ""
    ip_address(host)
    if parts.netloc != name_server or parts.port == 0:
        raise ValueError(name_server)
    return host, parts.port or DNS_PORT


def _subnet(value: str) -> str:
    try:
        ip_network(value)
    except ValueError as error:
        raise ValueError(f"a subnet such as 192.0.2.0/24 ({error})") from error
    return value


def _name_server(value: str) -> str:
    try:
        host_and_port(value)
    except ValueError as error:
        raise ValueError("an address with or without a port, as in 192.0.2.1:53") from error
    return value


Subnet = Annotated[str, AfterValidator(_subnet)]
NameServerAddress = Annotated[str, AfterValidator(_name_server)]


class AnswerSettings(ConfigModel):
    """How the zones' own name servers are asked what they answer users."""

    subnets: dict[Geography, Subnet] = Field({})
    """A representative subnet of users for each geography; pools without any are not asked for."""
    interval_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 10
    """Seconds over which a pool's `asks` are spread."""
    asks: Annotated[int, Field(ge=1, le=100)] = 10
    """Questions for each pool in every interval: the more, the sooner their split is known."""
    deadline_s: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2
    """Seconds one question may take."""
    settled_after_s: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 60
    """Seconds after a change of weights before answers are compared with them."""
    name_servers: tuple[NameServerAddress, ...] = Field((), strict=False)
    """Whom to ask instead of the zones' own name servers, for a stand-in for AWS."""
