"""The smallest configuration with both kinds of pool, and a function that changes it."""

from __future__ import annotations

_VANTAGE = "vantage: {name: local}"
MINIMAL = """\
schema_version: 2
state_path: gtc.sqlite
vantage: {name: local}
regions: {eu-west-1: {jurisdiction: EU}, us-east-1: {jurisdiction: US}}
services:
  shop:
    regions:
      eu-west-1:
        capacity_rps: 300
        endpoints:
          web: {probe: "http://192.0.2.1/healthz"}
      us-east-1:
        share: 1
        capacity_rps: 600
        endpoints:
          web: {probe: "http://192.0.2.2/healthz"}
    pools:
      europe:
        geographies: ["country:DE"]
        residency: EU
        regions: [eu-west-1]
        demand_rps: 100
      world:
        geographies: [default]
        regions: [us-east-1, eu-west-1]
        demand_rps: 100
    levers:
      route53:
        hosted_zone_id: Z1
        name: shop.example.test.
"""


def with_replacements(*replacements: tuple[str, str]) -> str:
    """MINIMAL with pieces of text replaced once each; every piece must be there."""
    text = MINIMAL
    for old, new in replacements:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def replaced(text: str, other: str) -> str:
    """MINIMAL with `text` replaced by `other`."""
    return with_replacements((text, other))


def with_line(line: str) -> str:
    """MINIMAL with another line after `vantage`: the fourth."""
    return with_replacements((_VANTAGE, f"{_VANTAGE}\n{line}"))
