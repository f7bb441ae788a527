"""Rules about geographies that Route 53 cannot match: it refuses or never uses their records.

Follows the API Reference, *GeoLocation* (continents, ISO 3166-1 countries) and the Developer Guide,
*Values specific for geolocation records* (the countries without geolocation).
"""

from __future__ import annotations

from collections.abc import Iterator

from controller.settings.file_positions import RuleFinding
from controller.settings.rules.sound_parts import ServiceParts

_CONTINENTS = ("AF", "AN", "AS", "EU", "NA", "OC", "SA")
_UNMATCHED = ("BV", "CX", "EH", "HM")
"""Countries that Route 53 matches no users with."""
_NO_COUNTRIES = {
    "UK": "the United Kingdom is GB",
    "EL": "Greece is GR",
    "EU": "name the countries one by one",
}
"""Codes that are often used but that ISO 3166-1 assigns to no country."""


def geographies_can_be_matched(service: ServiceParts) -> Iterator[RuleFinding]:
    """Every geography can match users; else another pool's records would answer them."""
    if service.levers is None or service.levers.route53 is None:
        return
    for pool_name, pool in service.sound_pools():
        for index, geography in enumerate(pool.geographies):
            kind, _, code = geography.partition(":")
            path = ("pools", pool_name, "geographies", index)
            if kind == "continent" and code not in _CONTINENTS:
                message = f"Route 53 knows no continent {code}; there are {', '.join(_CONTINENTS)}"
                yield RuleFinding(path, message)
            elif kind == "country" and code in _NO_COUNTRIES:
                yield RuleFinding(path, f"there is no country {code}", _NO_COUNTRIES[code])
            elif kind == "country" and code in _UNMATCHED:
                message = f"Route 53 matches nobody with {geography}: they get the default's answer"
                yield RuleFinding(path, message, "leave it out; the application must check them")
