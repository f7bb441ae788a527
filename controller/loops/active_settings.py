"""The settings in force: one object that every loop asks, so that a reload reaches all at once."""

from __future__ import annotations

import hashlib

from controller.model.configuration import Settings


class ActiveSettings:
    """Holds the settings in force. Whoever needs them asks each time and keeps no copy."""

    def __init__(self, settings: Settings) -> None:
        self.swap(settings)

    @property
    def settings(self) -> Settings:
        """As of now; a cycle never sees them change, for they are swapped between cycles."""
        return self._settings

    @property
    def hash(self) -> str:
        """A short name for exactly these settings."""
        return self._hash

    def swap(self, settings: Settings) -> None:
        """Put other settings in force; called by `loops.reload` alone."""
        self._settings = settings
        self._hash = settings_hash(settings)


def settings_hash(settings: Settings) -> str:
    """A short name for exactly these settings."""
    return hashlib.sha256(settings.model_dump_json().encode()).hexdigest()[:12]
