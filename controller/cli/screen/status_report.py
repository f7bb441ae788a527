"""The content of `gtc status`, from the reply of `GET /v1/status`; the worst regions come first.

`status_table` lays it out for a pipe, `status_screen` for a terminal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from controller.cli.daemon.replies import ApiReply
from controller.cli.screen.render import (
    at_share,
    duration,
    first_of,
    one_line,
    order_text,
    share,
    timestamp,
    void_suffix,
)
from controller.model.plural import counted
from controller.planning.levers.record_tree import unsteered_text
from controller.planning.shares import SHARE_TOLERANCE

WORST_FIRST = ("down", "unknown", "suspect", "degraded", "up")
"""The values of HEALTH. `suspect`: up, with failures that are not cleared yet. `degraded`: up, with
less than its capacity usable."""
_ROWS_SHOWN = 3
"""Skipped rows of the state file that are shown in full, orders apart."""
_LEAKS_SHOWN = 3
"""Leaks of one pool that are shown in full."""
_ONLY_DRAINED = "is only drained; what leaves a region there does not come back until it is mended"
_NOTABLE_ERRORS = 0.01
"""Largest share of failing requests of a region that is not shown."""


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One region of one pool. Shares are from 0 to 1; None: unknown."""

    service: str
    pool: str
    residency: str | None
    region: str
    health: str
    desired: float | None
    observed: float | None
    measured: float | None
    reason: str
    """Anything unusual; usually empty."""
    answered: float | None = None
    """Share of the zone's DNS answers; None if they are not sampled."""


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole content, in the order of the screen."""

    header: str
    banners: tuple[str, ...]
    """Conditions of the whole daemon: freezes, isolation, dry run."""
    rows: tuple[StatusRow, ...]
    notes: tuple[str, ...]


def build_report(status: ApiReply) -> StatusReport:
    """The report of one reply."""
    overrides = {override["id"]: override for override in status["overrides"]}
    pools = [
        sorted(_rows(service, pool, overrides), key=_severity)
        for service in status["services"]
        for pool in service["pools"]
    ]
    pools.sort(key=lambda rows: min(map(_severity, rows), default=(len(WORST_FIRST), True)))
    rows = tuple(row for rows in pools for row in rows)
    return StatusReport(_header(status), tuple(_banners(status)), rows, tuple(_notes(status)))


def fingerprint(status: ApiReply) -> object:
    """A value that changes with the status, but not with ages, counts or measurements."""
    services = [
        (
            [service[key] for key in ("name", "mode", "panic", "faults", "notices")],
            [_pool_fingerprint(pool) for pool in service["pools"]],
        )
        for service in status["services"]
    ]
    last = status["last_decision"]
    return (
        services,
        [status[key] for key in ("mode", "settings_hash", "frozen", "isolated")],
        sorted(status["observation"]["failing"]),
        [(denied["service"], denied["operation"]) for denied in status["aws_denied"]],
        [part["part"] for part in status["failing_parts"]],
        [one["cause"] for one in status.get("probing", {}).get("could_not_run", ())],
        [(override["id"], override["void"]) for override in status["overrides"]],
        last and last["id"],
    )


def remaining_text(override: ApiReply) -> str:
    """`ends in 2 h`: how long an override stays active."""
    return f"ends in {duration(override['remaining_s'])}"


def health_of(region: ApiReply) -> str:
    """A region's health, one of WORST_FIRST."""
    if region["verdict"] != "up":
        return str(region["verdict"])
    if region["suspect"]:
        return "suspect"
    return "degraded" if region["usable"] < 1 else "up"


def _header(status: ApiReply) -> str:
    parts = [f"gtc {status['version']}", f"mode {status['mode']}"]
    if status["cycle"]:
        parts.append(f"cycle {status['cycle']}, {duration(status['cycle_age_s'])} ago")
    else:
        parts.append("no cycle has run yet")
    parts.append(f"settings {status['settings_hash'][:8]}")
    if status["next_cycle_in_s"] is not None:
        parts.append(f"next cycle in {duration(max(0.0, status['next_cycle_in_s']))}")
    return "  ".join(parts)


def _banners(status: ApiReply) -> Iterator[str]:
    freezes = [override for override in status["overrides"] if override["kind"] == "freeze"]
    for freeze in freezes:
        yield one_line(f"FROZEN {_scope(freeze)} {_order_details(freeze)}")
    if status["frozen"] and not freezes:
        yield "FROZEN: nothing is changed"
    for service in sorted({denied["service"] for denied in status["aws_denied"]}):
        yield f"AWS REFUSES the daemon at {service}: see the notes below; traffic stays as it is"
    if status["isolated"]:
        yield "ISOLATED: the prober doubts itself and moves nothing"
    yield from _reference_targets(status["reference_targets"])
    yield from _not_run(status.get("probing", ApiReply()))
    if status["mode"] == "dry_run":
        yield "DRY RUN: decides and records, writes nothing"
    elif rehearsed := [item["name"] for item in status["services"] if item["mode"] == "dry_run"]:
        yield f"DRY RUN of {', '.join(rehearsed)}: decides and records, writes nothing of it"


def _reference_targets(targets: ApiReply) -> Iterator[str]:
    """Reference targets that contradict what is known of them."""
    good, bad = targets["known_good"], targets["known_bad"]
    if good["failing"]:
        yield f"REFERENCE TARGETS: {good['failing']} of {good['total']} known-good ones fail"
    if bad["answering"]:
        yield f"REFERENCE TARGETS: known-bad ones answer: {', '.join(bad['answering'])}"


def _not_run(probing: ApiReply) -> Iterator[str]:
    """Why probes cannot be run here."""
    for one in probing.get("could_not_run", ()):
        count = counted(one["subjects"], "target")
        yield one_line(
            f"PROBES: {count} cannot be probed for {duration(one['for_s'])}: {one['detail']}, "
            f"such as {one['example']}"
        )
    for family in probing.get("missing_families", ()):
        yield (
            f"PROBES: this host has no route for {family}: "
            "such addresses are not probed where a name has others"
        )


def _notes(status: ApiReply) -> Iterator[str]:
    yield from _aws_notes(status)
    for service in status["services"]:
        yield from _service_notes(service)
    for override in status["overrides"]:
        if override["kind"] != "freeze":
            what = f"{override['id']}, {order_text(override)} {_scope(override)}"
            yield _note("override", f"{what} {_order_details(override)}")
    for part in status["failing_parts"]:
        what = f"{part['part']} has failed for {duration(part['for_s'])}"
        yield _note("part", f"{what}, {part['failures']} times in a row, last: {part['error']}")
    for notice in status.get("notices", ()):
        yield _note("notice", notice)
    yield from _unreadable_rows(status.get("unreadable_rows", ()))
    if status.get("state_error"):
        yield _note("state", status["state_error"])
    last = status["last_decision"]
    if last is not None:
        trigger = first_of(last["trigger"], "gtc why") or "no trigger"
        yield _note("decision", f"{last['id']}, {timestamp(last['at'])}: {trigger}")


def _aws_notes(status: ApiReply) -> Iterator[str]:
    for target, error in sorted(status["observation"]["failing"].items()):
        yield _note("observation", f"{target} cannot be read: {error}")
    for target, reading in sorted(status["observation"].get("targets", {}).items()):
        if reading["whole_error"]:
            age = duration(reading["whole_age_s"])
            what = f"all of {target} was listed {age} ago, and cannot be now"
            yield _note("observation", f"{what}: {reading['whole_error']}")
    for denied in status["aws_denied"]:
        what = f"{denied['service']} {denied['operation']} refused"
        yield _note("aws", f"{what} for {duration(denied['for_s'])}: {denied['why']}")


def _unreadable_rows(rows: Sequence[ApiReply]) -> Iterator[str]:
    """Overrides each, for such an order is not in force; of the others how many there are."""
    orders = [row for row in rows if row["table"] == "overrides"]
    for row in orders:
        what = f"OVERRIDE {row['key']} in the state file cannot be read and is NOT IN FORCE"
        yield _note("state", f"{what}: {row['error']}; give the order again")
    others = [row for row in rows if row not in orders]
    for row in others[:_ROWS_SHOWN]:
        yield _note("state", f"row {row['key']} of {row['table']} is skipped: {row['error']}")
    if len(others) > _ROWS_SHOWN:
        yield _note("state", f"{len(others) - _ROWS_SHOWN} more rows are skipped, see -o json")


def _service_notes(service: ApiReply) -> Iterator[str]:
    name = service["name"]
    if service["panic"]:
        yield f"panic: {name}: too many regions turned suspect at once to believe it"
    for pool in service["pools"]:
        yield from _pool_notes(f"{name}/{pool['name']}", pool)
    for notice in service["notices"]:
        yield _note("notice", f"{name}: {notice}")


def _pool_notes(name: str, pool: ApiReply) -> Iterator[str]:
    for fault in pool["faults"] or ():
        yield one_line(f"MISCONFIGURED {name}: {fault}")
    if pool["overload_rps"]:
        text = f"{pool['overload_rps']:.0f} requests/s more than its regions can carry"
        yield f"OVERLOAD {name}: {text}"
    leaks = pool["leaks"] or ()
    for leak in leaks[:_LEAKS_SHOWN]:
        yield _note("leak", f"{name} has urgent drains only: {leak['text']}")
    if len(leaks) > _LEAKS_SHOWN:
        text = f"{len(leaks) - _LEAKS_SHOWN} more; `gtc validate --observed` lists them"
        yield _note("leak", f"{name}: {text}")
    for hold in [hold for hold in pool["holds"] if hold["region"] is None]:
        if hold["reason"] == "misconfigured":
            yield f"MISCONFIGURED {name} {_ONLY_DRAINED}"
        elif not (leaks and hold["reason"] == "residency"):
            yield _note("hold", f"{name}: {hold['reason']}, {hold['detail']}")


def _rows(service: ApiReply, pool: ApiReply, overrides: dict[Any, ApiReply]) -> Iterator[StatusRow]:
    for region in pool["regions"]:
        yield StatusRow(
            service=service["name"],
            pool=pool["name"],
            residency=pool["residency"],
            region=region["region"],
            health=health_of(region),
            desired=region["desired"],
            observed=region["observed"],
            measured=region["measured"],
            reason=one_line("; ".join(_reasons(region, pool["holds"], overrides))),
            answered=region["answered"],
        )


def _reasons(
    region: ApiReply, holds: list[ApiReply], overrides: dict[Any, ApiReply]
) -> Iterator[str]:
    held = [hold for hold in holds if hold["region"] == region["region"]]
    is_in_details = any(hold["detail"] in region["why"] for hold in held)
    if health_of(region) != "up" and not is_in_details:
        yield region["why"]
    elif health_of(region) == "up":
        yield from region["doubts"]
    override = overrides.get(region["override"])
    if override is not None:
        yield " ".join(
            filter(None, (override["kind"], at_share(override), _order_details(override)))
        )
    for hold in held:
        yield f"held by {hold['reason']}: {hold['detail']}"
    observed = region["observed"] or 0.0
    beyond = {t: s for t, s in region["unsteered"].items() if s >= observed + SHARE_TOLERANCE}
    if beyond:
        yield f"not steered: {unsteered_text(beyond)} still lead here"
    if region["drift"]:
        yield f"drift: {region['drift']}"
    if region["errors"] > _NOTABLE_ERRORS * region["requests"]:
        yield f"{region['errors']} of {region['requests']} measured requests fail"


def _severity(row: StatusRow) -> tuple[int, bool]:
    return WORST_FIRST.index(row.health), not row.reason


def _scope(override: ApiReply) -> str:
    scope = "/".join(filter(None, (override["service"], override["pool"])))
    return f"in {scope}" if scope else "everywhere"


def _order_details(override: ApiReply) -> str:
    author, reason = override["author"], override["reason"]
    return f"by {author}: {reason}, {remaining_text(override)}{void_suffix(override)}"


def _note(kind: str, text: str) -> str:
    return f"{kind}: {one_line(text)}"


def _pool_fingerprint(pool: ApiReply) -> object:
    keys = (
        "region",
        "verdict",
        "suspect",
        "usable",
        "confidence",
        "drift",
        "override",
    )
    regions = [
        [*(region[key] for key in keys), share(region["desired"]), share(region["observed"])]
        for region in pool["regions"]
    ]
    holds = [(hold["reason"], hold["region"]) for hold in pool["holds"]]
    return regions, holds, bool(pool["overload_rps"])
