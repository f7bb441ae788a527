"""Loads a configuration: strict YAML in, `Settings` out, or every mistake with its place.

What may be configured, and why, is said by the nouns in `controller.model.configuration`. Nothing
here starts anything or reads the environment.
"""

from __future__ import annotations

from controller.settings.loader import Inspection, inspect, load, parse, read_text

__all__ = ["Inspection", "inspect", "load", "parse", "read_text"]
