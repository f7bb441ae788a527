"""The `gtc` command: a table of subcommands; each module is imported when its command is used.

This keeps `gtc --help` and completion fast: click is the only library imported here.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import NamedTuple, NoReturn

import click

from controller import __version__
from controller.cli import exit_codes
from controller.cli.lazy_groups import SuggestingGroup
from controller.cli.screen import terminal


class CommandEntry(NamedTuple):
    """A command's module and attribute, and its line and section in help."""

    module: str
    attribute: str
    help: str
    section: str


COMMANDS = {
    "status": CommandEntry(
        "controller.cli.commands.status",
        "status",
        "Regions, pools and shares on one screen.",
        "Look",
    ),
    "why": CommandEntry(
        "controller.cli.commands.why", "why", "Why traffic moved, or did not.", "Look"
    ),
    "plan": CommandEntry(
        "controller.cli.commands.plan", "plan", "What would change now, without doing it.", "Look"
    ),
    "figures": CommandEntry(
        "controller.cli.commands.figures",
        "figures",
        "Demand, latency and capacity as believed.",
        "Look",
    ),
    "replay": CommandEntry(
        "controller.cli.commands.replay",
        "replay",
        "A recorded decision made again, and compared.",
        "Look",
    ),
    "history": CommandEntry(
        "controller.cli.commands.history",
        "history",
        "Past decisions that moved or held traffic.",
        "Look",
    ),
    "audit": CommandEntry(
        "controller.cli.commands.audit",
        "audit",
        "Who did what, and whether that account is whole.",
        "Look",
    ),
    "events": CommandEntry(
        "controller.cli.commands.events",
        "events",
        "What happened lately, and -f what happens.",
        "Look",
    ),
    "wait": CommandEntry(
        "controller.cli.commands.wait",
        "wait",
        "Wait until a region is as a script needs it.",
        "Look",
    ),
    "failover": CommandEntry(
        "controller.cli.commands.drain", "failover", "Move a region's traffic away at once.", "Act"
    ),
    "drain": CommandEntry(
        "controller.cli.commands.drain", "drain", "Take a region out of service.", "Act"
    ),
    "undrain": CommandEntry(
        "controller.cli.commands.drain", "undrain", "Let a drained region serve again.", "Act"
    ),
    "pin": CommandEntry(
        "controller.cli.commands.pin", "pin", "Fix a region's share of its pools.", "Act"
    ),
    "unpin": CommandEntry(
        "controller.cli.commands.pin",
        "unpin",
        "Leave a pinned region's share to placement again.",
        "Act",
    ),
    "freeze": CommandEntry(
        "controller.cli.commands.freeze", "freeze", "Stop automatic changes for a while.", "Act"
    ),
    "unfreeze": CommandEntry(
        "controller.cli.commands.freeze", "unfreeze", "Allow automatic changes again.", "Act"
    ),
    "overrides": CommandEntry(
        "controller.cli.commands.overrides",
        "overrides",
        "Standing instructions and when they end.",
        "Act",
    ),
    "extend": CommandEntry(
        "controller.cli.commands.overrides",
        "extend",
        "Let an override end later, or sooner.",
        "Act",
    ),
    "reload": CommandEntry(
        "controller.cli.commands.reload",
        "reload",
        "Have the daemon read its configuration again.",
        "Act",
    ),
    "run": CommandEntry("controller.cli.local.run", "run", "Run the daemon.", "Run"),
    "validate": CommandEntry(
        "controller.cli.local.validate", "validate", "Check configuration files, offline.", "Run"
    ),
    "config": CommandEntry(
        "controller.cli.local.config",
        "config",
        "Settings in effect, their schema, differences.",
        "Run",
    ),
    "context": CommandEntry(
        "controller.cli.local.context", "context", "Names for the places where daemons are.", "Run"
    ),
    "token": CommandEntry(
        "controller.cli.local.token", "token", "Make a token for the admin API.", "Run"
    ),
    "completion": CommandEntry(
        "controller.cli.local.completion",
        "completion",
        "Complete commands and names in a shell.",
        "Run",
    ),
    "sandbox": CommandEntry(
        "controller.cli.sandbox.commands",
        "sandbox",
        "A world to try it in, on this machine.",
        "Run",
    ),
}
"""Every command, in the order in which help lists them."""


class RootGroup(SuggestingGroup):
    """A command group that imports a command's module when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command), f"{entry.module}.{entry.attribute}"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        for section in dict.fromkeys(entry.section for entry in COMMANDS.values()):
            rows = [
                (name.ljust(width), entry.help)
                for name, entry in COMMANDS.items()
                if entry.section == section
            ]
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code), text) for code, text in exit_codes.MEANINGS.items()])


@click.group(cls=RootGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="gtc")
@click.pass_context
def root(context: click.Context) -> None:
    """Keeps users on healthy, near, lawful AWS Regions, and explains every move.

    Every command has its own --help.
    """
    context.color = terminal.wants_colour()


def main() -> NoReturn:
    """Run the command line and exit; Ctrl-C ends quietly with 130."""
    terminal.replace_unprintable()
    sys.exit(_exit_code())


def _exit_code() -> int:
    """The exit code of the command: what it passed to `exit`, or the number it returned."""
    try:
        code = root.main(prog_name="gtc", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort as error:
        if isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            return exit_codes.INTERRUPTED
        click.echo("Aborted.", err=True)
        return exit_codes.FAILED
    return code if isinstance(code, int) else exit_codes.OK
