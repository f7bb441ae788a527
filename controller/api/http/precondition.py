"""The state's version, so that what a person looked at is what they change (RFC 9110, 13.1.1).

The tag stands for everything a decision rests on and leads to: settings, overrides, verdicts, and
what would be done now. Times and counters are left out: they change without changing anything.

A preview's tag stands for what would be done with the overrides that it supposes, instead of what
would be done now, so that an order based on it, or the end of one, is carried out as it was shown,
or not at all.

Each tag is made of one decision, and that decision once for each state (`loops.previews`): a state
ends with a cycle, an order, other settings, another reading, verdict or suspicion, so a tag given
before any of these does not match after it. What a state does not notice at once it notices with
the next cycle. So `If-Match` may let an order pass that rests on figures a cycle old at most. That
is safe, because no order is carried out as it was previewed: the next cycle decides anew on all
that is known then, behind every guard. The tag keeps people from acting on what has changed under
their eyes; it does not stand between them and AWS.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import IF_MATCH
from controller.api.http.problems import ProblemError
from controller.api.http.route import RouteCall
from controller.api.views.common import ALL, planned
from controller.api.views.plain import answer
from controller.loops.cycle.previews import Preview
from controller.model.access import LOCAL_ADMIN
from controller.model.encoding import SHOWN
from controller.model.overrides import Override

Overrides = Sequence[Override]
ETAG = {"ETag": "Version of the state, for `If-Match`."}
"""The header that `tagged` sets, for the documentation."""


def state_tag(context: ApiDependencies) -> str:
    """A strong ETag of the state."""
    return _tag(context, context.previews.present())


def tagged(
    call: RouteCall, body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response that carries the state's tag."""
    tag = {"ETag": state_tag(call.context)}
    return answer(body, status=status, headers={**tag, **(headers or {})})


def present(call: RouteCall) -> web.Response:
    """The plan as it stands, with the state's tag. The request declares `ALL`."""
    decided = call.context.previews.present()
    view = planned(call.context, decided, everything=call[ALL])
    return answer(view, headers={"ETag": _tag(call.context, decided)})


def previewed(call: RouteCall, supposed: Overrides) -> web.Response:
    """The plan with these overrides in force, tagged so that what makes them so is bound to it.

    The request declares `ALL`.
    """
    decided = call.context.previews.under(supposed)
    view = planned(call.context, decided, everything=call[ALL])
    return answer(view, headers={"ETag": _tag(call.context, decided, supposed)})


def check(call: RouteCall, supposed: Overrides | None = None) -> None:
    """Refuse a write that is based on another state than the present one.

    `supposed`: what is in force once it is carried out. It may be based on the preview of that,
    too, and whoever is refused is shown the preview as it is now.

    Raises ProblemError: 428 without If-Match, which only `local` may leave out, so that a person
    with curl on the machine itself is never kept from acting; 412 with `current`, the state as it
    is now.
    """
    given = call[IF_MATCH]
    if given is None:
        if call.principal == LOCAL_ADMIN:
            return
        detail = "send If-Match with the ETag of what you looked at, or * for whatever it is now"
        raise ProblemError(428, detail, field="If-Match")
    tags = _tags(given)
    if "*" in tags:
        return
    context = call.context
    previews = context.previews
    decided = previews.present() if supposed is None else previews.under(supposed)
    tag = _tag(context, decided, supposed)
    if tag in tags or (supposed is not None and state_tag(context) in tags):
        return
    raise ProblemError(
        412,
        "something changed since you looked: look again, then decide",
        field="If-Match",
        headers={"ETag": tag},
        more={"current": planned(context, decided)},
    )


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _tag(context: ApiDependencies, decided: Preview, supposed: Overrides | None = None) -> str:
    """Of the state, or of what would be done in it with the supposed overrides."""
    orders = None if supposed is None else [_order(override) for override in supposed]
    active = [SHOWN(override) for override in context.overrides.active()]
    text = json.dumps([context.settings_hash, active, orders, decided.digest], sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def _order(override: Override) -> object:
    """What it orders, whoever gives it when and why."""
    return [*override.target, override.share, sorted(override.ignore_guards)]
