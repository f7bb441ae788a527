"""Loads a configuration: strict YAML in, `Settings` out, or every mistake with its place.

What may be configured, and why, is said by the nouns in `controller.model.configuration`. Nothing
here starts anything; the environment is read where a `ConfigSource` is made.
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
