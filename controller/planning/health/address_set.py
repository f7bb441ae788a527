"""A name with several addresses: the states of its addresses in, the endpoint's state out.

Each address has its own hysteresis (`planning.health.hysteresis`). The endpoint is down when `most`
of the fresh addresses are (or `any`, or `all`: the setting `addresses`). Most is more than two
thirds: as long as a third of a region's front ends answer, clients find one (RFC 8305), and the
region is gray, not down. An address that cannot be probed is not fresh, and does not count. Nor do
addresses of a family, IPv4 or IPv6, over which nothing at all answers from here, while others are
left: then the family is lost between us and the world.

    fresh addresses     1   2   3   4   5   6   7   8
    most: down from     1   2   3   3   4   5   5   6

Worked example, three addresses, `most`: two are down, one answers. 2 of 3 are not more than two
thirds, so the endpoint is up; a third of it answers, so a quarter of the region's capacity counts
(`planning.health.gray_failure`). When the third fails as well, the endpoint is down.

A first failure of one address makes the others be asked at once. The failure that made them be
asked counts for them, too, when the first one turns down meanwhile: so a region that dies as a
whole is down after the same `down_after` rounds of probes as one with a single address.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from controller.model.configuration import AddressRule
from controller.model.health import AddressCounts, HealthState, Verdict
from controller.planning.health.hysteresis import is_fresh
from controller.planning.health.unreachable import family_of

MAX_ADDRESSES = 8
"""Addresses of one name that are probed; that it has more is said."""
_MAX_NAMED = 3
_UP, _DOWN = Verdict.UP, Verdict.DOWN


class SetLimits(NamedTuple):
    """What the state of several addresses depends on, besides their states."""

    rule: AddressRule
    fresh_for_s: float
    down_after: int
    silent_families: frozenset[str] = frozenset()
    """`IPv4` or `IPv6` if no endpoint and no reference target answers over it."""


def chosen(present: Iterable[str], offered: Sequence[str]) -> tuple[str, ...]:
    """The addresses to probe: those probed already that the name still has, then others."""
    stay = [address for address in present if address in offered]
    new = [address for address in offered if address not in stay]
    return tuple((stay + new)[:MAX_ADDRESSES])


def down_from(rule: AddressRule, fresh: int) -> int:
    """Of `fresh` addresses, 1 or more, how many must be down for the endpoint to be down."""
    match rule:
        case AddressRule.ANY:
            return 1
        case AddressRule.ALL:
            return fresh
        case AddressRule.MOST:
            return 2 * fresh // 3 + 1


def due(states: Mapping[str, HealthState], turn: int, now: float, at_most_s: float) -> list[str]:
    """Addresses to probe in this turn: the next one in rotation, and those that cannot wait.

    These are all that are not plainly up, and those whose result is older than `at_most_s`.
    """
    addresses = list(states)
    if not addresses:
        return []
    in_rotation = addresses[turn % len(addresses)]
    return [
        address
        for address, state in states.items()
        if address == in_rotation
        or state.verdict is not _UP
        or state.not_run
        or state.last_result_at is None
        or now - state.last_result_at > at_most_s
    ]


def combined(
    states: Mapping[str, HealthState], known: int, now: float, limits: SetLimits
) -> HealthState:
    """The endpoint's state. `known`: how many addresses its name has; `states`: one or more."""
    all_fresh = {a: s for a, s in states.items() if is_fresh(s, now, limits.fresh_for_s)}
    if not all_fresh:
        return _without_results(states, known)
    fresh = _of_families_that_work(all_fresh, limits)
    silent = sorted({family_of(address) for address in all_fresh.keys() - fresh.keys()})
    needed = down_from(limits.rule, len(fresh))
    down = {a: s for a, s in fresh.items() if _is_down(s, fresh.values(), limits.down_after)}
    up = [state for address, state in fresh.items() if _is_up(state) and address not in down]
    if len(down) >= needed:
        verdict, since = _DOWN, _nth(_turned_down_at(down.values()), needed)
        firsts = _first_failures(down.values())
    else:
        # So many are up that the others cannot make it down.
        is_up = len(up) > len(fresh) - needed
        verdict = _UP if is_up else Verdict.UNKNOWN
        since = _nth(sorted(state.since for state in up), len(fresh) - needed + 1) if is_up else 0.0
        is_settled = all(state.verdict is _DOWN for state in fresh.values() if state.suspect)
        firsts = [] if is_settled else _first_failures(fresh.values())
    newest = max(fresh.values(), key=lambda state: state.last_result_at or 0.0)
    steadiest = min(fresh.values(), key=attrgetter("successes"))
    last_failed = max(down.values(), key=attrgetter("last_result_at"), default=newest)
    return HealthState(
        verdict=verdict,
        since=since,
        failures=max(state.failures for state in fresh.values()) if firsts else 0,
        successes=steadiest.successes,
        first_failure_at=_nth(firsts, needed) if firsts else None,
        first_success_at=steadiest.first_success_at,
        last_result_at=newest.last_result_at,
        last_failure=last_failed.last_failure,
        latency_s=max((state.latency_s for state in up), default=0.0),
        certificate_ends_at=min(
            (s.certificate_ends_at for s in states.values() if s.certificate_ends_at is not None),
            default=None,
        ),
        address=newest.address,
        answers=sum(state.answers for state in up),
        usual_latency_s=_mean([state.usual_latency_s for state in up]),
        bad_ratio=_mean([state.bad_ratio for state in up]),
        addresses=AddressCounts(
            known, len(states), len(fresh), len(down), _named(down), tuple(silent)
        ),
    )


def inherited(state: HealthState) -> HealthState:
    """The state of an address that is new to the set: what is believed of the endpoint.

    As with a name whose only address changes, it takes `down_after` failures to be down.
    """
    return state._replace(addresses=None, not_run="", not_run_since=None, no_route_since=None)


def is_in_doubt(states: Mapping[str, HealthState]) -> bool:
    """Whether it matters which families work: both are there, and an address is down."""
    has_both = len({family_of(address) for address in states}) > 1
    return has_both and any(state.verdict is _DOWN for state in states.values())


def _of_families_that_work(
    fresh: Mapping[str, HealthState], limits: SetLimits
) -> Mapping[str, HealthState]:
    """Those whose family does; all if none is left."""
    if not limits.silent_families:
        return fresh
    kept = {a: s for a, s in fresh.items() if family_of(a) not in limits.silent_families}
    return kept or fresh


def _without_results(states: Mapping[str, HealthState], known: int) -> HealthState:
    """The state when no address has a fresh result: as old as the newest, and why none has."""
    newest = max(states.values(), key=lambda state: state.last_result_at or 0.0)
    unasked = [state for state in states.values() if state.not_run]
    reason = unasked[0] if unasked else newest
    return newest._replace(
        not_run=reason.not_run,
        not_run_since=reason.not_run_since,
        no_route_since=reason.no_route_since,
        addresses=AddressCounts(known, len(states), 0, 0),
    )


def _is_up(state: HealthState) -> bool:
    return state.verdict is _UP


def _is_down(state: HealthState, all_states: Iterable[HealthState], down_after: int) -> bool:
    """Whether an address counts as down.

    One failure less is enough after the one of another address that made this one be asked, once
    that other address has turned down since.
    """
    first = state.first_failure_at
    if state.verdict is _DOWN or first is None or state.failures < max(1, down_after - 1):
        return state.verdict is _DOWN
    return any(
        other.verdict is _DOWN
        and other.first_failure_at is not None
        and other.first_failure_at < first <= other.since
        for other in all_states
    )


def _turned_down_at(down: Iterable[HealthState]) -> list[float]:
    return sorted(s.since if s.verdict is _DOWN else s.last_result_at or 0.0 for s in down)


def _first_failures(states: Iterable[HealthState]) -> list[float]:
    """When each that fails began to, sorted."""
    return sorted(s.first_failure_at for s in states if s.first_failure_at is not None)


def _nth(times: Sequence[float], number: int) -> float:
    """The time of the `number`th (from 1), or the last one; what happened by then needed it."""
    return times[min(number, len(times)) - 1]


def _named(down: Mapping[str, HealthState]) -> tuple[str, ...]:
    texts = (f"{address} ({state.last_failure})" for address, state in down.items())
    return tuple(texts)[:_MAX_NAMED]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
