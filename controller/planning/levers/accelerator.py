"""Global Accelerator: the endpoint groups of one accelerator, one group per region and listener.

One pool is behind an accelerator. Residency holds when no group exists in an unlawful region. A
group that is missing, unlawful or empty is a fault, which is reported and never repaired.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import ClassVar

from controller.model.configuration import AcceleratorLever, Pool, Service
from controller.model.decision import PoolName, Shares
from controller.model.levers import (
    Change,
    EndpointGroup,
    GroupChange,
    LeverKind,
    LeverState,
    Observed,
    Position,
)
from controller.planning.guards.all_closed import OpenParts, fail_open_regions
from controller.planning.levers.lever import Lever, Resources, of_pool
from controller.planning.levers.write_steps import WritesByChange, WriteStep
from controller.planning.residency.proof import Proof, prove_groups
from controller.planning.residency.zone_listings import ZoneScope
from controller.planning.shares import normalised

EndpointGroups = tuple[EndpointGroup, ...]


class Accelerator(Lever[EndpointGroup, EndpointGroups, GroupChange]):
    """A service's endpoint groups. A share is a dial, which applies to the nearest users."""

    kind: ClassVar[LeverKind] = "accelerator"
    shares_add_up = False
    target_word = "accelerator"
    share_word = "dial"
    propagated_word = "deployed"
    is_atomic = False
    all_closed_effect = "an accelerator whose groups are all closed sends users to any of them"

    def steers(self, service: Service) -> bool:
        """Whether the service has endpoint groups."""
        return service.levers.accelerator is not None

    def target(self, service: Service) -> str:
        """ARN of the accelerator."""
        return _lever_settings(service).arn

    def identity(self, service: Service) -> str:
        """The accelerator and the pool behind it."""
        lever = _lever_settings(service)
        return f"{self.kind} {lever.arn} {lever.pool}"

    def assumptions(self, service: Service) -> str:
        """Which fraction of users is nearest to which region, as configured."""
        return repr(sorted(_lever_settings(service).nearest.items()))

    def propagation_text(self, service: Service) -> str:
        """Open connections stay where they are."""
        return "new connections follow once DEPLOYED"

    def pool(self, service: Service) -> str:
        """The pool behind the accelerator."""
        return _lever_settings(service).pool

    def nearest(self, service: Service, regions: Collection[str]) -> Shares:
        """Region to the fraction of users nearest to it, as configured; `sum == 1`.

        Equal where the settings name none of these regions.
        """
        configured = _lever_settings(service).nearest
        return normalised({region: configured.get(region, 0.0) for region in regions}) or {
            region: 1 / len(regions) for region in regions
        }

    def index(self, listing: Iterable[EndpointGroup]) -> EndpointGroups:
        """The listing itself, which is short."""
        return tuple(listing)

    def resources(
        self, name: str, service: Service, index: EndpointGroups
    ) -> Resources[EndpointGroup]:
        """Position to its groups, one per listener."""
        pool = self.pool(service)
        return {
            Position(name, pool, region): tuple(g for g in index if g.region == region)
            for region in service.pools[pool].regions
        }

    def observe(
        self,
        name: str,
        service: Service,
        index: EndpointGroups,
        resources: Resources[EndpointGroup],
        at: float,
    ) -> Observed:
        """States, faults and closed listeners of the service's groups."""
        pool_name = self.pool(service)
        pool = service.pools[pool_name]
        states = {p: found for p, groups in resources.items() if (found := _states_of(groups))}
        parts = {position: found for position, found in states.items() if len(found) > 1}
        faults = tuple(_faults(pool_name, pool, index))
        now = of_pool(resources, (name, pool_name), pool.regions)
        reached = fail_open_regions(self.open_parts(now, ())) if parts else ()
        return Observed(
            at,
            {position: found[0] for position, found in states.items()},
            frozenset(parts),
            {pool_name: faults} if faults else {},
            parts=parts,
            failing_open=frozenset(Position(name, pool_name, region) for region in reached),
        )

    def prove(
        self,
        name: str,
        service: Service,
        listing: Sequence[EndpointGroup],
        scope: ZoneScope | None = None,
    ) -> Proof:
        """Whether the accelerator can send its pool's users to an unlawful region, and how."""
        return prove_groups(name, service, listing)

    def is_same_for_proof(self, one: EndpointGroup, other: EndpointGroup) -> bool:
        """Whether two groups differ at most in dial, weights and health."""
        return (
            one.arn == other.arn
            and one.region == other.region
            and [e.endpoint_id for e in one.endpoints] == [e.endpoint_id for e in other.endpoints]
        )

    def shares(self, states: Mapping[str, LeverState]) -> dict[str, float]:
        """Dials, 0 to 1; 0 where the endpoints have weight 0."""
        return {r: (s.dial or 0.0) / 100 if s.weight else 0.0 for r, s in states.items()}

    def with_fail_open(self, shares: Shares, reached: Collection[str]) -> dict[str, float]:
        """A region that is reached all the same has dial 1."""
        return {region: 1.0 if region in reached else share for region, share in shares.items()}

    def states(
        self, service: Service, before: Mapping[str, LeverState], after: Shares
    ) -> dict[str, LeverState]:
        """Dials of whole percents, at least 1 where open, and the configured endpoint weight."""
        weight = _lever_settings(service).endpoint_weight
        return {
            region: LeverState(weight, max(1.0, round(share * 100.0, 0)))
            if share > 0
            else LeverState(0, 0.0)
            for region, share in after.items()
            if region in before
        }

    def writes(
        self, change: Change, resources: tuple[EndpointGroup, ...]
    ) -> tuple[GroupChange, ...]:
        """One write per group that can be written and has another state."""
        dial, weight = change.after.dial, change.after.weight
        if dial is None:
            return ()
        return tuple(
            GroupChange(group, dial, weight)
            for group in writable_groups(resources)
            if not has_state(group, change.after)
        )

    def steps(
        self, writes: WritesByChange[GroupChange], urgent: Collection[PoolName]
    ) -> list[WriteStep[GroupChange]]:
        """One group per step, groups that open before groups that close."""
        single = [(change, write) for change, each in writes.items() for write in each]
        single.sort(key=lambda pair: not is_opening(pair[1]))
        return [
            WriteStep({change: (write,)}, (change.position.service, change.position.pool))
            for change, write in single
        ]

    def open_parts(
        self, pool: Mapping[str, tuple[EndpointGroup, ...]], writes: Iterable[GroupChange]
    ) -> OpenParts:
        """By listener. A group without endpoints serves no users and counts as missing."""
        after = {write.group.arn: LeverState(write.endpoint_weight, write.dial) for write in writes}
        return {
            region: {
                group.listener: (after.get(group.arn) or _most_open_state(group)).is_open
                for group in groups
                if group.endpoints
            }
            for region, groups in pool.items()
        }


ACCELERATOR = Accelerator()


def writable_groups(groups: Iterable[EndpointGroup]) -> list[EndpointGroup]:
    """The groups with an endpoint; the others serve no users and are not written.

    All groups where none has an endpoint: AWS's refusal then names the reason.
    """
    all_groups = list(groups)
    return [group for group in all_groups if group.endpoints] or all_groups


def has_state(group: EndpointGroup, state: LeverState) -> bool:
    """Whether the group and all its endpoints have this state."""
    weights = {endpoint.weight for endpoint in group.endpoints}
    return group.dial == state.dial and weights <= {state.weight}


def is_opening(change: GroupChange) -> bool:
    """Whether the write opens some endpoint of the group further."""
    after = LeverState(change.endpoint_weight, change.dial)
    return any(
        _openness(after) > _openness(LeverState(endpoint.weight, change.group.dial))
        for endpoint in change.group.endpoints
    )


def _most_open_state(group: EndpointGroup) -> LeverState:
    return LeverState(max(endpoint.weight for endpoint in group.endpoints), group.dial)


def _openness(state: LeverState) -> tuple[bool, float, int]:
    """Sort key: the most open state is the greatest."""
    return state.is_open, state.dial or 0.0, state.weight


def _states_of(groups: Iterable[EndpointGroup]) -> tuple[LeverState, ...]:
    """The distinct states of one region's endpoints, the most open first."""
    found = {
        LeverState(weight, group.dial)
        for group in writable_groups(groups)
        for weight in [endpoint.weight for endpoint in group.endpoints] or [0]
    }
    return tuple(sorted(found, key=_openness, reverse=True))


def _faults(pool_name: str, pool: Pool, groups: EndpointGroups) -> Iterable[str]:
    listeners = dict.fromkeys(group.listener for group in groups)
    for region in pool.regions:
        mine = [group for group in groups if group.region == region]
        present = {group.listener for group in mine}
        lacking = [listener for listener in listeners if listener not in present]
        if not mine:
            yield f"endpoint group {region} is missing"
            continue
        yield from (f"endpoint group {region} is missing at {listener}" for listener in lacking)
        if not all(group.endpoints for group in mine):
            yield f"endpoint group {region} has no endpoint"
    for region in sorted({group.region for group in groups}.difference(pool.regions)):
        law = f"; pool {pool_name} may only be served from {', '.join(pool.regions)}"
        yield f"endpoint group {region} should not exist{law}"


def _lever_settings(service: Service) -> AcceleratorLever:
    assert service.levers.accelerator is not None
    return service.levers.accelerator
