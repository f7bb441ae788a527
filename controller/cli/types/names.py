"""Options that take a name, and the names that a shell may complete there.

The names come from the daemon. Whoever presses the tab key waits 300 ms at most and gets nothing
rather than an error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Thread

import click
from click.shell_completion import CompletionItem

from controller.cli.daemon import contexts
from controller.cli.daemon.client import ApiReply, client_of
from controller.cli.orders.preview import GUARDS

_PATIENCE_S = 0.3


def complete_regions(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Every region of every service."""
    return _begun(begun, lambda: (r for service in _services(context) for r in service["regions"]))


def complete_services(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Every service."""
    return _begun(begun, lambda: (service["name"] for service in _services(context)))


def complete_pools(
    context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Every pool of every service."""
    return _begun(
        begun, lambda: (pool for service in _services(context) for pool in service["pools"])
    )


def complete_guards(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Guards that may be overridden."""
    return _items(begun, GUARDS)


def complete_contexts(
    _context: click.Context, _parameter: click.Parameter, begun: str
) -> list[CompletionItem]:
    """Contexts of the file."""
    return _begun(begun, lambda: contexts.load().known)


region_argument = click.argument("region", shell_complete=complete_regions)
service_option = click.option(
    "--service",
    metavar="NAME",
    shell_complete=complete_services,
    help="Only in this service; default: in all.",
)


def _services(context: click.Context) -> list[ApiReply]:
    endpoints = context.params.get("endpoints") or ()
    client = client_of(context, endpoints, context.params.get("context_name"), _PATIENCE_S)
    items: list[ApiReply] = client.get("/v1/services")["items"]
    return items


def _begun(begun: str, names: Callable[[], Iterable[str]]) -> list[CompletionItem]:
    """What begins so, if it is known in time. A thread, because name resolution cannot be cut."""
    found: list[CompletionItem] = []

    def look() -> None:
        try:
            found.extend(_items(begun, names()))
        except click.ClickException:
            return

    thread = Thread(target=look, daemon=True)
    thread.start()
    thread.join(_PATIENCE_S)
    return list(found)


def _items(begun: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(set(names)) if name.startswith(begun)]
