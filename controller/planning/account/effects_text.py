"""The effects of a plan as text: behind `gtc plan --if` and `--all-single-failures`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controller.model.decision import PoolPlan
from controller.planning.account.columns import aligned
from controller.planning.account.effects import Effects, EffectValues, PoolEffect, RegionEffect
from controller.planning.account.explanation import explain_plan
from controller.planning.account.moves import moves_text
from controller.planning.account.single_failures import SingleFailure

_UNKNOWN = "unknown"
_INDENT = "  "
_TIMES = ("NOW", "BY ITSELF", "AFTER", "IN THE END")


def explain_hypotheses(
    hypotheses: Sequence[str],
    plans: Sequence[PoolPlan],
    effect: Effects,
    *,
    everything: bool = False,
) -> str:
    """The plan under hypotheses: first what AWS does by itself, then the plan, then its effects."""
    sections = (
        ("Supposed", list(hypotheses)),
        ("Before anything is written AWS does by itself", _by_itself(effect)),
        ("Plan", explain_plan(plans, everything=everything).splitlines()),
        ("Load", _loads(effect.regions)),
        ("Users", _users(effect.pools)),
        ("Limits that bind", _limits(plans) or ["none"]),
    )
    return "\n\n".join(
        "\n".join([title, *(f"{_INDENT}{line}".rstrip() for line in body)])
        for title, body in sections
    )


def explain_failures(failures: Sequence[SingleFailure]) -> str:
    """One row for each region of each service."""
    head = ("LOST", "TAKES OVER", "FULLEST SURVIVOR", "OVERLOADED", "LAWFUL", "HELD")
    return "\n".join(aligned([head, *map(_failure_row, failures)]))


def _by_itself(effect: Effects) -> list[str]:
    rows = [_moved(pool) for pool in effect.pools]
    return aligned([row for row in rows if row]) or ["nothing: no health check fails"]


def _moved(pool: PoolEffect) -> tuple[str, str] | None:
    name = f"{pool.service}/{pool.pool}"
    if pool.now is None or pool.by_itself is None:
        return name, "unknown: AWS has not said how its levers stand"
    moves = moves_text(pool.now, pool.by_itself)
    return (name, moves) if moves else None


def _loads(regions: Sequence[RegionEffect]) -> list[str]:
    rows = [_load_row(one) for one in regions]
    return _table(("REGION", "CAPACITY"), rows)


def _load_row(one: RegionEffect) -> tuple[str, ...]:
    capacity = _UNKNOWN if one.capacity_rps is None else f"{one.capacity_rps:.0f}/s"
    pairs = zip(_values(one.rps), _values(one.utilisation), strict=True)
    return (f"{one.service}/{one.region}", capacity, *(_load(rps, part) for rps, part in pairs))


def _users(pools: Sequence[PoolEffect]) -> list[str]:
    return _table(("POOL", "MEAN"), list(_user_rows(pools)))


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows that end with a cell for each time; the last time only where it differs."""
    shown = len(_TIMES) - all(row[-1] == row[-2] for row in rows)
    width = len(head) + shown
    return aligned([(*head, *_TIMES)[:width], *(row[:width] for row in rows)])


def _load(rps: float | None, part: float | None) -> str:
    if rps is None:
        return _UNKNOWN
    return f"{rps:.0f}/s" if part is None else f"{rps:.0f}/s = {part:.0%}"


def _user_rows(pools: Sequence[PoolEffect]) -> Iterator[tuple[str, ...]]:
    for pool in pools:
        name = f"{pool.service}/{pool.pool}"
        yield name, "latency", *(_number(value, ".0f", " ms") for value in _values(pool.latency_ms))
        prices = _values(pool.egress_usd_per_gb)
        yield name, "egress price", *(_number(value, ".3f", " USD/GB") for value in prices)


def _number(value: float | None, form: str, unit: str) -> str:
    return _UNKNOWN if value is None else f"{value:{form}}{unit}"


def _values(values: EffectValues) -> tuple[float | None, ...]:
    return values.now, values.by_itself, values.after, values.wanted


def _limits(plans: Sequence[PoolPlan]) -> list[str]:
    rows = [
        (f"{plan.service}/{plan.pool}", rule.region, rule.name, rule.why)
        for plan in plans
        for rule in plan.rules
        if rule.binding
    ]
    return aligned(rows) if rows else []


def _failure_row(one: SingleFailure) -> tuple[str, ...]:
    return (
        f"{one.service}/{one.region}",
        ", ".join(map(_gain, one.takes_over.items())) or "nobody",
        _UNKNOWN
        if one.worst_utilisation is None
        else f"{one.worst_region} {one.worst_utilisation:.0%}",
        {True: "yes", False: "no", None: _UNKNOWN}[one.overloaded],
        "yes" if one.lawful else "NO",
        ", ".join(one.held) or "-",
    )


def _gain(gain: tuple[str, float | None]) -> str:
    region, rps = gain
    return f"{region} +{_UNKNOWN}" if rps is None else f"{region} +{rps:.0f}/s"
