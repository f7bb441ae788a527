"""The invariants of a service's memory, as its docstring states them."""

from __future__ import annotations

from collections.abc import Iterator

from controller.model.configuration import Service
from controller.model.levers import Position
from controller.model.memory import ServiceMemory

NONE_OVER = 1e-9


def broken(memory: ServiceMemory, name: str, service: Service, now: float) -> list[str]:
    """Those that do not hold of a service's memory under its settings."""
    return [text for text, holds in _invariants(memory, name, service, now) if not holds]


def _invariants(
    memory: ServiceMemory, name: str, service: Service, now: float
) -> Iterator[tuple[str, bool]]:
    places = {Position(name, p, r) for p, pool in service.pools.items() for r in pool.regions}
    pools, regions = service.pools.keys(), service.regions.keys()
    for field in ("drift_since", "last_rise", "aborted"):
        yield f"{field} is about positions of the settings", getattr(memory, field).keys() <= places
    yield "warming_up is about positions of the settings", memory.warming_up <= places
    yield "doubtful, too", {change.position for change in memory.doubtful} <= places
    for field in ("reasserted", "reverted", "adopted"):
        yield f"{field} is about pools of the settings", getattr(memory, field).keys() <= pools
    yield "what was reverted was re-asserted", memory.reverted.keys() <= memory.reasserted.keys()
    for field in ("degraded", "flaps", "drains"):
        yield f"{field} is about regions of the settings", getattr(memory, field).keys() <= regions
    yield "one to three steps down", set(memory.degraded.values()) <= {1, 2, 3}
    near, lever = memory.nearest, service.levers.accelerator
    if near:
        yield "nearness is of an accelerator", lever is not None
        yield (
            "and of its pool's regions",
            lever is not None and near.keys() == set(service.pools[lever.pool].regions),
        )
        yield "and adds up", abs(sum(near.values()) - 1) < NONE_OVER
    for flaps in memory.flaps.values():
        yield "flaps are bounded", 0 <= flaps.penalty <= 16
        yield "only who failed is damped", not flaps.damped or flaps.penalty >= 1
    times = [*memory.drift_since.values(), *memory.last_rise.values(), *memory.aborted.values()]
    times += [*memory.reasserted.values(), *memory.batches, *memory.emergencies]
    times += [*memory.drains.values(), *(t for t in (memory.panic, memory.learned_at) if t)]
    yield "no time is to come", all(at <= now for at in times)
