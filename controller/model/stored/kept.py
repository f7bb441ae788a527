"""What one process leaves to the next, as rows of text in the state file."""

from __future__ import annotations

from typing import NamedTuple


class KeptKey(NamedTuple):
    """Which row: a part of the daemon, such as `health`, and a name within it."""

    part: str
    name: str
