"""Keys of earlier versions and what they are called now, for the hint of an unknown key."""

from __future__ import annotations

from collections.abc import Mapping

from controller.settings.file_positions import KeyPath

RENAMED: Mapping[KeyPath, tuple[str, ...]] = {
    ("canaries",): ("reference_targets", "known_good"),
    ("bad_canaries",): ("reference_targets", "known_bad"),
}
