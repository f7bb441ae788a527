"""Loads a configuration: strict YAML in, `Settings` out, or every mistake with its place.

The configuration models, and with them all keys, are in `controller.model.configuration`. No module
here starts anything; a `ConfigSource` reads the environment when it is made.
"""

from __future__ import annotations

from controller.settings.loader import (
    ConfigSource,
    Inspection,
    LoadedSettings,
    inspect,
    load,
    parse,
    read_text,
)

__all__ = ["ConfigSource", "Inspection", "LoadedSettings", "inspect", "load", "parse", "read_text"]
