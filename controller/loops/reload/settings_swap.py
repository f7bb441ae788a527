"""Makes other settings active in one step: a two-phase commit over all that depend on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import structlog

from controller.loops.active_settings import ActiveSettings
from controller.settings.loader import LoadedSettings

_log = structlog.get_logger("reload")
Participant = Callable[[LoadedSettings], Callable[[], None]]
"""The first phase: prepares for settings that are not active yet; may raise, and changes nothing.
It returns the second phase, which applies them: that must not raise, and is called at once or
never."""


def without_prepare(take_over: Callable[[LoadedSettings], None]) -> Participant:
    """A participant that has nothing to prepare."""
    return lambda loaded: partial(take_over, loaded)


class SettingsSwap:
    """Makes settings active for all participants, or for none."""

    def __init__(self, active_settings: ActiveSettings, followers: Iterable[Participant]) -> None:
        """`followers` take over settings in this order."""
        self._active_settings = active_settings
        self._followers = tuple(followers)

    def carry_out(self, loaded: LoadedSettings) -> None:
        """All at once: nothing else runs between the first line and the last.

        Raises what a follower that cannot prepare raises; then nothing has changed. One that cannot
        take over what it prepared is a mistake of ours: it is logged, and all others go on, for the
        settings are used by then.
        """
        commits = [prepare(loaded) for prepare in self._followers]
        self._active_settings.swap(loaded.settings)
        for commit in commits:
            try:
                commit()
            except Exception:
                _log.critical("settings_not_followed", follower=repr(commit), exc_info=True)
