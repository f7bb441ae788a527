"""Everything that looks, in every form, as it was accepted: tests/cli/golden/ has the texts.

Run with `--rewrite` to accept new ones, and read the diff: scripts depend on these forms. A pipe's
rows are the same at any width; only the status is drawn for a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from controller.cli import COMMANDS, exit_codes
from controller.cli.daemon import contexts
from controller.cli.daemon.contexts import Context, Contexts
from tests.cli import answers
from tests.cli.conftest import Run
from tests.cli.fake_daemon import FakeDaemon, Reply
from tests.cli.test_events import event_of_each_type, recent
from tests.cli.test_history import records_of_each_kind
from tests.cli.test_status import on_terminal, troubled

GOLDEN = Path(__file__).parent / "golden"
EXPLANATION = (
    "Decision 12  2026-06-01 12:00:00Z  cycle 3  mode active\nTrigger    eu-west-1 → down\n"
)
PLAN = answers.plan(text="~ shop/europe  eu-west-1  50 % → 0 %\n\nPlan: 1 pool changes.", changes=1)
ENTRY = {
    "seq": 1,
    "at": answers.CREATED_AT,
    "actor": "ann",
    "action": "override_added",
    "detail": "#3 drain eu-west-1: INC-42",
}
LOOKS = {
    "status": ("status",),
    "why": ("why", "12"),
    "why-region": ("why", "eu-west-1"),
    "plan": ("plan",),
    "figures": ("figures",),
    "replay": ("replay", "12"),
    "history": ("history",),
    "events": ("events",),
    "overrides": ("overrides",),
    "audit": ("audit", "list"),
    "context": ("context", "list"),
}
FORMS = ("table", "json", "yaml")
STANDING = "shop/eu-west-1 is up: web: answers in 20 ms; carries 75 requests/s\n\n"
WHY = {
    "at": answers.CREATED_AT,
    "in_force": 12,
    "accounts": [],
    "decision": answers.record(),
    "text": STANDING + EXPLANATION,
}
REPLAY = {
    "decision_id": 12,
    "version": "0.1.0",
    "replayed_by": "0.1.0",
    "faithful": True,
    "differences": [],
    "unread": [],
    "plans": [],
    "text": "Decision 12, made by version 0.1.0, is the same byte for byte.\n\nNo change.",
}


@pytest.fixture
def troubled_daemon(daemon: FakeDaemon) -> FakeDaemon:
    """It has a reply with content for every command."""
    daemon.answers("GET /v1/status", troubled())
    daemon.answers("GET /v1/plan", PLAN)
    daemon.answers("GET /v1/figures", answers.figures())
    daemon.answers("GET /v1/decisions", answers.page(*records_of_each_kind()))
    daemon.answers("GET /v1/events/recent", recent(*event_of_each_type()))
    daemon.answers("GET /v1/overrides", {"items": troubled()["overrides"]})
    daemon.answers("GET /v1/audit", answers.page(ENTRY))
    daemon.answers("GET /v1/decisions/12/replay", REPLAY)
    return daemon


def explains(daemon: FakeDaemon, form: str) -> None:
    """Sets the reply with a decision, as text or as a document."""
    for path in ("/v1/decisions/12", "/v1/decisions/latest"):
        text = Reply(EXPLANATION)
        daemon.answers(f"GET {path}", text if form == "table" else answers.record())
    words = Reply(STANDING + EXPLANATION)
    daemon.answers("GET /v1/why", words if form == "table" else WHY)


def compare(name: str, text: str, request: pytest.FixtureRequest) -> None:
    """Asserts that the text equals the golden file."""
    file = GOLDEN / name
    if request.config.getoption("--rewrite"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


@pytest.mark.parametrize("columns", ["40", "80", "200"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", LOOKS)
def test_output_in_a_pipe_equals_the_golden_file_at_any_width(
    troubled_daemon: FakeDaemon,
    gtc: Run,
    request: pytest.FixtureRequest,
    name: str,
    form: str,
    columns: str,
) -> None:
    """Rows are not wrapped, documents can be parsed."""
    contexts_by_name = {"prod": Context("prod", ("https://a:1", "https://b:2"), "env:PROD", True)}
    contexts.save(Contexts("prod", contexts_by_name))
    explains(troubled_daemon, form)
    result = gtc(*LOOKS[name], "-o", form, COLUMNS=columns)
    assert result.exit_code == exit_codes.OK, result.output
    compare(f"{name}.{form}", result.stdout, request)


@pytest.mark.parametrize("name", sorted(LOOKS.keys() - {"events"}))
def test_json_and_yaml_have_the_same_content(
    troubled_daemon: FakeDaemon, gtc: Run, name: str
) -> None:
    """A program may use either."""
    explains(troubled_daemon, "json")
    as_json, as_yaml = (gtc(*LOOKS[name], "-o", form).stdout for form in ("json", "yaml"))
    assert json.loads(as_json) == yaml.safe_load(as_yaml)


@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_status_on_a_terminal_fits_the_width(
    troubled_daemon: FakeDaemon, request: pytest.FixtureRequest, columns: str
) -> None:
    """The reasons are under the table where the table has no space for them."""
    text = on_terminal(troubled_daemon, "status", COLUMNS=columns, NO_COLOR="1")
    screen = "\n".join(line.rstrip() for line in text.replace("\r\n", "\n").split("\n"))
    compare(f"status.terminal-{columns}", screen, request)


def test_every_query_command_is_tested() -> None:
    """`wait` prints only a sentence."""
    queries = {name for name, entry in COMMANDS.items() if entry.section == "Look"}
    assert queries - {"wait"} <= {arguments[0] for arguments in LOOKS.values()}
