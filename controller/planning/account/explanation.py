"""Decisions in words: the one renderer behind `gtc why`, `gtc plan`, the API and later the page.

Pure: a record or plans in, text out. It adds nothing that the values do not say, so that what a
person reads is what was decided. Layout of the preview: `~` moves, `!` is held,
`=` stays.
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
"""What a guard says is said there once, not once more for every region."""
_OFFSET_WIDTH = 13
"""Of a time of day with milliseconds, below which the offsets are aligned."""


def explain_record(record: DecisionRecord) -> str:
    """Everything a record says, in sections; without a final newline."""
    head = (
        f"Decision {record.id}  {record.at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}  "
        f"cycle {record.cycle}  mode {record.mode.value}"
    )
    sections = (
        ("Trigger", record.trigger or ("the plan or its outcome changed, nothing else did",)),
        ("Rules", [line for plan in _telling(record.plans) for line in _rules_of(plan)]),
        ("Held", [line for plan in record.plans for line in held_lines(plan)]),
        ("Not chosen", _not_chosen(record.rejected)),
        ("Wrote", [*_wrote(record.written), *_unsent(record)] or ["nothing"]),
        ("Effect", _effect(record)),
        ("Timeline", list(_timeline(record.timeline))),
    )
    return "\n".join([head, *(line for name, body in sections for line in _section(name, body))])


def is_unchanged(plan: PoolPlan) -> bool:
    """Whether the pool stays as it is, and nothing holds it."""
    return not (plan.changes or plan.withheld or plan.held)


def explain_plan(plans: Sequence[PoolPlan], *, everything: bool = False) -> str:
    """What would be written, and one line that sums up; of pools only those that move or hold,
    unless `everything` is asked for."""
    rows = [row for plan in plans for row in _plan_rows(plan, everything)]
    lines = [*aligned(rows), ""] if rows else []
    return "\n".join([*lines, *_soft_drains(plans), _summary(plans)])


def _section(name: str, body: Sequence[str]) -> Iterator[str]:
    for index, line in enumerate(body):
        yield f"{name if index == 0 else '':<{_LABEL_WIDTH}}{line}"


def _telling(plans: Sequence[PoolPlan]) -> Sequence[PoolPlan]:
    """Those that move or would move. What binds the others is worth words only when none does."""
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
    """What a plan holds, regions held alike in one line, and what it would have written."""
    alike: dict[tuple[str, str], list[str]] = {}
    for held in plan.held:
        alike.setdefault((held.reason.value, held.detail), []).append(held.region or "")
    lines = [
        f"{_place(plan, ', '.join(filter(None, regions)))} {reason}: {detail}"
        for (reason, detail), regions in alike.items()
    ]
    return [*lines, *(f"{_shown(change)} not written" for change in plan.withheld)]


def _wrote(written: Iterable[WriteResult]) -> list[str]:
    lines = []
    for write in written:
        outcome = write.outcome
        change_id = f", change {outcome.change_id}" if outcome.change_id else ""
        detail = f": {outcome.detail}" if outcome.detail else ""
        what = f"{outcome.status.value} in {outcome.took_s:.2f} s{change_id}{detail}"
        lines.append(f"{write.lever} {write.target}: {what}")
        lines += [f"  {_shown(change)}" for change in write.changes]
    return lines


def _unsent(record: DecisionRecord) -> list[str]:
    """Changes that no guard held, and that were not sent all the same."""
    sent = {change.position for write in record.written for change in write.changes}
    unsent = [c for plan in record.plans for c in plan.changes if c.position not in sent]
    if not unsent:
        return []
    why = "an earlier write there is not answered, or its result was not read"
    return [f"not sent yet, for {why}", *(f"  {_shown(change)}" for change in unsent)]


def _shown(change: Change) -> str:
    return f"{change.position} {format_state(change.before)} → {format_state(change.after)}"


def _not_chosen(rejected: Iterable[RejectedAlternative]) -> list[str]:
    return aligned([(f"{one.service}/{one.pool}", one.region, one.why) for one in rejected])


def _effect(record: DecisionRecord) -> list[str]:
    """What was expected and, beside it, what was measured: place by place."""
    expected = [(*_placed(line), "expected") for line in record.expected_effect.splitlines()]
    measured = [(*_placed(line), "measured") for line in record.measured_effect.splitlines()]
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


def _placed(line: str) -> tuple[str, str]:
    """`shop/europe` and what is said of it; a line that names no place belongs to none."""
    place, colon, text = line.partition(": ")
    return (place, text) if colon and " " not in place else ("", line)


def _timeline(moments: Sequence[TimelineEvent]) -> Iterator[str]:
    """The first moment's time of day, the others' distance from it."""
    for index, moment in enumerate(moments):
        offset = f"{(moment.at - moments[0].at).total_seconds():+.2f} s"
        when = _time_of_day(moment.at) if index == 0 else offset
        detail = f"  {moment.detail}" if moment.detail else ""
        yield f"{when:>{_OFFSET_WIDTH}} {moment.name}{detail}"


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
            setting = _setting(changes[region]) if region in changes else ""
            yield [f"~ {_place(plan)}", region, _move(plan.before[region], share), setting, why]


def _held_rows(plan: PoolPlan) -> Iterator[list[str]]:
    for held in plan.held:
        why = f"{held.reason.value}: {held.detail}"
        yield [f"! {_place(plan)}", held.region or "", "held", "", why]
    for change in plan.withheld:
        yield [f"! {_place(plan)}", change.position.region, "held", _setting(change), "not written"]


def _summary(plans: Sequence[PoolPlan]) -> str:
    changes = [change for plan in plans for change in plan.changes]
    moving = sum(bool(plan.changes) for plan in plans)
    held = sum(bool(plan.held) for plan in plans)
    reasons = dict.fromkeys(h.reason.value for plan in plans for h in plan.held)
    holding = f"; {held} held ({', '.join(reasons)})" if held else ""
    if not changes:
        return f"No change{holding}" if held else "No change."
    dials = sum(change.after.dial is not None for change in changes)
    written = [(len(changes) - dials, "weight"), (dials, "dial")]
    levers = ", ".join(counted(number, noun) for number, noun in written if number)
    pools = f"{counted(moving, 'pool')} {'changes' if moving == 1 else 'change'}"
    return f"Plan: {pools}, {levers}{holding}"


def _soft_drains(plans: Sequence[PoolPlan]) -> Iterator[str]:
    """What weight 0 means, where one is written: it is the last resort, not the end."""
    drains = [c for p in plans for c in p.changes if c.before.weight and not c.after.weight]
    if any(change.after.dial is None for change in drains):
        yield "Weight 0 is soft: still answered when every other region of the pool is unhealthy."
    if any(change.after.dial is not None for change in drains):
        yield "Endpoint weight 0 is soft: still used when nothing else is healthy."


def _setting(change: Change) -> str:
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
