"""Replaces the settings that every loop uses, and has all that keeps something for them follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.settings.loader import LoadedSettings

_log = structlog.get_logger("reload")
Follower = Callable[[LoadedSettings], Callable[[], None]]
"""Prepares to follow settings that are not used yet: may raise, and changes nothing. What it
returns takes them over, must not raise, and is called at once or never."""


def plainly(take_over: Callable[[LoadedSettings], None]) -> Follower:
    """A follower that has nothing to prepare."""
    return lambda loaded: partial(take_over, loaded)


class SettingsSwap:
    """All followers take settings over, or none."""

    def __init__(self, current: ActiveSettings, followers: Iterable[Follower]) -> None:
        """`followers` take over settings in this order."""
        self._current = current
        self._followers = tuple(followers)

    def carry_out(self, loaded: LoadedSettings) -> None:
        """All at once: nothing else runs between the first line and the last.

        Raises what a follower that cannot prepare raises; then nothing has changed. One that cannot
        take over what it prepared is a mistake of ours: it is logged, and all others go on, for the
        settings are used by then.
        """
        commits = [prepare(loaded) for prepare in self._followers]
        self._current.swap(loaded.settings)
        for commit in commits:
            try:
                commit()
            except Exception:
                _log.critical("settings_not_followed", follower=repr(commit), exc_info=True)
