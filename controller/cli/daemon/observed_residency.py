"""What the daemon could prove of bound pools, on the tree that AWS was last read to have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass

from controller.cli.daemon.client import ApiReply, Client
from controller.cli.screen.render import one_line


@dataclass(frozen=True, slots=True)
class ObservedPool:
    """One bound pool."""

    service: str
    pool: str
    residency: str
    regions: tuple[str, ...]
    """The lawful ones."""
    leaks: tuple[str, ...] | None
    """Ways out of them, in words; None: AWS was not read yet."""

    @property
    def proven(self) -> bool:
        """Whether none is possible."""
        return self.leaks == ()


def ask(client: Client) -> tuple[ObservedPool, ...]:
    """Every bound pool, as the daemon's last cycle saw it."""
    return tuple(
        _pool(service, pool)
        for service in client.get("/v1/status")["services"]
        for pool in service["pools"]
        if pool["residency"] is not None
    )


def text(pools: Sequence[ObservedPool]) -> Iterator[str]:
    """One line for each pool, and one for each of its leaks."""
    if not pools:
        yield "observed: no pool is bound by a residency"
    for pool in pools:
        place = f"observed: {pool.service}/{pool.pool}"
        if pool.leaks is None:
            yield f"{place}: AWS has not been read yet, so nothing is proven"
        elif pool.proven:
            yield (
                f"{place}: ok (no failure or drain leads {pool.residency} users outside "
                f"{', '.join(pool.regions)})"
            )
        for leak in pool.leaks or ():
            yield one_line(f"{place}: leak: {leak}")


def as_json(pools: Iterable[ObservedPool]) -> list[dict[str, object]]:
    """The same for programs."""
    return [asdict(pool) | {"proven": pool.proven} for pool in pools]


def _pool(service: ApiReply, pool: ApiReply) -> ObservedPool:
    leaks = pool["leaks"]
    return ObservedPool(
        service=service["name"],
        pool=pool["name"],
        residency=pool["residency"],
        regions=tuple(region["region"] for region in pool["regions"]),
        leaks=None if leaks is None else tuple(leak["text"] for leak in leaks),
    )
