"""`gtc history`: past decisions that moved traffic, or held what would have moved.

A row says what, who and with what outcome; `gtc why ID` tells the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import click

from controller.cli.daemon.client import ApiReply, Client, endpoint_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import moment, moves_text, one_line
from controller.cli.types.duration import DURATION
from controller.cli.types.names import complete_regions
from controller.planning.account.columns import aligned
from controller.planning.shares import SHARE_TOLERANCE

_PAGE = 100
_AUTOMATIC = "gtc"


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One decision in short."""

    id: int
    at: str
    mode: str
    what: str
    who: str
    outcome: str


@click.command()
@endpoint_option
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
        oldest = datetime.now(UTC) - timedelta(seconds=since_s)
        records = takewhile(lambda one: datetime.fromisoformat(one["at"]) >= oldest, records)
    rows = list(islice((row for record in records if (row := _row(record))), limit))
    if output != TABLE:
        click.echo(document({"items": [asdict(row) for row in rows]}, output))
    elif rows:
        head = ("ID", "TIME", "WHO", "OUTCOME", "WHAT")
        click.echo("\n".join(aligned([head, *map(_cells, rows)])))
    else:
        click.echo("No decision on record moved or held anything there.")


def _records(client: Client, region: str | None) -> Iterator[ApiReply]:
    """All records, page by page as they are needed."""
    return client.items("/v1/decisions", limit=str(_PAGE), **({"region": region} if region else {}))


def _row(record: ApiReply) -> HistoryRow | None:
    """None for a decision that neither moved nor held anything."""
    parts = [text for plan in record["plans"] if (text := _what(plan))]
    if not parts:
        return None
    return HistoryRow(
        id=record["id"],
        at=record["at"],
        mode=record["mode"],
        what=one_line("; ".join(parts)),
        who=one_line(", ".join(record["authors"])) or _AUTOMATIC,
        outcome=_outcome(record),
    )


def _what(plan: ApiReply) -> str:
    """For instance `shop/europe: eu-west-1 50 % → 0 %, eu-central-1 50 % → 100 %`."""
    place = f"{plan['service']}/{plan['pool']}"
    if plan["changes"]:
        return f"{place}: {_moves(plan, plan['after']) or 'levers set right'}"
    if plan["withheld"]:
        return f"{place} would: {_moves(plan, plan['desired']) or 'levers set right'}"
    regions = dict.fromkeys(held["region"] or "all" for held in plan["held"])
    whole = len(plan["before"]) > 1 and regions.keys() >= plan["before"].keys()
    named = "all" if whole else ", ".join(regions)
    return f"{place}: {named} held" if regions else ""


def _moves(plan: ApiReply, after: ApiReply) -> str:
    before = plan["before"]
    moves = [(r, before[r], share) for r, share in after.items()]
    return moves_text([move for move in moves if abs(move[2] - move[1]) >= SHARE_TOLERANCE])


def _outcome(record: ApiReply) -> str:
    """What AWS answered, what was not sent yet, and what held the rest."""
    statuses = dict.fromkeys(written["outcome"]["status"] for written in record["written"])
    sent = [_place(change) for written in record["written"] for change in written["changes"]]
    wanted = [_place(change) for plan in record["plans"] for change in plan["changes"]]
    if set(wanted) - set(sent):
        statuses["not sent yet"] = None
    reasons = dict.fromkeys(held["reason"] for plan in record["plans"] for held in plan["held"])
    held = f"held: {','.join(reasons)}" if reasons else ""
    return "; ".join(filter(None, (",".join(statuses), held)))


def _place(change: ApiReply) -> tuple[str, ...]:
    position = change["position"]
    return position["service"], position["pool"], position["region"]


def _cells(row: HistoryRow) -> tuple[str, ...]:
    return (str(row.id), moment(row.at), row.who, row.outcome, row.what)
