"""The active settings: one object that every loop reads, so that a reload reaches all at once."""

from __future__ import annotations

import hashlib

from controller.model.configuration import Settings


class ActiveSettings:
    """The settings now used. Callers read `.settings` on every use and must not cache it."""

    def __init__(self, settings: Settings) -> None:
        self.swap(settings)

    @property
    def settings(self) -> Settings:
        """As of now. A reload swaps them between two cycles, so that no cycle sees them change."""
        return self._settings

    @property
    def hash(self) -> str:
        """A short name for exactly these settings: equal settings, equal hash."""
        return self._hash

    def swap(self, settings: Settings) -> None:
        """Replace the active settings; only `loops.reload` calls this."""
        self._settings = settings
        self._hash = settings_hash(settings)


def settings_hash(settings: Settings) -> str:
    """The first 12 hexadecimal digits of the SHA-256 of the settings as JSON."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
