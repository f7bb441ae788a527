"""The pool that a user belongs to, by country and continent.

The rule is Route 53's geolocation routing (developer guide, *Geolocation routing*): the smallest
geography that matches wins, so country beats continent beats default. The caller finds the country
of an address. Continents are Route 53's codes, whose EU includes RU, TR and GB.
"""

from __future__ import annotations

from controller.model.configuration import Service


def pool_of(service: Service, country: str, continent: str) -> str | None:
    """The pool whose users live in a country; None when no pool of the service names it.

    `country` is an ISO 3166 code, `continent` Route 53's two letters.
    """
    pools = {
        geography: name for name, pool in service.pools.items() for geography in pool.geographies
    }
    for geography in (f"country:{country}", f"continent:{continent}", "default"):
        if geography in pools:
            return pools[geography]
    return None
