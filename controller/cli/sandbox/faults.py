"""`gtc sandbox fault …`: injects faults into the emulated AWS, lists and clears them.

Calls the emulator's control API at GTC_SANDBOX_AWS_URL. Each kind of fault of the emulator is a
command here, with the options it takes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from controller.cli.lazy_groups import SuggestingGroup
from controller.cli.sandbox.control_client import call
from controller.cli.types.duration import DURATION
from controller.sandbox.emulator.faults.kinds import KINDS, SERVICES, FaultKind

VARIABLE = "GTC_SANDBOX_AWS_URL"
DEFAULT_URL = "http://127.0.0.1:4567"
_PATH = "/_emulator/faults"
_COUNT = click.IntRange(1)

_OPTIONS: Mapping[str, Callable[[], click.Option]] = {
    "for_s": lambda: click.Option(["--for", "for_s"], type=DURATION, help="How long: 30s, 5m."),
    "times": lambda: click.Option(["--times"], type=_COUNT, help="How many calls it strikes."),
    "service": lambda: click.Option(["--service"], type=click.Choice(SERVICES)),
    "region": lambda: click.Option(
        ["--region"], help="Pattern of the Region calls are signed for."
    ),
    "operation": lambda: click.Option(["--operation"], help="Pattern of the operation's name."),
    "seconds": lambda: click.Option(["--seconds"], type=DURATION, help="How late."),
    "items": lambda: click.Option(["--items"], type=_COUNT, help="Items a page."),
    "record": lambda: click.Option(["--record"], help="Name of a weighted record; default: one."),
    "set_identifier": lambda: click.Option(["--set-identifier"], help="Which of that name's."),
    "weight": lambda: click.Option(["--weight"], type=click.IntRange(0, 255)),
    "accept": lambda: click.Option(["--accept"], help="Access key id that AWS still accepts."),
}


class FaultGroup(SuggestingGroup):
    """One command for each kind of fault, created when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *KINDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        kind = KINDS.get(cmd_name)
        return super().get_command(ctx, cmd_name) if kind is None else _command(cmd_name, kind)


@click.group(cls=FaultGroup, short_help="Hurt the emulated AWS by name.")
def fault() -> None:
    """Hurt the emulated AWS by name; `list` shows what is in force, `clear` ends it."""


@fault.command("list")
def list_faults() -> None:
    """The faults in force."""
    _show(_call("GET", _PATH))


@fault.command()
@click.argument("name", required=False)
def clear(name: str | None) -> None:
    """End the faults called NAME, or all."""
    _show(_call("DELETE", f"{_PATH}?name={name}" if name else _PATH))


def fault_lines(faults: list[dict[str, Any]]) -> list[str]:
    """One line for each active fault."""
    from controller.planning.account.columns import aligned

    if not faults:
        return ["no fault is in force"]
    rows = [("FAULT", "STRUCK", "ENDS IN", "WHERE")]
    for item in faults:
        ends = "when cleared" if item["left_s"] is None else f"{item['left_s']:g} s"
        if "times" in item:
            ends = f"{item['times'] - item['struck']} calls"
        hidden = ("id", "name", "struck", "left_s", "for_s", "times")
        scope = ", ".join(f"{key} {value}" for key, value in item.items() if key not in hidden)
        rows.append((item["name"], str(item["struck"]), ends, scope))
    return aligned(rows)


def _command(name: str, kind: FaultKind) -> click.Command:
    def inject(**options_given: object) -> None:
        limits = {key: value for key, value in options_given.items() if value is not None}
        reply = _call("POST", _PATH, {"name": name, **limits})
        if all(fault["name"] != name for fault in reply["active"]):
            click.echo(f"{name}: done")  # a manual edit takes effect once and is no active fault
        else:
            _show(reply)

    options: list[click.Parameter] = [
        create() for key, create in _OPTIONS.items() if key in kind.takes
    ]
    for option in options:
        option.required = option.name in kind.needs
    summary = f"{kind.summary[0].upper()}{kind.summary[1:]}."
    return click.Command(name, callback=inject, params=options, help=summary, short_help=summary)


def _show(reply: dict[str, Any]) -> None:
    for line in fault_lines(reply["active"]):
        click.echo(line)


def _call(method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return call(os.environ.get(VARIABLE, DEFAULT_URL), VARIABLE, method, path, body)
