"""Settings that simulations steer by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from controller.model.configuration import Settings
from controller.settings import load
from tests.catalogue import by_continent, catalogue

_TESTS = Path(__file__).parents[1]
_EUROPE = ("eu-west-1", "eu-central-1", "eu-north-1", "eu-south-1")
_REGIONS = (
    *_EUROPE,
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "ap-northeast-1",
    "ap-southeast-1",
    "ap-south-1",
)
_ACCELERATED = ("eu-west-1", "us-east-1", "ap-northeast-1")
_ARN = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-000000000001"


def three_regions() -> Settings:
    """The sandbox's pace and limits, three regions; a step that failed is tried again soon."""
    settings = load(_TESTS / "loops" / "three_regions.yaml")
    ramp = settings.ramp.model_copy(update={"retry_after_s": 60.0})
    return settings.model_copy(update={"ramp": ramp})


def ten_regions() -> Settings:
    """Production's pace and limits, ten regions."""
    services = {"shop": _shop(), "api": _api()}
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "here"},
            "reference_targets": {
                "known_good": [f"http://127.0.90.{number}:8080/" for number in (1, 2, 3)]
            },
            "guards": {"drift": {"hold_s": 60}},
            "regions": catalogue(services, by_continent),
            "services": services,
        }
    )


WORLDS = {"three": three_regions, "ten": ten_regions}


def _shop() -> dict[str, Any]:
    return {
        "regions": _regions(_REGIONS, 8080),
        "pools": {
            "europe": {
                "geographies": ["country:DE"],
                "residency": "EU",
                "regions": _EUROPE,
                "demand_rps": 500,
            },
            "world": {"geographies": ["default"], "regions": _REGIONS, "demand_rps": 1000},
        },
        "levers": {
            "route53": {
                "hosted_zone_id": "Z0SANDBOX0000000001",
                "name": "shop.example.test.",
                "ttl_s": 60,
            }
        },
    }


def _api() -> dict[str, Any]:
    pool = {"geographies": ["default"], "regions": _ACCELERATED, "demand_rps": 80}
    return {
        "regions": _regions(_ACCELERATED, 9000),
        "pools": {"world": pool},
        "levers": {"accelerator": {"pool": "world", "arn": _ARN}},
    }


def _regions(names: tuple[str, ...], port: int) -> dict[str, Any]:
    return {
        name: {
            "capacity_rps": 1000.0,
            "endpoints": {"web": {"probe": f"tcp://127.0.{10 + _REGIONS.index(name)}.1:{port}"}},
        }
        for name in names
    }
