"""`gtc plan`: what would change now, or if these regions were taken out, without doing it."""

from __future__ import annotations

import click

from controller.cli import exit_codes
from controller.cli.client import Answer, Client, endpoint_option
from controller.cli.render import as_json, printable


@click.command()
@endpoint_option
@click.option("--drain", "drains", metavar="REGION", multiple=True, help="As if it were drained.")
@click.option(
    "--failover", "failovers", metavar="REGION", multiple=True, help="As if it were failed over."
)
@click.option("--service", metavar="NAME", help="Drain or fail over in this service alone.")
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Form of the output.",
)
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 3 when the plan has changes.")
def plan(
    client: Client,
    drains: tuple[str, ...],
    failovers: tuple[str, ...],
    service: str | None,
    output: str,
    detailed_exitcode: bool,
) -> None:
    """What would change now, without doing it.

    --drain and --failover may be given several times; the preview then supposes all of them.
    """
    supposed = [{"kind": "drain", "region": region} for region in drains]
    supposed += [{"kind": "failover", "region": region} for region in failovers]
    if service is not None:
        if not supposed:
            raise click.UsageError("--service says where; name a region with --drain or --failover")
        supposed = [{**one, "service": service} for one in supposed]
    answer = _ask(client, supposed)
    click.echo(as_json(answer) if output == "json" else printable(answer["text"]).rstrip())
    if detailed_exitcode and answer["changes"]:
        click.get_current_context().exit(exit_codes.PLAN_HAS_CHANGES)


def _ask(client: Client, supposed: list[dict[str, str]]) -> Answer:
    if not supposed:
        return client.get("/v1/plan")
    return client.post("/v1/plan", {"overrides": supposed})
