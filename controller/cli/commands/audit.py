"""`gtc audit list` and `gtc audit verify`: the audit's entries, and a check of its hash chain.

Both ask the daemon. With `--state` they read its state file instead; the daemon need not run.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import one_line, timestamp
from controller.planning.account.columns import aligned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from controller.model.audit import ChainPoint

_PAGE_SIZE = 100
_state_option = click.option(
    "--state",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Look into this state file instead of asking the daemon.",
)


@click.group()
def audit() -> None:
    """Who did what, and whether the account of it is whole."""


@audit.command("list", short_help="What people ordered and what ended.")
@client_option
@_state_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most."
)
@output_option
def list_entries(client: Client, state: Path | None, limit: int, output: str) -> None:
    """What people ordered and what ended, the newest first. For decisions: gtc history."""
    entries = _entries_of_file(state) if state else client.items("/v1/audit", limit=str(_PAGE_SIZE))
    entries_shown = list(islice(entries, limit))
    if output != TABLE:
        click.echo(document({"items": entries_shown}, output))
    elif entries_shown:
        head = ("ID", "TIME", "WHO", "WHAT", "DETAIL")
        click.echo("\n".join(aligned([head, *map(_cells, entries_shown)])))
    else:
        click.echo("Nobody has done anything yet.")


@audit.command(short_help="Whether every entry and decision kept is as it was written.")
@client_option
@_state_option
@click.option(
    "--head",
    metavar="NUMBER:DIGEST",
    help="A mark noted earlier, as this command and the daemon's first log line tell it.",
)
@output_option
def verify(client: Client, state: Path | None, head: str | None, output: str) -> None:
    """Look through every entry, decision and snapshot kept: exit code 1 when one does not fit.

    Whoever may write the state file may make a whole new chain; --head shows that.
    """
    noted_head = _parse_head(head)
    if state is not None:
        check = _check_of_file(state, noted_head)
    else:
        check = client.get("/v1/audit/check", **({"noted": str(noted_head)} if noted_head else {}))
    if output != TABLE:
        click.echo(document(check, output))
    else:
        _echo_check(check)
    if check["faults"]:
        click.get_current_context().exit(exit_codes.FAILED)


def _echo_check(check: dict[str, Any]) -> None:
    counted = (
        f"{check['entries']} entries, {check['records']} decisions, {check['snapshots']} snapshots"
    )
    if not check["faults"]:
        click.echo(f"The audit is whole: {counted}.")
    else:
        click.echo(f"The audit is NOT whole: {counted}, {len(check['faults'])} fault(s):")
        for fault in check["faults"]:
            click.echo(f"  {one_line(fault)}")
    head = f"{check['head']['seq']}:{check['head']['digest']}"
    click.echo(f"Its head, to be noted elsewhere: {head}")


def _entries_of_file(state: Path) -> Iterator[dict[str, Any]]:
    from controller.adapters.sqlite.store import list_audit

    before = None
    while page := _read_state(partial(list_audit, state, _PAGE_SIZE, before)):
        yield from map(asdict, page)
        before = page[-1].seq


def _check_of_file(state: Path, noted_head: ChainPoint | None) -> dict[str, Any]:
    from controller.adapters.sqlite.store import check_audit

    return asdict(_read_state(partial(check_audit, state, noted_head)))


def _read_state(read: Callable[[], Any]) -> Any:
    from controller.model.errors import StateUnavailableError

    try:
        return read()
    except StateUnavailableError as error:
        raise click.ClickException(str(error)) from error


def _parse_head(text: str | None) -> ChainPoint | None:
    from controller.model.audit import ChainPoint

    if text is None:
        return None
    try:
        return ChainPoint.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--head") from error


def _time(text: str) -> str:
    """The time of an entry; as it stands in the state file if it was damaged there."""
    try:
        return timestamp(text)
    except (ValueError, OverflowError):
        return one_line(text)


def _cells(entry: dict[str, Any]) -> tuple[str, ...]:
    return (
        str(entry["seq"]),
        _time(entry["at"]),
        one_line(entry["actor"]),
        one_line(entry["action"]),
        one_line(entry["detail"]),
    )
