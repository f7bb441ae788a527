"""Accounts of regions, now or at a past time, as text: `gtc why REGION` and `gtc why --at`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from controller.model.decision import DecisionRecord, PoolPlan
from controller.planning.account.columns import aligned
from controller.planning.account.explanation import held_lines
from controller.planning.account.region_account import RegionAccount, plans_as_applied
from controller.planning.shares import SHARE_TOLERANCE, percent


def explain_accounts(found: Sequence[RegionAccount]) -> str:
    """A region's share in every pool, and why; without a final newline."""
    lines: list[str] = []
    for service in dict.fromkeys(one.service for one in found):
        own = [one for one in found if one.service == service]
        load = f"; carries {own[0].load}" if own[0].load else ""
        at = f" ({own[0].place})" if own[0].place else ""
        region = f"{service}/{own[0].region}{at}"
        lines.append(f"{region} is {own[0].verdict.value}: {own[0].evidence}{load}")
        rows = [
            (f"{one.service}/{one.pool}" if first else "", _share_of(one) if first else "", why)
            for one in own
            for first, why in zip((True, *[False] * len(one.because)), one.because, strict=False)
        ]
        lines += [f"  {line}" for line in aligned(rows)]
    return "\n".join(lines)


def explain_time(at: datetime, record: DecisionRecord) -> str:
    """The state at a past time: the decision that was active, its holds, and AWS's splits."""
    ago = _span((at - record.at).total_seconds())
    decided = f"{record.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    held = [line for plan in record.plans for line in held_lines(plan)]
    sections = (
        (
            f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}",
            [f"nothing had changed since decision {record.id}, {ago} before ({decided})"],
        ),
        ("Held then", held or ["nothing"]),
        ("AWS had then", aligned([_split_row(plan) for plan in plans_as_applied(record)])),
    )
    width = max(len(name) for name, _ in sections) + 2
    return "\n".join(
        f"{name if index == 0 else '':<{width}}{line}"
        for name, body in sections
        for index, line in enumerate(body)
    )


def _share_of(one: RegionAccount) -> str:
    if one.share is None or one.next_share is None:
        return "unknown"
    if abs(one.next_share - one.share) >= SHARE_TOLERANCE:
        return f"moves {percent(one.share)} → {percent(one.next_share)}"
    return f"stays {percent(one.share)}"


def _split_row(plan: PoolPlan) -> tuple[str, str]:
    split = ", ".join(f"{region} {percent(share)}" for region, share in plan.before.items())
    return f"{plan.service}/{plan.pool}", split or "unknown"


def _span(seconds: float) -> str:
    """A duration in its largest unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
