"""What is set up wrongly at AWS, or is not steered there, as the daemon read it last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from controller.cli.daemon.replies import ApiReply
from controller.cli.screen.render import one_line


@dataclass(frozen=True, slots=True)
class ObservedFault:
    """One thing that is missing, extra or something else at AWS; its pool is only drained."""

    service: str
    pool: str
    fault: str


@dataclass(frozen=True, slots=True)
class ObservedNotice:
    """What looks wrong but hinders no steering, such as records that are not steered."""

    service: str
    notice: str


@dataclass(frozen=True, slots=True)
class ObservedSetUp:
    """The faults and notices of all services."""

    faults: tuple[ObservedFault, ...]
    notices: tuple[ObservedNotice, ...]
    unread: tuple[str, ...]
    """Services of which the daemon has not read anything yet."""

    def report_lines(self) -> Iterator[str]:
        """One line for each of them."""
        for one in self.faults:
            yield one_line(f"observed: {one.service}/{one.pool}: misconfigured: {one.fault}")
        for service in self.unread:
            yield one_line(f"observed: {service}: AWS has not been read yet")
        for notice in self.notices:
            yield one_line(f"observed: {notice.service}: notice: {notice.notice}")

    def as_json(self) -> dict[str, object]:
        """The members of the report."""
        return {
            "misconfigured": [asdict(one) for one in self.faults],
            "notices": [asdict(one) for one in self.notices],
            "unread": list(self.unread),
        }


def set_up_of(status: ApiReply) -> ObservedSetUp:
    """The set-up in a reply of `GET /v1/status`."""
    services = status["services"]
    return ObservedSetUp(
        tuple(
            ObservedFault(service["name"], pool["name"], fault)
            for service in services
            for pool in service["pools"]
            for fault in pool["faults"] or ()
        ),
        tuple(
            ObservedNotice(service["name"], notice)
            for service in services
            for notice in service["notices"]
        ),
        tuple(
            service["name"]
            for service in services
            if any(pool["faults"] is None for pool in service["pools"])
        ),
    )
