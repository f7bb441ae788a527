"""The locations of the sandbox's addresses: a small fixed table instead of a geolocation database.

Users of DNS have documentation prefixes (RFC 5737, RFC 3849); users of the accelerator have
loopback source addresses, because they open real connections. Continents are Route 53's (developer
guide, *Values specific for geolocation records*): its EU includes Russia, Turkey and Great Britain.
Coordinates are of one large city, good enough to say which Region is nearer.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain
from math import asin, cos, radians, sin, sqrt

EARTH_RADIUS_KM = 6_371.0

Coordinates = tuple[float, float]  # latitude and longitude in degrees


@dataclass(frozen=True, slots=True)
class Location:
    """A country by its ISO code, and its continent by Route 53's code."""

    country: str
    continent: str


_COUNTRIES: dict[str, tuple[str, Coordinates]] = {
    "DE": ("EU", (50.1, 8.7)),
    "FR": ("EU", (48.9, 2.4)),
    "IE": ("EU", (53.3, -6.3)),
    "NL": ("EU", (52.4, 4.9)),
    "SE": ("EU", (59.3, 18.1)),
    "ES": ("EU", (40.4, -3.7)),
    "IT": ("EU", (41.9, 12.5)),
    "PL": ("EU", (52.2, 21.0)),
    "GB": ("EU", (51.5, -0.1)),
    "CH": ("EU", (47.4, 8.5)),
    "RU": ("EU", (55.8, 37.6)),
    "TR": ("EU", (41.0, 29.0)),
    "US": ("NA", (39.0, -77.5)),
    "CA": ("NA", (45.5, -73.6)),
    "MX": ("NA", (19.4, -99.1)),
    "BR": ("SA", (-23.6, -46.6)),
    "AR": ("SA", (-34.6, -58.4)),
    "JP": ("AS", (35.7, 139.7)),
    "SG": ("AS", (1.3, 103.8)),
    "IN": ("AS", (19.1, 72.9)),
    "KR": ("AS", (37.6, 127.0)),
    "AE": ("AS", (25.2, 55.3)),
    "AU": ("OC", (-33.9, 151.2)),
    "NZ": ("OC", (-36.8, 174.8)),
    "ZA": ("AF", (-33.9, 18.4)),
    "KE": ("AF", (-1.3, 36.8)),
    "NG": ("AF", (6.5, 3.4)),
    "AQ": ("AN", (-77.8, 166.7)),
}

_REGIONS: dict[str, Coordinates] = {
    "us-east-1": (39.0, -77.5),
    "us-east-2": (40.0, -83.0),
    "us-west-1": (37.4, -122.0),
    "us-west-2": (45.8, -119.7),
    "ca-central-1": (45.5, -73.6),
    "sa-east-1": (-23.6, -46.6),
    "eu-west-1": (53.3, -6.3),
    "eu-west-2": (51.5, -0.1),
    "eu-west-3": (48.9, 2.4),
    "eu-central-1": (50.1, 8.7),
    "eu-north-1": (59.3, 18.1),
    "eu-south-1": (45.5, 9.2),
    "me-south-1": (26.1, 50.6),
    "af-south-1": (-33.9, 18.4),
    "ap-south-1": (19.1, 72.9),
    "ap-southeast-1": (1.3, 103.8),
    "ap-southeast-2": (-33.9, 151.2),
    "ap-northeast-1": (35.7, 139.7),
    "ap-northeast-2": (37.6, 127.0),
}

# An address outside the table counts as in Virginia.
_UNKNOWN_ORIGIN = _REGIONS["us-east-1"]

COUNTRIES = tuple(_COUNTRIES)
_IPV4_BLOCKS = tuple(
    chain.from_iterable(
        IPv4Network(prefix).subnets(new_prefix=28)
        for prefix in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")
    )
)
Network = IPv4Network | IPv6Network


def _networks() -> Iterator[tuple[Network, str]]:
    for number, country in enumerate(COUNTRIES):
        yield _IPV4_BLOCKS[number], country
        yield IPv6Network(f"2001:db8:{number:x}::/48"), country
        yield IPv4Network(f"127.20.{number}.0/24"), country


_COUNTRY_BY_NETWORK = dict(_networks())


def location_of(address: str) -> Location | None:
    """The location of an address; None for one outside the table, such as 127.0.0.1."""
    parsed = ip_address(address)
    length = 48 if parsed.version == 6 else 24 if parsed.is_loopback else 28
    country = _COUNTRY_BY_NETWORK.get(ip_network((parsed, length), strict=False))
    return None if country is None else Location(country, _COUNTRIES[country][0])


def client_subnet(country: str) -> str:
    """The IPv4 documentation prefix that stands for a country's DNS clients."""
    return str(_IPV4_BLOCKS[COUNTRIES.index(country)])


def source_address(country: str, host: int) -> str:
    """The loopback address of client number `host` (1 to 254) in a country."""
    if not 1 <= host <= 254:
        raise ValueError(f"host must be 1 to 254, not {host}")
    return f"127.20.{COUNTRIES.index(country)}.{host}"


def nearest_first(location: Location | None, regions: Iterable[str]) -> tuple[str, ...]:
    """The Regions ordered by distance from a location, then by name."""
    return tuple(sorted(regions, key=lambda name: (region_distance_km(location, name), name)))


def region_distance_km(location: Location | None, region: str) -> float:
    """The distance of a Region from a location in km; None counts as in Virginia."""
    origin = _UNKNOWN_ORIGIN if location is None else _COUNTRIES[location.country][1]
    return distance_km(origin, _REGIONS[region])


def known_region(name: str) -> bool:
    """Whether the table contains this Region."""
    return name in _REGIONS


def distance_km(start: Coordinates, end: Coordinates) -> float:
    """The great-circle distance between two points in km (haversine formula).

    Example: Frankfurt (50.1, 8.7) to Dublin (53.3, -6.3) is about 1,090 km.
    """
    (lat1, lon1), (lat2, lon2) = ((radians(a), radians(b)) for a, b in (start, end))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half))
