"""`gtc figures`: believed demand, latency and capacity, one row for each figure."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controller.cli import exit_codes
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon

API = """\
SERVICE  POOL   REGION     FIGURE        CONFIGURED  MEASURED  AGE  INFLUENCE  USABLE  BELIEVED
api      world  -          demand_rps    30.0        -         -    -          -       30.0
api      -      us-east-1  capacity_rps  -           -         -    -          100.0%  35.3
"""


@pytest.fixture
def believed(daemon: FakeDaemon) -> FakeDaemon:
    """Two services; traffic is reported for one of them."""
    daemon.answers("GET /v1/figures", answers.figures())
    return daemon


def test_a_named_service_is_the_only_one_shown(believed: FakeDaemon, gtc: Run) -> None:
    """Unknown values are dashes."""
    assert gtc("figures", "--service", "api").stdout == API


def test_each_figure_is_a_row_with_its_inputs(believed: FakeDaemon, gtc: Run) -> None:
    """The configured value, the measured one with age and influence, and the result."""
    rows = [line.split(maxsplit=3) for line in gtc("figures").stdout.splitlines()]
    cells = {tuple(row[:3]): " ".join(row[3].split()) for row in rows[1:]}
    assert cells["shop", "europe", "-"] == "demand_rps 60.0 90.0 5 min 50.0% - 75.0"
    assert cells["shop", "europe", "eu-west-1"] == "latency_ms 25.0 - - - - 25.0"
    assert cells["shop", "-", "eu-west-1"] == "capacity_rps 60.0 - - - 50.0% 30.0"


def test_an_unknown_service_is_a_wrong_command_line(believed: FakeDaemon, gtc: Run) -> None:
    """The message names the valid ones."""
    result = gtc("figures", "--service", "shp")
    assert result.exit_code == exit_codes.USAGE
    assert "no service is named 'shp'" in result.stderr
    assert "Did you mean shop? Valid: shop, api" in result.stderr


def test_a_document_has_the_daemons_numbers(believed: FakeDaemon, gtc: Run) -> None:
    """Of the service that was given."""
    document: dict[str, Any] = json.loads(gtc("figures", "--service", "api", "-o", "json").stdout)
    assert document["items"] == answers.figures()["items"][1:]
