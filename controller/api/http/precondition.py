"""ETags of the state, and `If-Match`: a write can name the state it is based on (RFC 9110, 13.1.1).

The *state tag* covers what a decision depends on and what it would do now: settings, active
overrides, verdicts, the plan. Times and counters are not in it: they change all the time and change
nothing that a caller looks at.

The *preview tag* covers what would be done with the supposed overrides instead of what would be
done now. A write whose If-Match is a preview's tag is therefore carried out as the preview showed
it, or refused.

Each tag comes from one decision, which is made once for each state (`loops.cycle.previews`). A
cycle, an order, other settings, a new reading, verdict or suspicion begin a new state; a tag given
before does not match after it. Other changes become visible with the next cycle, so If-Match may
accept an order that is based on figures one cycle old. This is safe: no order is carried out as it
was previewed, because the next cycle decides again on everything known by then, and all guards
apply. The tag protects callers from changes that they have not seen; AWS is protected by the
guards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from controller.api.dependencies import ApiDependencies
from controller.api.http.parameters import IF_MATCH
from controller.api.http.problems import ProblemError
from controller.api.http.responses import json_response
from controller.api.http.route import RouteCall
from controller.loops.cycle.previews import Preview
from controller.model.access import LOCAL_ADMIN
from controller.model.encoding import SHOWN
from controller.model.overrides import Override

ETAG_HEADER = {"ETag": "Version of the state, for `If-Match`."}
"""The header that `tagged_response` sets, as the OpenAPI document describes it."""


def state_tag(dependencies: ApiDependencies) -> str:
    """The strong ETag of the present state."""
    return _tag(dependencies, dependencies.previews.present())


def preview_tag(
    dependencies: ApiDependencies, preview: Preview, supposed: Sequence[Override]
) -> str:
    """The strong ETag of a preview that was made under these supposed overrides."""
    orders = [_order(override) for override in supposed]
    return _tag(dependencies, preview, orders)


def tagged_response(
    call: RouteCall, body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response with the ETag of the present state."""
    tag = {"ETag": state_tag(call.dependencies)}
    return json_response(body, status=status, headers={**tag, **(headers or {})})


def check_precondition(
    call: RouteCall,
    current_view: Callable[[ApiDependencies, Preview], object],
    supposed: Sequence[Override] | None = None,
) -> None:
    """Refuse a write whose If-Match names another state than the present one.

    `supposed`: the overrides that are active once the write is carried out. If-Match may then also
    be the tag of the preview of these. `current_view` makes the member `current` of the 412: the
    preview as it is now, or the present plan without `supposed`.

    Raises ProblemError: 428 without If-Match, unless the caller is `local`, so that an operator
    with curl on this machine can always act; 412 when no tag matches.
    """
    if call[IF_MATCH] is None and call.principal == LOCAL_ADMIN:
        return
    given = _given_tags(call)
    if "*" in given:
        return
    dependencies, previews = call.dependencies, call.dependencies.previews
    if supposed is None:
        preview = previews.present()
        tag = state_tag(dependencies)
    else:
        preview = previews.under(supposed)
        tag = preview_tag(dependencies, preview, supposed)
    if tag in given or state_tag(dependencies) in given:
        return
    raise ProblemError(
        412,
        "something changed since you looked: look again, then decide",
        field="If-Match",
        headers={"ETag": tag},
        more={"current": current_view(dependencies, preview)},
    )


def _given_tags(call: RouteCall) -> list[str]:
    """The tags of If-Match, or `*`. Raises ProblemError 428 when it is missing."""
    header = call[IF_MATCH]
    if header is None:
        detail = "send If-Match with the ETag of what you looked at, or * for whatever it is now"
        raise ProblemError(428, detail, field="If-Match")
    return [tag.strip() for tag in header.split(",")]


def _tag(dependencies: ApiDependencies, preview: Preview, orders: object = None) -> str:
    active = [SHOWN(override) for override in dependencies.overrides.active()]
    covered = [dependencies.settings_hash, active, orders, preview.digest]
    text = json.dumps(covered, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def _order(override: Override) -> object:
    """What the override orders, without its author, reason and times."""
    return [*override.target, override.share, sorted(override.ignore_guards)]
