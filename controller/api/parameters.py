"""What stands in a request's path and query, checked. A parameter that nobody knows is refused:
`?dryrun=true` must not become a failover."""

from __future__ import annotations

import re
from collections.abc import Mapping

from aiohttp import web

from controller.api.context import Context
from controller.api.problems import ProblemError
from controller.settings.messages import did_you_mean

_NUMBER = re.compile(r"[0-9]{1,18}")
LARGEST = 10**18 - 1
"""Above every id; below what a 64-bit integer holds."""


def parameters(request: web.Request, *known: str) -> Mapping[str, str]:
    """The query's parameters, each at most once and all of them known."""
    for name in request.query:
        if name not in known:
            allowed = did_you_mean(name, known) or "none is possible here"
            raise ProblemError(
                400, f"unknown parameter {name!r}; {allowed}", field=name, valid=known
            )
        if len(request.query.getall(name)) > 1:
            raise ProblemError(400, f"parameter {name!r} stands there twice", field=name)
    return dict(request.query)


def whole_number(
    found: Mapping[str, str], name: str, *, default: int | None, highest: int
) -> int | None:
    """A whole number from 1 to `highest`."""
    text = found.get(name)
    if text is None:
        return default
    if not _NUMBER.fullmatch(text) or not 1 <= int(text) <= highest:
        detail = f"{name} must be a whole number from 1 to {highest}, not {text!r}"
        raise ProblemError(400, detail, field=name)
    return int(text)


def limit(found: Mapping[str, str], default: int) -> int:
    """How many items to answer, 1 to 500."""
    return whole_number(found, "limit", default=default, highest=500) or default


def flag(found: Mapping[str, str], name: str) -> bool:
    """`true` or `false`; false when it is not there."""
    text = found.get(name, "false")
    if text not in ("true", "false"):
        raise ProblemError(
            400, f"{name} must be true or false, not {text!r}", field=name, valid=("true", "false")
        )
    return text == "true"


def known_region(found: Mapping[str, str], context: Context) -> str | None:
    """The region asked for, which must be one of the configured ones."""
    region = found.get("region")
    services = context.settings.services.values()
    regions = sorted({name for service in services for name in service.regions})
    if region is not None and region not in regions:
        raise not_found("region", region, regions)
    return region


def id_in_path(request: web.Request) -> int | None:
    """The number in the path; None for what cannot be the id of anything."""
    text = request.match_info["id"]
    return int(text) if _NUMBER.fullmatch(text) else None


def not_found(noun: str, name: str, valid: list[str]) -> ProblemError:
    """A problem that says what there is instead."""
    detail = f"no {noun} is named {name!r}; {did_you_mean(name, valid)}"
    return ProblemError(404, detail, field=noun, valid=valid)
