"""`gtc plan`: what would change now, or if these regions were taken out, without doing it."""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.client import Answer, Client, endpoint_option
from controller.cli.names import complete_regions, service_option
from controller.cli.orders import pool_option
from controller.cli.output import TABLE, document, output_option
from controller.cli.render import printable


@click.command()
@endpoint_option
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
@service_option
@pool_option
@output_option
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when the plan has changes.")
def plan(
    client: Client,
    drains: tuple[str, ...],
    failovers: tuple[str, ...],
    service: str | None,
    pool: str | None,
    output: str,
    detailed_exitcode: bool,
) -> None:
    """What would change now, without doing it.

    --drain and --failover may be given several times; the preview then supposes all of them.
    """
    supposed = [{"kind": "drain", "region": region} for region in drains]
    supposed += [{"kind": "failover", "region": region} for region in failovers]
    place = {key: name for key, name in (("service", service), ("pool", pool)) if name is not None}
    if place and not supposed:
        named = " and ".join(f"--{key}" for key in place)
        raise click.UsageError(f"{named} says where; name a region with --drain or --failover")
    supposed = [{**one, **place} for one in supposed]
    answer = _ask(client, supposed)
    shown = printable(answer["text"]).rstrip() if output == TABLE else document(answer, output)
    click.echo(shown)
    if detailed_exitcode and answer["changes"]:
        click.get_current_context().exit(exit_codes.PLAN_HAS_CHANGES)


def _ask(client: Client, supposed: list[dict[str, str]]) -> Answer:
    if not supposed:
        return client.get("/v1/plan")
    return client.post("/v1/plan", {"overrides": supposed})
