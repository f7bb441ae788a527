"""Orders in production are confirmed by a typed name, asked in red."""

from __future__ import annotations

from typing import Any

import pytest

from controller.cli import exit_codes
from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context, Contexts
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon
from tests.cli.test_submit import EMPTY, EU, LEAVES, PREVIEW

ORDERS: dict[str, tuple[str, ...]] = {
    "freeze": ("freeze", "--reason", "deploy"),
    "unfreeze": ("unfreeze",),
    "undrain": ("undrain", EU),
    "unpin": ("unpin", EU),
    "extend": ("extend", "3", "--ttl", "2h", "--reason", "x"),
}


@pytest.fixture
def production(daemon: FakeDaemon) -> FakeDaemon:
    """The daemon's context is a production one; a drain, a freeze and a pin are active."""
    contexts.save(Contexts("prod", {"prod": Context("prod", (daemon.url,), None, True)}))
    freeze = answers.override(5, kind="freeze", region=None)
    pin = answers.override(7, kind="pin", share=0.3)
    daemon.answers("GET /v1/overrides", {"items": [answers.override(3), freeze, pin]})
    daemon.answers(
        "POST /v1/overrides?dry_run=true&all=true", answers.plan(LEAVES, text=PREVIEW, changes=1)
    )
    daemon.answers("POST /v1/overrides", answers.override())
    daemon.answers("PATCH /v1/overrides/3", answers.override())
    for number in (3, 5, 7):
        daemon.answers(f"DELETE /v1/overrides/{number}", answers.override(number))
    daemon.answers("GET /v1/plan", answers.plan(EMPTY))
    return daemon


def orders(daemon: FakeDaemon) -> list[Any]:
    """All requests but queries and previews."""
    return [
        request
        for request in daemon.requests
        if request.method != "GET" and "dry_run" not in request.path
    ]


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize("name", ORDERS)
def test_an_order_needs_the_contexts_name(production: FakeDaemon, gtc: Run, name: str) -> None:
    """Asked for in red where colours are allowed; another word does nothing."""
    result = gtc(*ORDERS[name], typed="y\n", GTC_URL="", FORCE_COLOR="1")
    assert result.exit_code == exit_codes.FAILED
    assert "\x1b[31m" in result.stderr
    assert "PRODUCTION (prod): Type prod to confirm" in result.stderr
    assert orders(production) == []
    assert gtc(*ORDERS[name], typed="prod\n", GTC_URL="").exit_code == exit_codes.OK
    assert len(orders(production)) == 1


@pytest.mark.parametrize("name", ORDERS)
def test_a_script_needs_yes(production: FakeDaemon, gtc: Run, name: str) -> None:
    """It has no terminal to type at."""
    result = gtc(*ORDERS[name], GTC_URL="")
    assert result.exit_code == exit_codes.USAGE
    assert "--yes" in result.stderr
    assert orders(production) == []
    assert gtc(*ORDERS[name], "--yes", GTC_URL="").exit_code == exit_codes.OK


@pytest.mark.usefixtures("at_terminal")
def test_a_drain_asks_for_the_regions_name_in_red(production: FakeDaemon, gtc: Run) -> None:
    """After the preview."""
    order = ("drain", EU, "--reason", "x")
    result = gtc(*order, typed=f"{EU}\n", GTC_URL="", NO_COLOR="1")
    assert result.exit_code == exit_codes.OK
    assert f"PRODUCTION (prod): Type {EU} to confirm the drain" in result.stderr
    assert "\x1b[" not in result.stderr


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize("name", ORDERS)
def test_other_contexts_need_no_confirmation(production: FakeDaemon, gtc: Run, name: str) -> None:
    """The context is not a production one."""
    assert gtc(*ORDERS[name]).exit_code == exit_codes.OK
