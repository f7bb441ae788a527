"""`gtc events`: recent events and, with `--follow`, later ones.

A row has the time, the type and a summary; documents have the whole event.
"""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.event_stream import follow_events
from controller.cli.daemon.replies import ApiReply
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
    type_list = ",".join(types) or None
    query = {"types": type_list} if type_list else {}
    reply = client.get("/v1/events/recent", limit=str(max(1, limit)), **query)
    for event in reply["items"] if limit else ():
        click.echo(_event_line(event, output))
    if not following:
        return
    try:
        for event in follow_events(client, reply["last_id"], type_list):
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
            effect = data["measured_effect"].splitlines()
            return f"{data['decision_id']}: {effect[-1] if effect else 'more is known of it'}"
        case "cycle":
            return _cycle_text(data)
        case "resync":
            return "events are missing here: see `gtc status` and `gtc history`"
    return _override_text(data)


def _left_out_suffix(data: ApiReply) -> str:
    """`; left out: 3 moves`, what the daemon left out of a large event; empty otherwise."""
    missing = data.get("left_out") or {}
    counts = ", ".join(f"{count} {name}" for name, count in missing.items())
    return f"; left out: {counts}" if counts else ""


def _decision_text(data: ApiReply) -> str:
    """The trigger, the moves, and the outcomes of writes to AWS."""
    number = data["decision_id"]
    trigger = first_of(data["trigger"], f"gtc why {number}")
    outcomes = list(dict.fromkeys(data["outcomes"]))
    if data["moves"] and not outcomes:
        outcomes = ["not sent yet"]
    parts = [*map(_move_text, data["moves"]), *outcomes]
    text = "; ".join(filter(None, (trigger, *parts)))
    return f"{number}: {text or 'the outcome changed'}"


def _move_text(move: ApiReply) -> str:
    text = moves_text([(move["region"], move["before"], move["after"])])
    return f"{move['service']}/{move['pool']} {text}"


def _override_text(data: ApiReply) -> str:
    order = data["override"]
    scope = "/".join(filter(None, (order["service"], order["pool"], order["region"])))
    what = " ".join(filter(None, (order["kind"], scope, at_share(order))))
    why = f" ({data['why']} by {data['actor']})" if data["why"] else ""
    return f"{order['id']}, {what} by {order['author']}: {order['reason']}{why}"


def _cycle_text(data: ApiReply) -> str:
    """Regions that are not up, overloads, banners and holds."""
    unwell = [
        f"{region['service']}/{region['region']} {health}"
        for region in data["regions"]
        if (health := health_of(region)) != "up"
    ]
    overloads = [f"OVERLOAD {pool}" for pool in data["overloaded"]]
    banners = [name for name in ("frozen", "isolated") if data[name]]
    panic = [f"panic in {name}" for name in data["panic"]]
    reasons = dict.fromkeys(hold["reason"] for hold in data["holds"])
    holds = [f"held: {','.join(reasons)}"] if reasons else []
    parts = [*unwell, *overloads, *banners, *panic, *holds]
    return "; ".join(parts) or "all regions are up, nothing is held"
