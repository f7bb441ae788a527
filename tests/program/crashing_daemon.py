"""The daemon, killed by itself with SIGKILL at a named point: `crashing_daemon.py CONFIG`.

The point is in CRASH_AT: a method of the store or of Route 53's adapter, `before` it is called or
`after` it has returned, or `before` or `after` the answer of a request is written. Calls that have
nothing to do with a change do not count.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from aiohttp import web

from controller import cli, daemon
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.sqlite.store import SqliteStore
from controller.api.app import build

WHAT, WHEN = os.environ["CRASH_AT"].split(":")
Method = Callable[..., Awaitable[Any]]


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def concerns_a_change(name: str, args: tuple[Any, ...]) -> bool:
    match name:
        case "add_record":
            return bool(args[0].written)
        case "expect":  # either the old or the new setting: an intent
            return any(len(settings) > 1 for settings in args[0].values())
    return True


def crashing(method: Method) -> Method:
    @wraps(method)
    async def wrapped(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not concerns_a_change(method.__name__, args):
            return await method(self, *args, **kwargs)
        if WHEN == "before":
            die()
        result = await method(self, *args, **kwargs)
        die()
        return result

    return wrapped


@web.middleware
async def crashing_answer(request: web.Request, handler: Any) -> web.StreamResponse:
    response: web.StreamResponse = await handler(request)
    if request.method in ("POST", "DELETE"):
        if WHEN == "after":
            await response.prepare(request)
            await response.write_eof()
        die()
    return response


def crashing_app(dependencies: Any) -> web.Application:
    app = build(dependencies)
    app.middlewares.append(crashing_answer)
    return app


if WHAT == "answer":
    daemon.build = crashing_app  # type: ignore[attr-defined]  # an import of the daemon's
else:
    owner = Route53RecordSets if WHAT == "change" else SqliteStore
    setattr(owner, WHAT, crashing(getattr(owner, WHAT)))
sys.argv = ["gtc", "run", *sys.argv[1:]]
cli.main()
