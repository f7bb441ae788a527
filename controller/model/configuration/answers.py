"""The `answers` section: DNS sampling of the zones' own name servers."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from controller.model.configuration.base import ConfigModel, Geography, PositiveSeconds, Seconds

DNS_PORT = 53


def host_and_port(name_server: str) -> tuple[str, int]:
    """Address and port of `192.0.2.1`, `192.0.2.1:5353` or `[2001:db8::1]:5353`.

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
    """DNS sampling: which answers the zones' own name servers give to users of each pool.

    Each sample is a query with EDNS client subnet and costs Route 53's price of a query.
    """

    subnets: dict[Geography, Subnet] = Field({})
    """Geography to a representative subnet of its users. A pool none of whose geographies is listed
    is not sampled."""
    interval_s: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 10
    """Seconds over which a pool's `asks` queries are spread."""
    asks: Annotated[int, Field(ge=1, le=100)] = 10
    """Queries per pool in each interval. More queries show the split of answers sooner and cost
    more."""
    deadline_s: PositiveSeconds = 2
    """Seconds after which a query without an answer has failed."""
    settled_after_s: Seconds = 60
    """Seconds after a change of weights before answers are compared with the weights. Route 53
    updates all name servers within 60 s."""
    name_servers: tuple[NameServerAddress, ...] = Field((), strict=False)
    """Name servers to query instead of those that Route 53 names for the zone. Only for an emulated
    AWS."""
