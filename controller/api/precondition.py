"""The state's version, so that what a person looked at is what they change (RFC 9110, 13.1.1).

The tag stands for everything a decision rests on and leads to: settings, overrides, verdicts, and
what would be done now. Times and counters are left out: they change without changing anything.

A preview's tag stands besides for what would be done with the overrides that it supposes, so that
an order based on it, or the end of one, is carried out as it was shown, or not at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence

from aiohttp import web

from controller.api.context import Context
from controller.api.parameters import IF_MATCH
from controller.api.plain import answer
from controller.api.problems import ProblemError
from controller.api.registry import Call
from controller.api.views import preview
from controller.model.access import LOCAL
from controller.model.decision import Decision, PoolPlan, Shares
from controller.model.encoding import SHOWN
from controller.model.overrides import Override

Overrides = Sequence[Override]
ETAG = {"ETag": "Version of the state, for `If-Match`."}
"""The header that `tagged` sets, for the documentation."""


def state_tag(context: Context, supposed: Overrides | None = None) -> str:
    """A strong ETag of the state, and of what would be done with the supposed overrides."""
    state = [*_state(context), *([] if supposed is None else [_plans(context, supposed)])]
    text = json.dumps(state, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'


def tagged(
    call: Call, body: object, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """A JSON response that carries the state's tag."""
    tag = {"ETag": state_tag(call.context)}
    return answer(body, status=status, headers={**tag, **(headers or {})})


def previewed(call: Call, supposed: Overrides) -> web.Response:
    """The plan with these overrides in force, tagged so that what makes them so is bound to it."""
    view = preview(call.context, supposed)
    return answer(view, headers={"ETag": state_tag(call.context, supposed)})


def check(call: Call, supposed: Overrides | None = None) -> None:
    """Refuse a write that is based on another state than the present one.

    `supposed`: what is in force once it is carried out. It may be based on the preview of that,
    too, and whoever is refused is shown the preview as it is now.

    Raises ProblemError: 428 without If-Match, which only `local` may leave out, so that a person
    with curl on the machine itself is never kept from acting; 412 with `current`, the state as it
    is now.
    """
    given = call[IF_MATCH]
    if given is None:
        if call.principal == LOCAL:
            return
        detail = "send If-Match with the ETag of what you looked at, or * for whatever it is now"
        raise ProblemError(428, detail, field="If-Match")
    tags = _tags(given)
    if "*" in tags:
        return
    tag = state_tag(call.context, supposed)
    if tag in tags or (supposed is not None and state_tag(call.context) in tags):
        return
    raise ProblemError(
        412,
        "something changed since you looked: look again, then decide",
        field="If-Match",
        headers={"ETag": tag},
        more={"current": preview(call.context, supposed)},
    )


def _plans(context: Context, supposed: Overrides | None = None) -> list[object]:
    return [_plan(plan) for plan in context.reconciliation.preview(supposed).plans]


def _tags(header: str) -> list[str]:
    return [tag.strip() for tag in header.split(",")]


def _state(context: Context) -> Iterator[object]:
    decision = context.reconciliation.preview()
    yield context.settings_hash
    yield [SHOWN(override) for override in context.overrides.active()]
    yield _verdicts(decision)
    yield [_plan(plan) for plan in decision.plans]


def _verdicts(decision: Decision) -> object:
    return {
        service: {region: seen.verdict.value for region, seen in regions.items()}
        for service, regions in decision.regions.items()
    }


def _plan(plan: PoolPlan) -> object:
    """What would be done and what is held; details with running numbers in them left out."""
    return [
        plan.service,
        plan.pool,
        _rounded(plan.before),
        _rounded(plan.desired),
        [SHOWN(change) for change in (*plan.changes, *plan.withheld)],
        sorted((held.reason.value, held.region or "") for held in plan.held),
    ]


def _rounded(shares: Shares) -> object:
    return {region: round(share, 4) for region, share in shares.items()}
