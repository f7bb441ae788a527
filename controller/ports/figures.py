"""Measured figures about users."""

from __future__ import annotations

from typing import Protocol

from controller.model.figures import Figures


class FigureSource(Protocol):
    """Where measured figures about users come from."""

    def read(self) -> Figures:
        """The last figures, with their times; never waits."""
        ...
