"""The player of storyboards: a perfect AWS, and a clock that moves by command.

Commands, one per line:

  pool NAME REGION[:MS]… demand=N [accelerator]   a pool, its lawful regions and how far they are
                                             (first commands)
  region NAME [capacity=N] [share=N] [price=N]    a region not like the others; capacity=unknown
  guards|ramp|placement KEY=VALUE…           settings of a section; drift_KEY: of guards.drift
  vantage NAME…                              the configured vantage points; the first is ours
  start AGE                                  seconds since the daemon started and has planned
                                             nothing yet (default: long ago)
  see [SERVICE/]REGION=LETTERS…              what the vantage points see from now on, one letter
                                             each: U up, D down, S up but failing now, ? unknown
  gray REGION=PERCENT[:ANSWERS]…             so many of its probes were bad lately
  route53 REGION=LETTER…                     what Route 53's own health checks say from now on:
                                             U healthy, D unhealthy, ? unknown
  answered POOL REGION…                      what its users are answered from now on, in turn
  known-good LETTERS                         reference targets that must answer: U
                                             answers, D fails, one letter each
  known-bad LETTERS                          the same for those that must not
  wait SECONDS                               time passes
  restart                                    the daemon starts anew from its state file, and each
                                             endpoint is asked again (its start-up guard is over)
  pause SECONDS                              it passes, and the daemon stands still meanwhile
  drain|failover [POOL/]REGION [ignoring GUARD…]   a person orders it, for one pool or for all
  pin [POOL/]REGION SHARE [ignoring GUARD…]        a person pins it at so many percent
  freeze [POOL/] | unfreeze | end REGION     a person orders or ends it
  demand POOL N                              so many requests/s are measured from now on
  users POOL REGION:REQUESTS[/ERRORS]…       where users went lately, as reported; none: no report
  edit POOL REGION WEIGHT                    another party changes a weight
  lose POOL REGION                           another party deletes a weighted record
  never-seen POOL REGION | seen POOL REGION  nobody knows the ratio of its weights, or it was stated
  stray POOL REGION | tidy POOL              another party creates an unlawful record, or deletes it
  astray POOL REGION PLACE                   another party points a lawful region's record elsewhere
  dry-run [SERVICE]                          nothing (of it) is written from here on
  service NAME                               another service with the same pools and regions (before
                                             anything happens)
  decide                                     one decision, carried out by a perfect AWS
  decide refused                             one decision whose writes AWS refuses
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import yaml

from controller.model.configuration import EndpointId, Settings
from controller.model.decision import Decision, PoolPlan, ProcessPause, Snapshot
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, as_text
from controller.model.figures import Figure, Figures
from controller.model.health import HealthState, Verdict
from controller.model.levers import Change, Leak, LeverState, Observed, Position
from controller.model.memory import NO_MEMORY, ServiceMemory
from controller.model.overrides import Override, OverrideKind
from controller.model.second_opinions import AnsweredCounts, Opinion
from controller.model.traffic import MeasuredShare
from controller.planning.decision import decide
from controller.planning.drift import accepted_states, after_reasserting, format_state
from controller.planning.health.answered_shares import Sample, answered_counts
from controller.planning.memory import after_writing, with_services
from controller.planning.restart import (
    Dating,
    health_with_times,
    memory_with_times,
    resumed_health,
    resumed_memory,
)
from controller.planning.shares import SHARE_TOLERANCE, percent
from tests.planning.remembering import remembers, service_memory

Probed = TypeVar("Probed")
_LONG_AGO = -100_000.0
_ORDERED_AT = datetime(2026, 1, 1, tzinfo=UTC)


class StoryboardPlayer:
    """One service `shop`, others like it if any, and everything a decision looks at."""

    def __init__(self) -> None:
        self.now = 0.0
        self.started_at = _LONG_AGO
        self.pools: dict[str, dict[str, Any]] = {}
        self.regions: dict[str, dict[str, Any]] = {}
        self.catalogue: dict[str, dict[str, Any]] = {}
        """Region to what the catalogue says of it beside its jurisdiction, which is `any`."""
        self.sections: dict[str, dict[str, object]] = {"guards": {}, "ramp": {}, "placement": {}}
        self.vantage: tuple[str, ...] = ("here",)
        self.mode = "active"
        self.modes: dict[str, str | None] = {"shop": None}
        self.accelerator = False
        self.health: dict[str, dict[EndpointId, HealthState]] = {}
        self.known_good: dict[str, HealthState] = {}
        self.known_bad: dict[str, HealthState] = {}
        self.checks: dict[str, Verdict] = {}
        self.answers: dict[str, list[str]] = {}
        self.overrides: list[Override] = []
        self.observed: dict[Position, LeverState] = {}
        self.faults: dict[str, tuple[str, ...]] = {}
        self.unknown_weights: dict[Position, str] = {}
        self.unequal: frozenset[Position] = frozenset()
        self.leaks: dict[str, tuple[Leak, ...]] = {}
        self.expected: dict[Position, tuple[LeverState, ...]] = {}
        self.memory = remembers(begun=True)
        self.demand: dict[tuple[str, str], Figure] = {}
        self.measured: dict[tuple[str, str], dict[str, MeasuredShare]] = {}
        self.pause: ProcessPause | None = None
        self.settled = False

    def play(self, line: str) -> str:
        """Play one command; the text of a decision, or nothing."""
        verb, *words = line.split()
        command: Callable[[list[str]], str | None] = getattr(self, "_" + verb.replace("-", "_"))
        return command(words) or ""

    # -- the world

    def _pool(self, words: list[str]) -> None:
        name, *rest = words
        places = [w.partition(":") for w in rest if "=" not in w and w != "accelerator"]
        regions = [region for region, _, _ in places]
        demand = next((float(w.split("=")[1]) for w in rest if w.startswith("demand=")), 100.0)
        self.accelerator = self.accelerator or "accelerator" in rest
        bound = [f"country:{c}" for c in ("DE", "FR")] if self.pools else ["default"]
        self.pools[name] = {
            "geographies": bound,
            "regions": regions,
            "demand_rps": demand,
            "latency_ms": {region: float(ms) for region, _, ms in places if ms},
        }
        for region in regions:
            self.regions.setdefault(
                region,
                {
                    "capacity_rps": 1000.0,
                    "endpoints": {"web": {"probe": f"http://{region}.test/healthz"}},
                },
            )

    def _region(self, words: list[str]) -> None:
        for word in words[1:]:
            key, value = word.split("=")
            number = None if value == "unknown" else float(value)
            if key == "price":
                self.catalogue.setdefault(words[0], {})["egress_usd_per_gb"] = number
            else:
                name = "capacity_rps" if key == "capacity" else key
                self.regions[words[0]][name] = number

    def _guards(self, words: list[str]) -> None:
        self._section("guards", words)

    def _ramp(self, words: list[str]) -> None:
        self._section("ramp", words)

    def _placement(self, words: list[str]) -> None:
        self._section("placement", words)

    def _section(self, name: str, words: list[str]) -> None:
        for word in words:
            key, value = word.split("=")
            number = value.replace(".", "", 1).isdecimal()
            self.sections[name][key] = yaml.safe_load(value) if number else value

    def _vantage(self, words: list[str]) -> None:
        self.vantage = tuple(words)

    def _start(self, words: list[str]) -> None:
        self.started_at = self.now - float(words[0])
        self.memory = NO_MEMORY

    def _dry_run(self, words: list[str]) -> None:
        if words:
            self.modes[words[0]] = "dry_run"
        else:
            self.mode = "dry_run"

    def _service(self, words: list[str]) -> None:
        self.modes[words[0]] = None
        self.memory = with_services(self.memory, {words[0]: service_memory(begun=True)})

    # -- what happens

    def _see(self, words: list[str]) -> None:
        for word in words:
            place, letters = word.split("=")
            only, _, region = place.rpartition("/")
            for vantage, letter in zip(self.vantage, letters, strict=True):
                states = self.health.setdefault(vantage, {})
                for service in [only] if only else self.modes:
                    endpoint = EndpointId(service, region, "web")
                    states[endpoint] = self._state(letter, states.get(endpoint))

    def _gray(self, words: list[str]) -> None:
        self._settle()
        for word in words:
            region, _, figures = word.partition("=")
            percent_, _, answers = figures.partition(":")
            endpoint = EndpointId("shop", region, "web")
            for states in self.health.values():
                states[endpoint] = states[endpoint]._replace(
                    bad_ratio=float(percent_) / 100, answers=int(answers or 1000)
                )

    def _route53(self, words: list[str]) -> None:
        for word in words:
            region, letter = word.split("=")
            self.checks[region] = self._state(letter, None).verdict

    def _answered(self, words: list[str]) -> None:
        self.answers[words[0]] = words[1:]

    def _opinions(self) -> dict[Position, Opinion]:
        return {
            Position("shop", name, region): Opinion(verdict, self.now, "3 of 3 checkers say so")
            for name, pool in self.settings().services["shop"].pools.items()
            for region, verdict in self.checks.items()
            if region in pool.regions
        }

    def _answers(self) -> dict[tuple[str, str], AnsweredCounts]:
        """A hundred answers each, the last of them just now."""
        found = {}
        for name, regions in self.answers.items():
            samples = [Sample(self.now, regions[i % len(regions)]) for i in range(100)]
            answered = answered_counts(
                samples, self.settings().services["shop"].pools[name].regions
            )
            assert answered is not None
            found["shop", name] = answered
        return found

    def _known_good(self, words: list[str]) -> None:
        self.known_good = {f"c{i}": self._state(letter, None) for i, letter in enumerate(words[0])}

    def _known_bad(self, words: list[str]) -> None:
        self.known_bad = {
            f"tcp://bad{i}.test:9": self._state(letter, None) for i, letter in enumerate(words[0])
        }

    def _wait(self, words: list[str]) -> None:
        self.now += float(words[0])

    def _pause(self, words: list[str]) -> None:
        self._settle()
        self._wait(words)
        self.pause = ProcessPause(self.now, float(words[0]))
        self._forget()
        self.known_good = dict.fromkeys(self.known_good, HealthState())
        self.known_bad = dict.fromkeys(self.known_bad, HealthState())

    def _restart(self, words: list[str]) -> None:
        self._settle()
        dating = Dating(_ORDERED_AT.timestamp() - self.now, self.now)
        services = {
            name: resumed_memory(_reread_memory(kept, dating), kept)
            for name, kept in self.memory.services.items()
        }
        self.memory = replace(self.memory, services=services)
        for own in self.health.values():
            _reread_health(own, dating)
        _reread_health(self.known_good, dating)
        _reread_health(self.known_bad, dating)
        self.demand = {
            pool: Figure(figure.value, dating.time(dating.date(figure.at)))
            for pool, figure in self.demand.items()
        }

    def _drain(self, words: list[str]) -> None:
        self._order(OverrideKind.DRAIN, words)

    def _failover(self, words: list[str]) -> None:
        self._order(OverrideKind.FAILOVER, words)

    def _pin(self, words: list[str]) -> None:
        place, share, *ignoring = words
        self._order(OverrideKind.PIN, [place, *ignoring], share=float(share) / 100)

    def _freeze(self, words: list[str]) -> None:
        self._order(OverrideKind.FREEZE, words)

    def _unfreeze(self, words: list[str]) -> None:
        self.overrides = [o for o in self.overrides if o.kind is not OverrideKind.FREEZE]

    def _end(self, words: list[str]) -> None:
        self.overrides = [o for o in self.overrides if o.region != words[0]]

    def _order(self, kind: OverrideKind, words: list[str], share: float | None = None) -> None:
        pool, _, region = (words[0] if words else "").rpartition("/")
        override = Override(
            id=len(self.overrides) + 1,
            kind=kind,
            region=region or None,
            service="shop" if pool else None,
            pool=pool or None,
            author="ann",
            reason="INC-42",
            created_at=_ORDERED_AT,
            expires_at=_ORDERED_AT,
            ignore_guards=tuple(words[2:]),
            share=share,
        )
        self.overrides.append(override)

    def _demand(self, words: list[str]) -> None:
        self.demand["shop", words[0]] = Figure(float(words[1]), self.now)

    def _users(self, words: list[str]) -> None:
        pool, *places = words
        counted = {region: counts for region, _, counts in (p.partition(":") for p in places)}
        numbers = {region: counts.partition("/")[::2] for region, counts in counted.items()}
        total = sum(int(requests) for requests, _ in numbers.values())
        self.measured["shop", pool] = {
            region: MeasuredShare(int(requests), int(errors or 0), int(requests) / total)
            for region, (requests, errors) in numbers.items()
        }

    def _edit(self, words: list[str]) -> None:
        self._settle()
        self.observed[Position("shop", words[0], words[1])] = LeverState(int(words[2]))

    def _lose(self, words: list[str]) -> None:
        self._settle()
        pool, region = words
        del self.observed[Position("shop", pool, region)]
        self.faults[pool] = (f"weighted record {pool}.shop.test. A {region} is missing",)

    def _never_seen(self, words: list[str]) -> None:
        self._settle()
        position = Position("shop", *words)
        self.observed[position] = LeverState(0, 0.0 if self.accelerator else None)
        self.expected[position] = (self.observed[position],)
        self.unknown_weights[position] = f"the weights of {words[1]} were never seen: state them"

    def _seen(self, words: list[str]) -> None:
        del self.unknown_weights[Position("shop", *words)]

    def _stray(self, words: list[str]) -> None:
        pool, region = words
        lawful = ", ".join(self.settings().services["shop"].pools[pool].regions)
        path = ("shop.test. A country:DE", f"{pool}.shop.test. A {region}")
        why = f"EU users may only be served from {lawful}"
        self.leaks[pool] = (Leak("shop", pool, ("country:DE",), region, (), (), path, why),)

    def _astray(self, words: list[str]) -> None:
        pool, region, where = words
        self._stray([pool, region])
        self.leaks[pool] = (replace(self.leaks[pool][0], reached=where, astray=region),)

    def _tidy(self, words: list[str]) -> None:
        del self.leaks[words[0]]

    def _state(self, letter: str, before: HealthState | None) -> HealthState:
        failing_since = (
            self.now if before is None or not before.suspect else before.first_failure_at
        )
        seen = HealthState(since=self.now, last_result_at=self.now, latency_s=0.02)
        match letter:
            case "U":
                return seen._replace(verdict=Verdict.UP)
            case "S":
                return seen._replace(verdict=Verdict.UP, failures=1, first_failure_at=failing_since)
            case "D":
                return seen._replace(
                    verdict=Verdict.DOWN,
                    failures=3,
                    first_failure_at=failing_since,
                    last_failure="connection refused",
                )
            case "?":
                return HealthState(last_result_at=self.now - 1_000)
        raise ValueError(f"unknown letter {letter!r}")

    # -- deciding

    def _decide(self, words: list[str]) -> str:
        self._settle()
        self._probe_on()
        was_isolated = self.memory.isolated_since is not None
        decision = decide(self.snapshot())
        self.memory = decision.memory
        if was_isolated and self.memory.isolated_since is None:
            self._forget()
        if not words:
            self._carry_out(decision)
        return decision_text(decision)

    def _forget(self) -> None:
        """As the daemon's loops do when their own isolation ends."""
        self.health[self.vantage[0]] = dict.fromkeys(self.health[self.vantage[0]], HealthState())

    def snapshot(self) -> Snapshot:
        """Everything as it stands now."""
        return Snapshot(
            now=self.now,
            started_at=self.started_at,
            settings=self.settings(),
            health=self.health,
            known_good=self.known_good,
            known_bad=self.known_bad,
            observed={name: self._observed(name) for name in self.modes},
            expected=self.expected,
            overrides=tuple(self.overrides),
            figures=Figures(demand_rps=self.demand),
            measured=self.measured,
            memory=self.memory,
            opinions=self._opinions(),
            answered=self._answers(),
            pause=self.pause,
        )

    def _observed(self, service: str) -> Observed:
        """Faults and leaks are the service `shop`'s alone."""
        own = {p: setting for p, setting in self.observed.items() if p.service == service}
        if service != "shop":
            return Observed(self.now, own)
        return Observed(
            self.now,
            own,
            self.unequal,
            self.faults,
            leaks=self.leaks,
            unknown_weights=self.unknown_weights,
        )

    def settings(self) -> Settings:
        """The settings the commands described, with limits out of the way unless named."""
        guards = {"startup_data_s": 0, **self.sections["guards"]}
        for group in ("drift", "flapping"):
            keys = [key for key in guards if key.startswith(f"{group}_")]
            guards[group] = {key.removeprefix(f"{group}_"): guards.pop(key) for key in keys}
        arn = "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-0001"
        services = {
            name: {
                "mode": mode,
                "regions": self.regions,
                "pools": self.pools,
                "levers": {"accelerator": {"pool": next(iter(self.pools)), "arn": arn}}
                if self.accelerator
                else {"route53": {"hosted_zone_id": "Z1", "name": f"{name}.test."}},
            }
            for name, mode in self.modes.items()
        }
        return Settings.model_validate(
            {
                "schema_version": 2,
                "mode": self.mode,
                "state_path": "unused",
                "vantage": {"name": self.vantage[0], "points": self.vantage},
                "guards": guards,
                "placement": {"target_utilisation": 1.0, **self.sections["placement"]},
                "ramp": {"step_points": 25, "step_gap_s": 30, **self.sections["ramp"]},
                "regions": {
                    name: {"jurisdiction": "any", **self.catalogue.get(name, {})}
                    for name in self.regions
                },
                "services": services,
            }
        )

    def _settle(self) -> None:
        """The levers and health of a calm day, unless the story said otherwise before."""
        if self.settled:
            return
        self.settled = True
        for name, service in self.settings().services.items():
            for pool, noun in service.pools.items():
                largest = max(service.regions[r].share for r in noun.regions)
                for region in noun.regions:
                    share = service.regions[region].share
                    weight = (
                        LeverState(128, 100.0)
                        if self.accelerator
                        else LeverState(round(128 * share / largest))
                    )
                    self.observed.setdefault(Position(name, pool, region), weight)
        for vantage in self.vantage:
            for endpoint, _ in self.settings().endpoints():
                self.health.setdefault(vantage, {}).setdefault(endpoint, self._state("U", None))
        self.expected = {position: (setting,) for position, setting in self.observed.items()}

    def _probe_on(self) -> None:
        """Probes go on: every opinion but an unknown one is as fresh as can be."""
        for states in self.health.values():
            self._refresh(states)
        self._refresh(self.known_good)
        self._refresh(self.known_bad)

    def _refresh(self, states: dict[Probed, HealthState]) -> None:
        for key, state in states.items():
            if state.verdict is not Verdict.UNKNOWN:
                states[key] = state._replace(last_result_at=self.now)

    def _carry_out(self, decision: Decision) -> None:
        snapshot = self.snapshot()
        applied = {change.position for change in decision.changes}
        seen = accepted_states(snapshot, decision, applied)
        self.expected |= {position: (setting,) for position, setting in seen.items()}
        for change in decision.changes:
            self.observed[change.position] = change.after
            self.unequal -= {change.position}  # a write gives all parts one state
            self.expected[change.position] = (change.after,)
        sent = [plan for plan in decision.plans if plan.changes]
        if sent:
            self.memory = after_writing(self.memory, sent, self.now)
            self.memory = after_reasserting(self.memory, decision, applied, self.now)


def _reread_memory(memory: ServiceMemory, dating: Dating) -> ServiceMemory:
    """As it comes back from the state file."""
    text = as_text(EXACT(memory_with_times(memory, dating.date)))
    return memory_with_times(decoded(ServiceMemory, json.loads(text)), dating.time)


def _reread_health(states: dict[Probed, HealthState], dating: Dating) -> None:
    for key, state in states.items():
        text = as_text(EXACT(health_with_times(state, dating.date)))
        states[key] = resumed_health(decoded(HealthState, json.loads(text)), dating)


def decision_text(decision: Decision) -> str:
    """A decision as a storyboard shows it."""
    lines = [line for plan in decision.plans for line in _pool_text(plan)]
    lines += [f"drift {text}" for text in decision.drift.values()]
    lines += [
        f"{region} is {seen.verdict}: {seen.why}"
        for region, seen in decision.regions["shop"].items()
        if seen.contradictions
    ]
    return "\n".join(lines) or "nothing to do"


def _pool_text(plan: PoolPlan) -> list[str]:
    lines = []
    where = plan.pool if plan.service == "shop" else f"{plan.service}/{plan.pool}"
    moved = [r for r in plan.before if abs(plan.after[r] - plan.before[r]) >= SHARE_TOLERANCE]
    if moved or plan.changes:
        kind = "emergency" if plan.emergency else "by person" if plan.by_person else "calm"
        moves = ", ".join(
            f"{r} {percent(plan.before[r])} → {percent(plan.after[r])}" for r in moved
        )
        lines.append(f"{where} ({kind}): {moves}")
    for change in plan.changes:
        lines.append(f"  write {change.position.region}: {_change_text(change)}")
    for rule in plan.rules:
        numbers = f"{percent(rule.before)} → {percent(rule.after)}"
        lines.append(f"  {rule.step.value} {rule.name} {rule.region} {numbers}: {rule.why}")
    for change in plan.withheld:
        lines.append(f"  would write {change.position.region}: {_change_text(change)}")
    for held in plan.held:
        place = f"{where} {held.region or ''}".strip()
        lines.append(f"{place} holds {held.reason.value}: {held.detail}")
    return lines


def _change_text(change: Change) -> str:
    return f"{format_state(change.before)} → {format_state(change.after)}"
