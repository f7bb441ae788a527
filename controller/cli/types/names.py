"""Options whose value is a name, and shell completion of these names.

The names come from the daemon. Completion takes at most 300 ms and shows no errors: without a reply
it offers no names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread

import click
from click.shell_completion import CompletionItem

from controller.cli.daemon import contexts
from controller.cli.daemon.client_options import client_of
from controller.cli.daemon.replies import ApiReply
from controller.cli.orders.preview import GUARDS

_TIMEOUT_S = 0.3


def complete_regions(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Every region of every service."""
    return _fetched_completions(
        incomplete,
        lambda: (region for service in _fetch_services(context) for region in service["regions"]),
    )


def complete_services(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Every service."""
    return _fetched_completions(
        incomplete, lambda: (service["name"] for service in _fetch_services(context))
    )


def complete_pools(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Every pool of every service."""
    return _fetched_completions(
        incomplete,
        lambda: (pool for service in _fetch_services(context) for pool in service["pools"]),
    )


def complete_guards(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Guards that an order may override."""
    return _completions(incomplete, GUARDS)


def complete_contexts(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Contexts in the context file."""
    return _fetched_completions(incomplete, lambda: contexts.load().by_name)


region_argument = click.argument("region", shell_complete=complete_regions)
service_option = click.option(
    "--service",
    metavar="NAME",
    shell_complete=complete_services,
    help="Only in this service; default: in all.",
)


def _fetch_services(context: click.Context) -> list[ApiReply]:
    endpoints = context.params.get("endpoints") or ()
    client = client_of(context, endpoints, context.params.get("context_name"), _TIMEOUT_S)
    items: list[ApiReply] = client.get("/v1/services")["items"]
    return items


def _fetched_completions(
    incomplete: str, fetch: Callable[[], Iterable[str]]
) -> list[CompletionItem]:
    """The names that begin with `incomplete`; none if `fetch` takes longer than 300 ms.

    `fetch` runs in a thread, because name resolution has no timeout.
    """
    completions: list[CompletionItem] = []

    def fill() -> None:
        try:
            completions.extend(_completions(incomplete, fetch()))
        except click.ClickException:
            return

    thread = Thread(target=fill, daemon=True)
    thread.start()
    thread.join(_TIMEOUT_S)
    return list(completions)


def _completions(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(set(names)) if name.startswith(incomplete)]
