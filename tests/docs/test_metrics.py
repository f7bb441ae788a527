"""Exactly the metrics that exist are documented."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric

from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.loops.reports.traffic import TrafficReports
from tests.fakes.clock import FakeClock
from tests.fakes.store import FakeStore
from tests.loops.simulated import SETTINGS

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "ARCHITECTURE.md")
_SUFFIX = {"counter": "_total", "info": "_info"}


async def exposed_names() -> set[str]:
    """Names as queries use them, without the parts of a histogram."""
    metrics = DaemonMetrics(CollectorRegistry(), SETTINGS)
    metrics.add_measured_shares(TrafficReports(FakeClock()))
    metrics.add_readings(dict)
    metrics.add_state_file(FakeStore(), FakeClock().wall)
    return {
        name
        for family in metrics.registry.collect()
        if (name := _exposed(family)).startswith("gtc_")
    }


def _exposed(family: Metric) -> str:
    return family.name + _SUFFIX.get(family.type, "")


def documented_names() -> set[str]:
    """Names in the first column of any table on the pages."""
    text = "\n".join((ROOT / page).read_text() for page in PAGES if (ROOT / page).exists())
    return set(re.findall(r"^\| `(gtc_[a-z0-9_]+)", text, flags=re.MULTILINE))


async def test_the_tables_have_exactly_the_metrics_that_exist() -> None:
    """DaemonMetrics are a public contract: README.md or ARCHITECTURE.md has a row for each."""
    exposed, documented = await exposed_names(), documented_names()

    assert sorted(exposed - documented) == []
    assert sorted(documented - exposed) == []
