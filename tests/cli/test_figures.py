"""`gtc figures`: what is believed of demand, latency and capacity, a row each."""

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
    """Two services; somebody reports of one of them."""
    daemon.answers("GET /v1/figures", answers.figures())
    return daemon


def test_one_service_alone_is_shown_when_it_is_named(believed: FakeDaemon, gtc: Run) -> None:
    """What nobody measured or knows is a dash."""
    assert gtc("figures", "--service", "api").stdout == API


def test_every_figure_has_its_row_with_what_it_is_made_of(believed: FakeDaemon, gtc: Run) -> None:
    """The configured one, the measured one with its age and influence, and the outcome."""
    rows = [line.split(maxsplit=3) for line in gtc("figures").stdout.splitlines()]
    cells = {tuple(row[:3]): " ".join(row[3].split()) for row in rows[1:]}
    assert cells["shop", "europe", "-"] == "demand_rps 60.0 90.0 5 min 50.0% - 75.0"
    assert cells["shop", "europe", "eu-west-1"] == "latency_ms 25.0 - - - - 25.0"
    assert cells["shop", "-", "eu-west-1"] == "capacity_rps 60.0 - - - 50.0% 30.0"


def test_another_service_is_a_wrong_command_line(believed: FakeDaemon, gtc: Run) -> None:
    """The message names those there are."""
    result = gtc("figures", "--service", "shp")
    assert result.exit_code == exit_codes.USAGE
    assert "no service is named 'shp'" in result.stderr
    assert "Did you mean shop? Valid: shop, api" in result.stderr


def test_a_document_holds_the_daemons_own_numbers(believed: FakeDaemon, gtc: Run) -> None:
    """Of the service that was asked for."""
    document: dict[str, Any] = json.loads(gtc("figures", "--service", "api", "-o", "json").stdout)
    assert document["items"] == answers.figures()["items"][1:]
