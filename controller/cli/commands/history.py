"""`gtc history`: past decisions that moved traffic, or held traffic that would have moved.

A row has the moves, the author and the outcome of a decision; `gtc why ID` explains it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import click

from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import moves_text, one_line, timestamp
from controller.cli.types.duration import DURATION
from controller.cli.types.names import complete_regions
from controller.planning.account.columns import aligned
from controller.planning.shares import SHARE_TOLERANCE

_PAGE_SIZE = 100
_AUTOMATIC = "gtc"
_LONGEST_S = 20 * 365 * 86_400.0
"""No decision is older; a date before our calendar's first year cannot be reckoned."""


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One decision; one that cannot be read has no time, mode and author."""

    id: int
    at: str | None
    mode: str | None
    what: str
    who: str | None
    outcome: str


@click.command()
@client_option
@click.option(
    "--region",
    metavar="NAME",
    shell_complete=complete_regions,
    help="Only decisions that concern it.",
)
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most."
)
@click.option("--since", "since_s", type=DURATION, help="Not older than this: 30m, 2h, 7d.")
@output_option
def history(
    client: Client, region: str | None, limit: int, since_s: float | None, output: str
) -> None:
    """Past decisions that moved traffic or held it, the newest first.

    WHO is whose order it was, or gtc itself. `gtc why ID` explains one.
    """
    records = _records(client, region)
    if since_s is not None:
        oldest = datetime.now(UTC) - timedelta(seconds=min(since_s, _LONGEST_S))
        records = takewhile(lambda record: not _is_older(record, oldest), records)
    rows = list(islice((row for record in records if (row := _row(record))), limit))
    if output != TABLE:
        click.echo(document({"items": [asdict(row) for row in rows]}, output))
    elif rows:
        head = ("ID", "TIME", "WHO", "OUTCOME", "WHAT")
        click.echo("\n".join(aligned([head, *map(_cells, rows)])))
    else:
        click.echo("No decision on record moved or held anything there.")


def _records(client: Client, region: str | None) -> Iterator[ApiReply]:
    """All records; pages are fetched as they are needed."""
    return client.items(
        "/v1/decisions", limit=str(_PAGE_SIZE), **({"region": region} if region else {})
    )


def _is_older(record: ApiReply, than: datetime) -> bool:
    """Whether a record is older; of an unreadable one the time is not known."""
    return "at" in record and datetime.fromisoformat(record["at"]) < than


def _row(record: ApiReply) -> HistoryRow | None:
    """The row of a decision; None if it neither moved nor held traffic."""
    if "unreadable" in record:
        what = one_line(f"cannot be read: {record['unreadable']}")
        return HistoryRow(record["id"], None, None, what, None, "unreadable")
    parts = [text for plan in record["plans"] if (text := _plan_text(plan))]
    if not parts:
        return None
    return HistoryRow(
        id=record["id"],
        at=record["at"],
        mode=record["mode"],
        what=one_line("; ".join(parts)),
        who=one_line(", ".join(record["authors"])) or _AUTOMATIC,
        outcome=_outcome_text(record),
    )


def _plan_text(plan: ApiReply) -> str:
    """`shop/europe: eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %`; empty if nothing is held."""
    name = f"{plan['service']}/{plan['pool']}"
    if plan["changes"]:
        return f"{name}: {_moves_of_plan(plan, plan['after']) or 'levers set right'}"
    if plan["withheld"]:
        return f"{name} would: {_moves_of_plan(plan, plan['desired']) or 'levers set right'}"
    regions = dict.fromkeys(held["region"] or "all" for held in plan["held"])
    are_all_held = len(plan["before"]) > 1 and regions.keys() >= plan["before"].keys()
    held = "all" if are_all_held else ", ".join(regions)
    return f"{name}: {held} held" if regions else ""


def _moves_of_plan(plan: ApiReply, after: ApiReply) -> str:
    before = plan["before"]
    moves = [
        (region, before[region], share)
        for region, share in after.items()
        if abs(share - before[region]) >= SHARE_TOLERANCE
    ]
    return moves_text(moves)


def _outcome_text(record: ApiReply) -> str:
    """The outcomes of writes to AWS, writes not sent yet, and reasons of holds."""
    statuses = dict.fromkeys(written["outcome"]["status"] for written in record["written"])
    sent = [_position(change) for written in record["written"] for change in written["changes"]]
    planned = [_position(change) for plan in record["plans"] for change in plan["changes"]]
    if set(planned) - set(sent):
        statuses["not sent yet"] = None
    reasons = dict.fromkeys(held["reason"] for plan in record["plans"] for held in plan["held"])
    held = f"held: {','.join(reasons)}" if reasons else ""
    return "; ".join(filter(None, (",".join(statuses), held)))


def _position(change: ApiReply) -> tuple[str, ...]:
    position = change["position"]
    return position["service"], position["pool"], position["region"]


def _cells(row: HistoryRow) -> tuple[str, ...]:
    at = timestamp(row.at) if row.at else "-"
    return (str(row.id), at, row.who or "-", row.outcome, row.what)
