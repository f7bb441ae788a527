"""Residency of bound pools, as the daemon proves it on all records at AWS."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from controller.cli.daemon.replies import ApiReply
from controller.cli.screen.render import one_line

WHOLE_DEADLINE_S = 60.0
"""Longer than the daemon waits for AWS and for the cycle that follows."""


@dataclass(frozen=True, slots=True)
class ObservedPool:
    """A pool with a residency, and the result of its proof."""

    service: str
    pool: str
    residency: str
    regions: tuple[str, ...]
    """Regions in which the pool's users may be served."""
    leaks: tuple[str, ...] | None
    """Ways for users to leave these regions, as texts; None: AWS was not read yet."""

    @property
    def proven(self) -> bool:
        """Whether AWS was read and shows no leak."""
        return self.leaks == ()


def bound_pools(status: ApiReply) -> tuple[ObservedPool, ...]:
    """Every bound pool in a reply of `GET /v1/status`."""
    return tuple(
        _observed_pool(service, pool)
        for service in status["services"]
        for pool in service["pools"]
        if pool["residency"] is not None
    )


def report_lines(pools: Sequence[ObservedPool]) -> Iterator[str]:
    """One line for each pool and for each of its leaks."""
    if not pools:
        yield "observed: no pool is bound by a residency"
    for pool in pools:
        label = f"observed: {pool.service}/{pool.pool}"
        if pool.leaks is None:
            yield f"{label}: AWS has not been read yet, so nothing is proven"
        elif pool.proven:
            yield (
                f"{label}: ok (no failure or drain leads {pool.residency} users outside "
                f"{', '.join(pool.regions)})"
            )
        for leak in pool.leaks or ():
            yield one_line(f"{label}: leak: {leak}")


def as_json(pools: Iterable[ObservedPool]) -> list[dict[str, object]]:
    """The pools as JSON objects."""
    return [asdict(pool) | {"proven": pool.proven} for pool in pools]


def _observed_pool(service: ApiReply, pool: ApiReply) -> ObservedPool:
    leaks = pool["leaks"]
    return ObservedPool(
        service=service["name"],
        pool=pool["name"],
        residency=pool["residency"],
        regions=tuple(region["region"] for region in pool["regions"]),
        leaks=None if leaks is None else tuple(leak["text"] for leak in leaks),
    )
