"""What an operator must know of the state file and of the clock that its dates rest on."""

from __future__ import annotations

from controller.api.dependencies import ApiDependencies
from controller.api.http.response_bodies import View


class UnreadableRowView(View):
    """A row of the state file that cannot be read and was skipped."""

    table: str
    """`overrides`: that order is not in force."""
    key: str
    error: str


def unreadable_rows(dependencies: ApiDependencies) -> tuple[UnreadableRowView, ...]:
    """The rows found since the start that still matter, overrides first."""
    found = dependencies.store.condition().unreadable_at(dependencies.clock.wall())
    return tuple(
        UnreadableRowView(table=row.table, key=row.key, error=row.error)
        for row in sorted(found, key=lambda row: row.table != "overrides")
    )


def notices(dependencies: ApiDependencies) -> tuple[str, ...]:
    """Sentences about a state file that was gone, and about a clock that is or was wrong."""
    return (
        *dependencies.store.condition().notices,
        *_orders_of_the_future(dependencies),
        *_clock_step(dependencies),
    )


def _orders_of_the_future(dependencies: ApiDependencies) -> list[str]:
    return [
        f"override {override.id} was given at {override.created_at:%Y-%m-%d %H:%M:%SZ}, after the "
        f"time of this start, {dependencies.started_at:%Y-%m-%d %H:%M:%SZ}: the clock is wrong, or "
        "was; the order lasts from the start on as long as it was given for"
        for override in dependencies.overrides.given_later
    ]


def _clock_step(dependencies: ApiDependencies) -> list[str]:
    step = dependencies.clock_steps.last
    if step is None:
        return []
    where = "forward" if step.by_s > 0 else "back"
    return [
        f"the clock was set {where} by {abs(step.by_s):.0f} s, to {step.at:%Y-%m-%d %H:%M:%SZ}; "
        "orders end after the time they were given for, whatever their dates say"
    ]
