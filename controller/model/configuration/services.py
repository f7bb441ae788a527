"""Services and the catalogue of regions: what is steered, where it runs, and by which lever."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from controller.model.configuration.base import (
    ConfigModel,
    Geography,
    Name,
    PositiveSeconds,
    RegionName,
    Text,
)
from controller.model.configuration.endpoints import Endpoint


class Region(ConfigModel):
    """One AWS region in the catalogue: its facts that are the same for every service."""

    jurisdiction: Text
    """Whose law holds there, for example EU or US; pools with a `residency` compare it."""
    egress_usd_per_gb: Annotated[float, Field(ge=0)] = 0.09
    """Price of traffic to the Internet, US dollars per GB. `placement.ms_per_usd_per_gb` says how
    much it counts against latency. The default is AWS's price in the EU and the USA."""
    place: Text | None = None
    """Location as people know it, such as `Dublin, Ireland`. Shown only, never computed with."""


class ServiceRegion(ConfigModel):
    """What one service runs in one region of the catalogue."""

    capacity_rps: Annotated[float, Field(gt=0)] | None = None
    """Requests per second that the service can carry in this region; measure it. Default: unknown;
    then the region gets its part (by `share`) of each pool's demand and no more."""
    share: Annotated[float, Field(ge=0)] = 1
    """Weight of the region, relative to the pool's other regions, in pools without `latency_ms`.
    0: a reserve."""
    endpoints: dict[Name, Endpoint] = Field(min_length=1)
    """Endpoints to probe, by names of your choice. At least one must be `required`."""


class Pool(ConfigModel):
    """A group of users, named by their geographies, that is steered as one."""

    geographies: tuple[Geography, ...] = Field(min_length=1, strict=False)
    """`country:DE`, `continent:AS` or `default` (all users whom no other pool names). Each
    geography is in one pool. A pool with a `residency` names countries only."""
    regions: tuple[RegionName, ...] = Field(min_length=1, strict=False)
    """The lawful regions: no other region ever serves the pool's users."""
    residency: Text | None = None
    """Jurisdiction that every region of the pool must have. It is never traded for availability.
    Default: the pool is not bound to a jurisdiction."""
    demand_rps: Annotated[float, Field(ge=0)]
    """Requests per second its users ask for at peak."""
    latency_ms: dict[RegionName, Annotated[float, Field(ge=0, allow_inf_nan=False)]] = Field({})
    """Region to the milliseconds between the pool's users and it, for all of the pool's regions.
    Users are placed near. Empty: they are placed by the regions' `share`."""


class Route53Lever(ConfigModel):
    """The weighted records `<pool>.<name>` (A and AAAA) of one hosted zone.

    The SetIdentifier of a record is its region.
    """

    hosted_zone_id: Annotated[str, StringConstraints(pattern=r"^Z[A-Z0-9]{1,31}$")]
    name: Annotated[str, StringConstraints(pattern=r"^([a-z0-9_-]+\.)+$")]
    """The service's DNS name in lower case, with its final dot."""
    ttl_s: PositiveSeconds = 60
    """TTL of the weighted records, seconds: how long resolvers keep an answer, and so how long a
    drain takes to reach users. Write the TTL that the records in the zone have."""
    weights: dict[
        Name,
        dict[RegionName, dict[Literal["A", "AAAA"], Annotated[int, Field(ge=1, le=255)]]],
    ] = Field({})
    """Pool to region to the ratio of its A and its AAAA record's weight, such as {A: 2, AAAA: 1}.
    Only for a region that is at 0 and was never seen open: what stood before a drain comes back
    by itself. Default: as in the pool's other regions."""

    def leaf_name(self, pool: str) -> str:
        """DNS name of a pool's weighted records."""
        return f"{pool}.{self.name}"


class AcceleratorLever(ConfigModel):
    """The endpoint groups of one Global Accelerator, found by their regions. It has one pool."""

    pool: Name
    """The pool behind the accelerator."""
    arn: Annotated[
        str,
        StringConstraints(pattern=r"^arn:aws:globalaccelerator::\d{12}:accelerator/[0-9a-f-]+$"),
    ]
    """ARN of the accelerator."""
    endpoint_weight: Annotated[int, Field(ge=1, le=255)] = 128
    """Weight that the only endpoint of a group gets when the group is opened and its weight was
    never seen; AWS's own default. Weights that were seen are kept."""
    weights: dict[RegionName, dict[Text, Annotated[int, Field(ge=0, le=255)]]] = Field({})
    """Region to endpoint id to weight, of all endpoints of its groups. Only for groups of several
    endpoints that are at 0 and were never seen open: what stood before a drain comes back by
    itself."""
    nearest: dict[RegionName, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field({})
    """Region to how many of the pool's users are nearest to it, relative to the other regions. The
    effect of a dial depends on it. Corrected by measured traffic. Empty: equally many."""


class Levers(ConfigModel):
    """The lever that steers a service: exactly one of Route 53 and Global Accelerator."""

    route53: Route53Lever | None = None
    """Weighted records of a hosted zone."""
    accelerator: AcceleratorLever | None = None
    """Endpoint groups of an accelerator."""


class Mode(StrEnum):
    """Whether plans are carried out."""

    ACTIVE = "active"
    DRY_RUN = "dry_run"


class Service(ConfigModel):
    """One steered DNS name or accelerator, with its regions, pools and lever."""

    mode: Annotated[Mode, Field(strict=False)] | None = None
    """`dry_run`: never write to AWS for this service. Default: the daemon's `mode`. The stricter of
    the two applies, so a service cannot be active in a daemon that is not."""
    regions: dict[RegionName, ServiceRegion] = Field(min_length=1)
    """Regions of the catalogue in which the service runs. Each can serve users by itself."""
    pools: dict[Name, Pool] = Field(min_length=1)
    """Groups of users that are steered together."""
    levers: Levers
    """How the service is steered."""
