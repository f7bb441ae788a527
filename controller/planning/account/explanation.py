"""Decisions as text: the only renderer, for `gtc why`, `gtc plan` and the API.

It adds nothing to the values, so that users read what was decided. First column of a preview: `~`
moves, `!` is held, `=` stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from controller.model.decision import (
    DecisionRecord,
    PipelineStep,
    PoolPlan,
    RejectedAlternative,
    Rule,
    TimelineEvent,
    WriteResult,
)
from controller.model.levers import Change
from controller.model.plural import counted
from controller.planning.account.columns import aligned
from controller.planning.account.moves import moves_text
from controller.planning.drift import format_state
from controller.planning.shares import SHARE_TOLERANCE, percent

_LABEL_WIDTH = 11
_SEE_HELD = "see Held"
"""Text of a guard's rule: its reason is in section Held once, not for every region."""
_OFFSET_WIDTH = 13
"""Width of a time of day with milliseconds, to which offsets are aligned."""


def explain_record(record: DecisionRecord) -> str:
    """The whole record in sections; without a final newline."""
    head = (
        f"Decision {record.id}  {record.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}  "
        f"cycle {record.cycle}  mode {record.mode.value}"
    )
    sections = (
        ("Trigger", record.trigger or ("the plan or its outcome changed, nothing else did",)),
        ("Rules", [line for plan in _plans_with_rules(record.plans) for line in _rules_of(plan)]),
        ("Held", [line for plan in record.plans for line in held_lines(plan)]),
        ("Not chosen", _not_chosen(record.rejected)),
        ("Wrote", [*_wrote(record.written), *_unsent(record)] or ["nothing"]),
        ("Effect", _effect(record)),
        ("Timeline", list(_timeline(record.timeline))),
    )
    return "\n".join([head, *(line for name, body in sections for line in _section(name, body))])


def is_unchanged(plan: PoolPlan) -> bool:
    """Whether the pool stays as it is without a hold."""
    return not (plan.changes or plan.withheld or plan.held)


def explain_plan(plans: Sequence[PoolPlan], *, everything: bool = False) -> str:
    """What would be written, and one summary line; with `everything` unchanged pools, too."""
    rows = [row for plan in plans for row in _plan_rows(plan, everything)]
    lines = [*aligned(rows), ""] if rows else []
    return "\n".join([*lines, *_soft_drains(plans), _summary(plans)])


def _section(name: str, body: Sequence[str]) -> Iterator[str]:
    for index, line in enumerate(body):
        yield f"{name if index == 0 else '':<{_LABEL_WIDTH}}{line}"


def _plans_with_rules(plans: Sequence[PoolPlan]) -> Sequence[PoolPlan]:
    """The plans that move or would move; all plans where none does."""
    return [plan for plan in plans if plan.changes or plan.withheld] or plans


def _rules_of(plan: PoolPlan) -> list[str]:
    if not plan.rules:
        return []
    kind = "emergency" if plan.emergency else "ordered" if plan.by_person else "calm"
    moves = moves_text(plan.before, plan.after)
    rows = [_rule_row(rule) for rule in plan.rules]
    title = f"{_place(plan)} ({kind}): {moves or 'stays as it is'}"
    return [title, *(f"  {line}" for line in aligned(rows))]


def _rule_row(rule: Rule) -> list[str]:
    binding = "binding" if rule.binding else ""
    name = f"{rule.step.value} {rule.name}"
    why = _SEE_HELD if rule.step is PipelineStep.GUARD else rule.why
    return [rule.region, name, _move(rule.before, rule.after), binding, why]


def held_lines(plan: PoolPlan) -> list[str]:
    """A plan's holds, regions with the same hold on one line, and the changes not written."""
    regions_by_hold: dict[tuple[str, str], list[str]] = {}
    for held in plan.held:
        regions_by_hold.setdefault((held.reason.value, held.detail), []).append(held.region or "")
    lines = [
        f"{_place(plan, ', '.join(filter(None, regions)))} {reason}: {detail}"
        for (reason, detail), regions in regions_by_hold.items()
    ]
    return [*lines, *(f"{_change_text(change)} not written" for change in plan.withheld)]


def _wrote(written: Iterable[WriteResult]) -> list[str]:
    lines = []
    for write in written:
        outcome = write.outcome
        change_id = f", change {outcome.change_id}" if outcome.change_id else ""
        detail = f": {outcome.detail}" if outcome.detail else ""
        what = f"{outcome.status.value} in {outcome.took_s:.2f} s{change_id}{detail}"
        lines.append(f"{write.lever} {write.target}: {what}")
        lines += [f"  {_change_text(change)}" for change in write.changes]
    return lines


def _unsent(record: DecisionRecord) -> list[str]:
    """Changes without a hold that were not sent."""
    sent = {change.position for write in record.written for change in write.changes}
    unsent = [c for plan in record.plans for c in plan.changes if c.position not in sent]
    if not unsent:
        return []
    why = "an earlier write there is not answered, or its result was not read"
    return [f"not sent yet, for {why}", *(f"  {_change_text(change)}" for change in unsent)]


def _change_text(change: Change) -> str:
    return f"{change.position} {format_state(change.before)} → {format_state(change.after)}"


def _not_chosen(rejected: Iterable[RejectedAlternative]) -> list[str]:
    return aligned([(f"{one.service}/{one.pool}", one.region, one.why) for one in rejected])


def _effect(record: DecisionRecord) -> list[str]:
    """Expected and measured effect, grouped by place."""
    expected = [(*_split_place(line), "expected") for line in record.expected_effect.splitlines()]
    measured = [(*_split_place(line), "measured") for line in record.measured_effect.splitlines()]
    if record.written and not measured:
        measured = [("", "nothing yet", "measured")]
    places = dict.fromkeys(place for place, _, _ in (*expected, *measured))
    return aligned(
        [
            (place, kind, text)
            for wanted in places
            for place, text, kind in (*expected, *measured)
            if place == wanted
        ]
    )


def _split_place(line: str) -> tuple[str, str]:
    """Place and text of a line such as `shop/europe: …`; an empty place where it names none."""
    place, colon, text = line.partition(": ")
    return (place, text) if colon and " " not in place else ("", line)


def _timeline(events: Sequence[TimelineEvent]) -> Iterator[str]:
    """The first event's time of day, and the offsets of the others from it."""
    for index, event in enumerate(events):
        offset = f"{(event.at - events[0].at).total_seconds():+.2f} s"
        when = _time_of_day(event.at) if index == 0 else offset
        detail = f"  {event.detail}" if event.detail else ""
        yield f"{when:>{_OFFSET_WIDTH}} {event.name}{detail}"


def _time_of_day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def _plan_rows(plan: PoolPlan, everything: bool) -> Iterator[list[str]]:
    yield from _moving_rows(plan)
    yield from _held_rows(plan)
    if everything and is_unchanged(plan):
        shares = ", ".join(
            f"{r} {percent(s)}" for r, s in plan.before.items() if s >= SHARE_TOLERANCE
        )
        yield [f"= {_place(plan)}", "", "stays", "", shares]


def _moving_rows(plan: PoolPlan) -> Iterator[list[str]]:
    if not plan.changes:
        return
    changes = {change.position.region: change for change in plan.changes}
    for region, share in plan.after.items():
        moved = abs(share - plan.before[region]) >= SHARE_TOLERANCE
        if moved or region in changes:
            why = next((rule.why for rule in plan.rules if rule.region == region), "")
            state = _state_change(changes[region]) if region in changes else ""
            yield [f"~ {_place(plan)}", region, _move(plan.before[region], share), state, why]


def _held_rows(plan: PoolPlan) -> Iterator[list[str]]:
    for held in plan.held:
        why = f"{held.reason.value}: {held.detail}"
        yield [f"! {_place(plan)}", held.region or "", "held", "", why]
    for change in plan.withheld:
        yield [
            f"! {_place(plan)}",
            change.position.region,
            "held",
            _state_change(change),
            "not written",
        ]


def _summary(plans: Sequence[PoolPlan]) -> str:
    changes = [change for plan in plans for change in plan.changes]
    moving = sum(bool(plan.changes) for plan in plans)
    held = sum(bool(plan.held) for plan in plans)
    reasons = dict.fromkeys(h.reason.value for plan in plans for h in plan.held)
    holding = f"; {held} held ({', '.join(reasons)})" if held else ""
    if not changes:
        return f"No change{holding}" if held else "No change."
    dials = sum(change.after.dial is not None for change in changes)
    counts = [(len(changes) - dials, "weight"), (dials, "dial")]
    levers = ", ".join(counted(number, word) for number, word in counts if number)
    pools = f"{counted(moving, 'pool')} {'changes' if moving == 1 else 'change'}"
    return f"Plan: {pools}, {levers}{holding}"


def _soft_drains(plans: Sequence[PoolPlan]) -> Iterator[str]:
    """A note on weight 0 where one is written: it is a last resort, not closed."""
    drains = [c for p in plans for c in p.changes if c.before.weight and not c.after.weight]
    if any(change.after.dial is None for change in drains):
        yield "Weight 0 is soft: still answered when every other region of the pool is unhealthy."
    if any(change.after.dial is not None for change in drains):
        yield "Endpoint weight 0 is soft: still used when nothing else is healthy."


def _state_change(change: Change) -> str:
    """Only the units that change: `dial 100 → 0, weight 128 → 0`."""
    before, after = change.before, change.after
    if before == after:
        return f"{format_state(after)} on every record or endpoint"
    parts = []
    if before.dial != after.dial:
        parts.append(f"dial {before.dial or 0:g} → {after.dial or 0:g}")
    if before.weight != after.weight:
        parts.append(f"weight {before.weight} → {after.weight}")
    return ", ".join(parts)


def _place(plan: PoolPlan, regions: str = "") -> str:
    return "/".join(filter(None, (plan.service, plan.pool, regions)))


def _move(before: float, after: float) -> str:
    return f"{percent(before)} → {percent(after)}"
