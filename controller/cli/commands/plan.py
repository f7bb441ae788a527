"""`gtc plan`: what would change now, or under a hypothesis; changes nothing."""

from __future__ import annotations

from dataclasses import dataclass

import click

from controller.cli import exit_codes
from controller.cli.daemon.client import Client
from controller.cli.daemon.client_options import client_option
from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.options import pool_option
from controller.cli.screen.output import TABLE, document, output_option
from controller.cli.screen.render import printable
from controller.cli.types.names import complete_regions, service_option
from controller.cli.types.option_group import grouped

_FAILURES_DEADLINE_S = 60.0
"""Seconds for one decision per region."""


@dataclass(frozen=True, slots=True)
class HypothesisOptions:
    """The hypotheses of a plan, and the scope of its drains and failovers."""

    drains: tuple[str, ...] = ()
    failovers: tuple[str, ...] = ()
    hypotheses: tuple[str, ...] = ()
    all_single_failures: bool = False
    everything: bool = False
    """Whether pools without a change are shown, too."""
    service: str | None = None
    pool: str | None = None


@click.command()
@client_option
@click.option(
    "--drain",
    "drains",
    metavar="REGION",
    multiple=True,
    shell_complete=complete_regions,
    help="As if it were drained.",
)
@click.option(
    "--failover",
    "failovers",
    metavar="REGION",
    multiple=True,
    shell_complete=complete_regions,
    help="As if it were failed over.",
)
@click.option(
    "--if",
    "hypotheses",
    metavar="HYPOTHESIS",
    multiple=True,
    help='As if it were so: "eu-west-1 down", "drain us-east-1", "demand europe x1.5", '
    '"capacity eu-west-1 x0.5". Shows load, latency and price, too.',
)
@click.option(
    "--all-single-failures",
    is_flag=True,
    help="A table of the loss of every single region instead.",
)
@click.option("--all", "everything", is_flag=True, help="The pools that stay as they are, too.")
@service_option
@pool_option
@output_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when the plan has changes.")
@grouped(HypothesisOptions, "hypothesis")
def plan(
    client: Client, hypothesis: HypothesisOptions, output: str, detailed_exitcode: bool
) -> None:
    """What would change now, without doing it.

    Told are the pools that move or that something holds, with --all every one. --drain, --failover
    and --if may be given several times; the preview then supposes all of them.
    """
    if hypothesis.all_single_failures:
        if hypothesis != HypothesisOptions(all_single_failures=True):
            raise click.UsageError("--all-single-failures supposes nothing else")
        client.set_deadline(_FAILURES_DEADLINE_S)
        _echo(client.get("/v1/plan/failures"), output)
        return
    reply = _fetch_plan(client, _overrides(hypothesis), hypothesis)
    _echo(reply, output)
    if detailed_exitcode and reply["changes"]:
        click.get_current_context().exit(exit_codes.PLAN_HAS_CHANGES)


def _overrides(hypothesis: HypothesisOptions) -> list[dict[str, str]]:
    """The supposed overrides, as the API takes them.

    Raises UsageError for a scope without a drain or failover.
    """
    overrides = [{"kind": "drain", "region": region} for region in hypothesis.drains]
    overrides += [{"kind": "failover", "region": region} for region in hypothesis.failovers]
    names = (("service", hypothesis.service), ("pool", hypothesis.pool))
    scope = {key: name for key, name in names if name is not None}
    if scope and not overrides:
        options = " and ".join(f"--{key}" for key in scope)
        raise click.UsageError(f"{options} says where; name a region with --drain or --failover")
    return [{**override, **scope} for override in overrides]


def _fetch_plan(
    client: Client, overrides: list[dict[str, str]], hypothesis: HypothesisOptions
) -> ApiReply:
    query = {"all": "true"} if hypothesis.everything else {}
    if not overrides and not hypothesis.hypotheses:
        return client.get("/v1/plan", **query)
    body: dict[str, object] = {"overrides": overrides}
    if hypothesis.hypotheses:
        body["hypotheses"] = list(hypothesis.hypotheses)
    return client.post("/v1/plan", body, **query)


def _echo(reply: ApiReply, output: str) -> None:
    text = printable(reply["text"]).rstrip()
    click.echo(text if output == TABLE else document(reply, output))
