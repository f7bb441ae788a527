"""Replies of the admin API as its contract defines them; tests change them."""

from __future__ import annotations

from typing import Any

CREATED_AT = "2026-06-01T12:00:00.000Z"


def region(name: str, share: float | None = 0.5, **members: Any) -> dict[str, Any]:
    """A region that is up and carries its share."""
    defaults = {
        "region": name,
        "verdict": "up",
        "suspect": False,
        "why": "web: answers in 20 ms (1 of 1 vantage point)",
        "usable": 1.0,
        "confidence": "high",
        "doubts": [],
        "sources": [],
        "observed": share,
        "desired": share,
        "answered": None,
        "unsteered": {},
        "measured": share,
        "requests": 100,
        "errors": 0,
        "drift": None,
        "override": None,
    }
    return {**defaults, **members}


def pool(name: str, *regions: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A pool without holds."""
    defaults: dict[str, Any] = {
        "residency": None,
        "leaks": None,
        "faults": [],
        "holds": [],
        "overload_rps": 0.0,
        "answers": 0,
    }
    return {"name": name, **defaults, "regions": list(regions), **members}


def service(name: str, *pools: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A service without anything unusual."""
    defaults: dict[str, Any] = {
        "mode": "active",
        "lever": "route53",
        "steered_name": None if members.get("lever") == "accelerator" else f"{name}.example.test.",
        "panic": False,
        "faults": [],
        "notices": [],
    }
    return {"name": name, **defaults, "pools": list(pools), **members}


def status(*services: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A daemon without trouble; two services unless services are given."""
    defaults = {
        "version": "0.1.0",
        "mode": "active",
        "at": "2026-06-01T12:00:00.000Z",
        "started_at": "2026-06-01T09:00:00.000Z",
        "cycle": 812,
        "cycle_age_s": 2.1,
        "settings_hash": "7f3a09c4d2",
        "frozen": False,
        "isolated": False,
        "reference_targets": {
            "known_good": {"failing": 0, "total": 3},
            "known_bad": {"answering": [], "total": 1},
        },
        "observation": {
            "failing": {},
            "targets": {
                "Z0SANDBOX0000000001": {
                    "pages": 1,
                    "resources": 22,
                    "whole": False,
                    "whole_age_s": 1200.5,
                    "whole_error": None,
                }
            },
        },
        "probing": {"could_not_run": [], "missing_families": []},
        "aws_denied": [],
        "failing_parts": [],
        "next_cycle_in_s": 7.9,
        "overrides": [],
        "last_decision": None,
        "notices": [],
        "unreadable_rows": [],
        "state_error": None,
    }
    return {**defaults, "services": list(services or calm_services()), **members}


def calm_services() -> list[dict[str, Any]]:
    """As in the sandbox: one service behind Route 53, one behind an accelerator."""
    europe = pool("europe", region("eu-west-1"), region("eu-central-1"), residency="EU")
    world = pool("world", region("eu-west-1", 1.0), region("us-east-1", 1.0))
    return [service("shop", europe), service("api", world, lever="accelerator")]


def override(number: int = 3, **members: Any) -> dict[str, Any]:
    """A drain of eu-west-1 in all services that ends in two hours."""
    drain = {
        "id": number,
        "kind": "drain",
        "region": "eu-west-1",
        "service": None,
        "pool": None,
        "share": None,
        "author": "ann",
        "reason": "INC-42",
        "created_at": CREATED_AT,
        "expires_at": "2026-06-01T14:00:00.000Z",
        "ignore_guards": [],
        "remaining_s": 7199.9,
        "expires_soon": False,
        "void": None,
        "warnings": [],
    }
    return {**drain, **members}


def pool_plan(
    before: dict[str, float], after: dict[str, float], *held: dict[str, Any], **members: Any
) -> dict[str, Any]:
    """The plan of shop/europe, with the members that commands read."""
    pool = {"service": "shop", "pool": "europe"}
    return {**pool, "before": before, "after": after, "held": list(held), **members}


def held(reason: str, detail: str, region_name: str | None = None) -> dict[str, Any]:
    """One hold."""
    return {"reason": reason, "detail": detail, "region": region_name}


def plan(*plans: dict[str, Any], text: str = "No change.", changes: int = 0) -> dict[str, Any]:
    """A plan with its text."""
    return {"at": CREATED_AT, "plans": list(plans), "changes": changes, "text": text}


def record(**members: Any) -> dict[str, Any]:
    """A decision's record, with the members that commands read; it moved and held nothing."""
    timeline = [
        {"name": "decided", "at": "2026-06-01T12:00:00.020Z", "detail": ""},
        {"name": "applied", "at": "2026-06-01T12:00:00.310Z", "detail": "route53 Z0SANDBOX"},
    ]
    return {
        "id": 12,
        "at": "2026-06-01T12:00:00.020Z",
        "mode": "active",
        "plans": [],
        "written": [],
        "authors": [],
        "timeline": timeline,
        **members,
    }


def change(region_name: str, service: str = "shop", pool: str = "europe") -> dict[str, Any]:
    """A change of one lever, with the members that commands read."""
    return {"position": {"service": service, "pool": pool, "region": region_name}}


def wrote(status: str, *changes: dict[str, Any]) -> dict[str, Any]:
    """The outcome of one write."""
    return {"changes": list(changes), "outcome": {"status": status}}


def moved(number: int, **members: Any) -> dict[str, Any]:
    """The record of a failed region, which left shop/europe."""
    before, after = {"eu-west-1": 0.5, "us-east-1": 0.5}, {"eu-west-1": 0.0, "us-east-1": 1.0}
    plan = pool_plan(before, after, desired=after, changes=[change("eu-west-1")], withheld=[])
    written = [wrote("applied", change("eu-west-1"))]
    return record(id=number, **{"plans": [plan], "written": written, **members})


def withheld(number: int, reason: str, **members: Any) -> dict[str, Any]:
    """The record of the same decision without a write."""
    before, after = {"eu-west-1": 0.5, "us-east-1": 0.5}, {"eu-west-1": 0.0, "us-east-1": 1.0}
    plan = pool_plan(before, before, held(reason, "why"), desired=after, changes=[], withheld=[{}])
    return record(id=number, **{"plans": [plan], **members})


def page(*records: dict[str, Any], following: str | None = None) -> dict[str, Any]:
    """One page of decisions."""
    return {"items": list(records), "next": following}


def figures() -> dict[str, Any]:
    """The figures of two services; one pool's demand was reported a half-life ago."""
    silent = {"measured": None, "age_s": None, "influence": 0.0}
    reported = {"measured": 90.0, "age_s": 300.0, "influence": 0.5}
    shop = {
        "service": "shop",
        "demand_rps": {"europe": {"configured": 60.0, **reported, "believed": 75.0}},
        "latency_ms": {"europe": {"eu-west-1": {"configured": 25.0, **silent, "believed": 25.0}}},
        "capacity_rps": {
            "eu-west-1": {"configured": 60.0, "counted_on": 60.0, "usable": 0.5, "believed": 30.0}
        },
    }
    api = {
        "service": "api",
        "demand_rps": {"world": {"configured": 30.0, **silent, "believed": 30.0}},
        "latency_ms": {"world": {}},
        "capacity_rps": {
            "us-east-1": {"configured": None, "counted_on": 35.3, "usable": 1.0, "believed": 35.3}
        },
    }
    return {"items": [shop, api], "next": None}


def event(number: int, type_: str, **data: Any) -> dict[str, Any]:
    """A live event."""
    return {"id": number, "type": type_, "at": CREATED_AT, "data": data}


def decision_event(number: int, **members: Any) -> dict[str, Any]:
    """The event of a decision about a failed region."""
    move = {"service": "shop", "pool": "europe", "region": "eu-west-1", "before": 0.5, "after": 0.0}
    defaults = {
        "decision_id": 12,
        "trigger": ["shop/eu-west-1 up → down: connection refused"],
        "moves": [move],
        "outcomes": ["applied"],
        "measured_effect": "",
    }
    return event(number, "decision", **{**defaults, **members})


def cycle_event(number: int, **members: Any) -> dict[str, Any]:
    """The event of a cycle without trouble."""
    up = {"service": "shop", "region": "eu-west-1", "verdict": "up", "suspect": False}
    defaults = {
        "regions": [{**up, "usable": 1.0}],
        "frozen": False,
        "isolated": False,
        "panic": [],
        "overloaded": [],
        "holds": [],
    }
    return event(number, "cycle", **{**defaults, **members})


def override_event(number: int, type_: str = "override_set", **members: Any) -> dict[str, Any]:
    """The event of an override."""
    return event(number, type_, **{"override": override(), "actor": "ann", "why": "", **members})
