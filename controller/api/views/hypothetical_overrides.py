"""The active overrides as they would be after an order, for previews of that order."""

from __future__ import annotations

from datetime import datetime, timedelta

from controller.api.dependencies import ApiDependencies
from controller.model.overrides import Override, OverrideRequest


def overrides_with(
    dependencies: ApiDependencies, *requests: OverrideRequest
) -> tuple[Override, ...]:
    """The overrides that would be active if these requests were carried out, the newest last.

    A request replaces the active override of its place. Raises InvalidRequestError.
    """
    active = dependencies.overrides.active()
    newest_id = max((override.id for override in active), default=0)
    for request in requests:
        dependencies.overrides.check(request)
    now = dependencies.clock.wall()
    added = [_override(id_, request, now) for id_, request in enumerate(requests, newest_id + 1)]
    replaced = {override.target for override in added}
    return (*(override for override in active if override.target not in replaced), *added)


def overrides_without(dependencies: ApiDependencies, ended: Override) -> tuple[Override, ...]:
    """The overrides that would be active if this one ended."""
    active = dependencies.overrides.active()
    return tuple(override for override in active if override.id != ended.id)


def _override(id_: int, request: OverrideRequest, now: datetime) -> Override:
    """The override that a request would become.

    Its id must be the largest: between overrides of the same rank the planner obeys the newest.
    """
    return Override(
        id=id_,
        kind=request.kind,
        region=request.region,
        service=request.service,
        pool=request.pool,
        share=request.share,
        author=request.author,
        reason=request.reason,
        created_at=now,
        expires_at=now + timedelta(seconds=request.ttl_s),
        ignore_guards=request.ignore_guards,
    )
