"""`gtc events`: what happened lately, and what happens from now on.

A row says when, what kind of event and what it was; documents carry all of it.
"""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import ApiReply, Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.event_stream import follow_events
from controller.cli.screen.output import TABLE, output_option, stream_document
from controller.cli.screen.render import at_share, first_of, moves_text, one_line, timestamp
from controller.cli.screen.status_report import health_of

_TYPE_WIDTH = len("override_expires_soon")


@click.command()
@client_option
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until Ctrl-C.")
@click.option(
    "--limit",
    type=click.IntRange(0, 500),
    default=20,
    show_default=True,
    help="How many of the past ones to begin with.",
)
@click.option(
    "--type",
    "types",
    metavar="NAME",
    multiple=True,
    help="Only events of this type, such as decision; may be given several times.",
)
@output_option
def events(
    client: Client, following: bool, limit: int, types: tuple[str, ...], output: str
) -> None:
    """What happened lately, the newest last; with -f, what happens from now on as well.

    A connection that breaks is taken up again where it stopped, and the place is said at which
    anything may be missing.
    """
    wanted = ",".join(types) or None
    query = {"types": wanted} if wanted else {}
    answer = client.get("/v1/events/recent", limit=str(max(1, limit)), **query)
    for event in answer["items"] if limit else ():
        click.echo(_event_line(event, output))
    if not following:
        return
    try:
        for event in follow_events(client, answer["last_id"], wanted):
            click.echo(_event_line(event, output))
    except KeyboardInterrupt:
        click.get_current_context().exit(exit_codes.INTERRUPTED)


def _event_line(event: ApiReply, output: str) -> str:
    if output != TABLE:
        return stream_document(event, output)
    text = one_line(_event_text(event["type"], event["data"]) + _left_out_suffix(event["data"]))
    return f"{timestamp(event['at'])}  {event['type']:<{_TYPE_WIDTH}}  {text}"


def _event_text(type_: str, data: ApiReply) -> str:
    match type_:
        case "decision":
            return _decision_text(data)
        case "decision_updated":
            news = data["measured_effect"].splitlines()
            return f"{data['decision_id']}: {news[-1] if news else 'more is known of it'}"
        case "cycle":
            return _cycle_text(data)
        case "resync":
            return "events are missing here: see `gtc status` and `gtc history`"
    return _override_text(data)


def _left_out_suffix(data: ApiReply) -> str:
    """What the daemon left out of an event that was too large."""
    missing = data.get("left_out") or {}
    told = ", ".join(f"{count} {name}" for name, count in missing.items())
    return f"; left out: {told}" if told else ""


def _decision_text(data: ApiReply) -> str:
    """What set it off, what moves, and what AWS answered, if any of it was sent."""
    number = data["decision_id"]
    trigger = first_of(data["trigger"], f"gtc why {number}")
    answered = list(dict.fromkeys(data["outcomes"]))
    if data["moves"] and not answered:
        answered = ["not sent yet"]
    parts = [*map(_move_text, data["moves"]), *answered]
    text = "; ".join(filter(None, (trigger, *parts)))
    return f"{number}: {text or 'the outcome changed'}"


def _move_text(one: ApiReply) -> str:
    move = moves_text([(one["region"], one["before"], one["after"])])
    return f"{one['service']}/{one['pool']} {move}"


def _override_text(data: ApiReply) -> str:
    order = data["override"]
    place = "/".join(filter(None, (order["service"], order["pool"], order["region"])))
    what = " ".join(filter(None, (order["kind"], place, at_share(order))))
    why = f" ({data['why']} by {data['actor']})" if data["why"] else ""
    return f"{order['id']}, {what} by {order['author']}: {order['reason']}{why}"


def _cycle_text(data: ApiReply) -> str:
    """Only what is not as on a calm day."""
    states = [(one, health_of(one)) for one in data["regions"]]
    unwell = [f"{one['service']}/{one['region']} {s}" for one, s in states if s != "up"]
    overloads = [f"OVERLOAD {pool}" for pool in data["overloaded"]]
    banners = [name for name in ("frozen", "isolated") if data[name]]
    panic = [f"panic in {name}" for name in data["panic"]]
    held = dict.fromkeys(hold["reason"] for hold in data["holds"])
    holds = [f"held: {','.join(held)}"] if held else []
    found = [*unwell, *overloads, *banners, *panic, *holds]
    return "; ".join(found) or "all regions are up, nothing is held"
