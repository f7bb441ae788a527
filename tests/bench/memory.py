"""How many bytes everything takes that the daemon keeps: `python -m tests.bench.memory`.

Worlds of 20 regions, with 250 pools in one service and with 60 in each of three, calm and when the
largest region is lost. Bytes
of memory are those that Python says it got for it, bytes on disk those in the state file; times are
milliseconds of CPU.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from time import thread_time
from typing import TypeVar

from controller.adapters.sqlite import records
from controller.adapters.sqlite.schema import open_database, transaction
from controller.loops import event_stream
from controller.loops.active_settings import ActiveSettings
from controller.loops.cycle import recording, unsaved_records
from controller.loops.cycle.reconciliation import CycleReport
from controller.loops.cycle.unsaved_records import UnsavedRecord, UnsavedRecords
from controller.loops.event_stream import EventStream
from controller.loops.reports.figures import ReportedFigures
from controller.loops.reports.traffic import TrafficReports
from controller.model.configuration import Mode
from controller.model.decision import Decision, DecisionRecord, Snapshot
from controller.model.decoding import decoded
from controller.model.encoding import EXACT, SHOWN, as_text
from controller.model.levers import Position
from controller.model.traffic import Measurement
from controller.planning.account.alternatives import rejected_alternatives
from controller.planning.account.columns import aligned
from controller.planning.account.decision_changes import expected_effect
from controller.planning.account.decision_summary import reduced_to_summary
from controller.planning.account.evidence import Evidence, encode_evidence, read_snapshot
from controller.planning.decision import decide
from tests.bench.worlds import at_rest, failed, of_services
from tests.fakes.clock import NOON, FakeClock
from tests.planning.placement.transport_problems import world

_T = TypeVar("_T")
REGIONS, POOLS, SEED = 20, 250, 11
SERVICES, POOLS_OF_EACH = ("shop", "api", "media"), 60
_OPEN_BYTES = 3 * recording.MAX_OPEN_BYTES
_SOME = 25
"""How many of each are made; what one takes shows in that, too."""


async def main() -> None:
    """Print the tables."""
    problem = world(REGIONS, POOLS, SEED, capacity_ratio=1.25, bound=False)
    calm = at_rest(problem)
    lost = failed(calm, max(problem.capacity, key=problem.capacity.__getitem__))
    sys.stdout.write(f"{REGIONS} regions x {POOLS} pools, seed {SEED}\n\n")
    _print_decisions({"calm": calm, "a region lost": lost})
    services = three_services()
    size = f"{REGIONS} regions x {POOLS_OF_EACH} pools x {len(SERVICES)} services"
    sys.stdout.write(f"{size}\n\n")
    _print_decisions({"calm": services, "a region lost": failed(services, "rg-a-0")})
    bounds = _kept(lost)
    sys.stdout.write("\n".join(aligned([("bytes kept", "now", "at most"), *bounds])) + "\n")


def three_services() -> Snapshot:
    """Three services, each with pools and users of its own, at rest."""
    problems = [
        world(REGIONS, POOLS_OF_EACH, SEED + number, capacity_ratio=1.25, bound=False)
        for number in range(len(SERVICES))
    ]
    return of_services(dict(zip(SERVICES, map(at_rest, problems), strict=True)))


def _print_decisions(moments: dict[str, Snapshot]) -> None:
    head = ("", *moments)
    found = [_of_decision(moment) for moment in moments.values()]
    rows = [[name, *(f"{one[name]:,}" for one in found)] for name in found[0]]
    sys.stdout.write("\n".join(aligned([head, *rows])) + "\n\n")


def _of_decision(moment: Snapshot) -> dict[str, int | float]:
    """What one decision takes: its record, its evidence, its events."""
    decision = decide(moment)
    evidence, record = Evidence(moment, decision), _record(moment, decision)
    text = encode_evidence(evidence)
    hub = EventStream(FakeClock())
    hub.on_record(record)
    return {
        "record as JSON, bytes": len(as_text(EXACT(record))),
        "evidence as JSON, bytes": len(text.snapshot + text.decision),
        "both on disk, bytes": _on_disk(record, evidence),
        "event of it, bytes": len(hub.recent(1)[0].text),
        "encode record, ms": _ms(lambda: as_text(EXACT(record))),
        "encode evidence, ms": _ms(lambda: encode_evidence(evidence)),
        "encode for the API, ms": _ms(lambda: as_text(SHOWN(record))),
        "read snapshot, ms": _ms(lambda: read_snapshot(text)),
        "read decision, ms": _ms(lambda: decoded(Decision, json.loads(text.decision))),
    }


def _record(moment: Snapshot, decision: Decision) -> DecisionRecord:
    return DecisionRecord(
        id=0,
        at=NOON,
        cycle=1,
        mode=Mode.ACTIVE,
        trigger=(),
        regions=decision.regions,
        plans=decision.plans,
        written=(),
        timeline=(),
        expected_effect=expected_effect(Evidence(moment, decision)),
        rejected=rejected_alternatives(moment, decision),
    )


def _on_disk(record: DecisionRecord, evidence: Evidence) -> int:
    """Bytes of a record whose settings are there already."""
    with TemporaryDirectory() as folder:
        connection: sqlite3.Connection = open_database(Path(folder) / "state.sqlite")
        with transaction(connection):
            for _ in range(2):
                records.add(connection, record, evidence)
        size = connection.execute("SELECT bytes FROM record_bytes WHERE record_id = 2").fetchone()
        connection.close()
    return int(size[0])


def _kept(moment: Snapshot) -> list[tuple[str, str, str]]:
    """What fills up, full; of what is bounded by places, all places."""
    decision = decide(moment)
    record = _record(moment, decision)
    places = [
        Position("shop", name, region)
        for name, pool in moment.settings.services["shop"].pools.items()
        for region in pool.regions
    ]
    waiting, growing = f"{_SOME} records that wait", f"{_SOME} records that may grow"
    return [
        _row(f"{_SOME} live events of decisions", lambda: _events(record), event_stream.MAX_BYTES),
        _row(
            f"{_SOME} live events of cycles",
            lambda: _cycles(moment, decision),
            event_stream.MAX_BYTES,
        ),
        _row(f"{_SOME} reports of all places", lambda: _reports(places), None),
        _row("measured figures", lambda: _figures(moment, places), None),
        _row(waiting, lambda: _waiting(moment, decision, record), unsaved_records.MAX_BYTES),
        _row(growing, lambda: [reduced_to_summary(record) for _ in range(_SOME)], _OPEN_BYTES),
        ("records in the state file", "", f"{records.KEPT_BYTES:,}"),
    ]


def _row(name: str, keep: Callable[[], object], most: int | None) -> tuple[str, str, str]:
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept = keep()
    size = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    del kept
    return name, f"{size:,}", f"{most:,}" if most else "as places or records are"


def _events(record: DecisionRecord) -> EventStream:
    hub = EventStream(FakeClock())
    for _ in range(_SOME):
        hub.on_record(record)
    return hub


def _cycles(moment: Snapshot, decision: Decision) -> EventStream:
    """Each tells all that moves."""
    hub = EventStream(FakeClock())
    report = CycleReport(1, moment, decision, (), record=None, took_s=0.0, ended_at=0.0)
    for _ in range(_SOME):
        hub.on_cycle(report)
        hub.publish_status()
    return hub


def _reports(places: list[Position]) -> TrafficReports:
    counted = TrafficReports(FakeClock())
    for _ in range(_SOME):
        counted.add(Measurement(*place, 10, 1) for place in places)
    return counted


def _figures(moment: Snapshot, places: list[Position]) -> ReportedFigures:
    reported = ReportedFigures(ActiveSettings(moment.settings), FakeClock())
    for place in places:
        reported.report_demand(place.service, place.pool, 10.0)
        reported.report_latency(place, 20.0)
    return reported


def _waiting(moment: Snapshot, decision: Decision, record: DecisionRecord) -> UnsavedRecords:
    drafts = UnsavedRecords()
    for number in range(_SOME):
        evidence = Evidence(replace(moment, now=moment.now + number), decision)
        drafts.append(UnsavedRecord(replace(record, cycle=number), evidence))
        drafts.pack_newest()
    return drafts


def _ms(call: Callable[[], _T]) -> float:
    """The least of five times."""
    times = []
    for _ in range(5):
        begin = thread_time()
        call()
        times.append((thread_time() - begin) * 1e3)
    return round(min(times), 1)


if __name__ == "__main__":
    asyncio.run(main())
