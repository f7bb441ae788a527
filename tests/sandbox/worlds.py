"""Small settings and free addresses for tests of the sandbox."""

from __future__ import annotations

import socket
from typing import Any

from controller.model.configuration import Settings
from tests.catalogue import by_continent, catalogue


def free_port(host: str) -> int:
    """A port of this loopback address that is free now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def region(*probes: str) -> dict[str, Any]:
    """A region with one endpoint for each probe."""
    return {
        "capacity_rps": 100,
        "endpoints": {f"e{number}": {"probe": probe} for number, probe in enumerate(probes)},
    }


def service(regions: dict[str, Any], *, accelerated: bool = False) -> dict[str, Any]:
    """A service with a pool for Germany and France and one for all other countries."""
    pools = {
        "europe": {
            "geographies": ["country:DE", "country:FR"],
            "regions": [next(iter(regions))],
            "demand_rps": 30,
        },
        "world": {"geographies": ["default"], "regions": list(regions), "demand_rps": 10},
    }
    lever = {"route53": {"hosted_zone_id": "Z1", "name": "shop.example.test.", "ttl_s": 5}}
    if accelerated:
        del pools["europe"]
        arn = "arn:aws:globalaccelerator::000000000000:accelerator/1"
        lever = {"accelerator": {"pool": "world", "arn": arn}}
    return {"regions": regions, "pools": pools, "levers": lever}


def settings(services: dict[str, Any], known_good: tuple[str, ...] = ()) -> Settings:
    """Settings with these services."""
    return Settings.model_validate(
        {
            "schema_version": 2,
            "state_path": "unused",
            "vantage": {"name": "local"},
            "regions": catalogue(services, by_continent),
            "reference_targets": {"known_good": known_good},
            "services": services,
        }
    )


def two_regions() -> tuple[Settings, dict[str, str]]:
    """A service over HTTP in two regions, one of which also speaks TCP, and a reference target.

    Also the probes by short names: eu, us, tcp (in eu), known_good.
    """
    hosts = {"eu": "127.0.71.1", "us": "127.0.72.1", "known_good": "127.0.79.1"}
    probes = {name: f"http://{host}:{free_port(host)}/" for name, host in hosts.items()}
    probes["tcp"] = f"tcp://127.0.71.1:{free_port('127.0.71.1')}"
    regions = {
        "eu-west-1": region(f"{probes['eu']}healthz", probes["tcp"]),
        "us-east-1": region(f"{probes['us']}healthz"),
    }
    return settings({"shop": service(regions)}, (probes["known_good"],)), probes
