"""The result of a replay as text: behind `gtc replay`."""

from __future__ import annotations

from collections.abc import Sequence

from controller.model.plural import counted
from controller.planning.account.columns import aligned
from controller.planning.account.explanation import explain_plan
from controller.planning.account.replay import Mismatch, Replay

_SHOWN = 50
"""Differences that are shown; the rest is counted."""
_LONGEST = 120
"""Characters shown of one side of a difference."""


def explain_replay(replay: Replay) -> str:
    """The differences, and then the plan of the new decision."""
    head = [_verdict_on(replay)]
    if replay.unread:
        head += ["The snapshot as this version reads it differs:", *_differences(replay.unread)]
    if replay.differences:
        head += ["The decision differs:", *_differences(replay.differences)]
    return "\n".join([*head, "", explain_plan(replay.plans)])


def _verdict_on(replay: Replay) -> str:
    what = f"Decision {replay.decision_id}, made by version {replay.version or 'unknown'}"
    by = "the same version" if replay.same_version else f"version {replay.replayed_by}"
    if not replay.differences:
        return f"{what}, is the same byte for byte when {by} decides again."
    number = counted(len(replay.differences), "difference")
    return f"{what}, is another when {by} decides again: {number}."


def _differences(differences: Sequence[Mismatch]) -> list[str]:
    rows = [
        (f"  {one.place}", f"{_cut(one.recorded)} → {_cut(one.replayed)}")
        for one in differences[:_SHOWN]
    ]
    more = len(differences) - _SHOWN
    return [*aligned(rows), *([f"  and {more} more"] if more > 0 else [])]


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
