"""Measured figures about users."""

from __future__ import annotations

from typing import Protocol

from controller.model.figures import Figures


class FigureSource(Protocol):
    """The source of measured figures about users."""

    def read(self) -> Figures:
        """The last figures with their times; returns at once."""
        ...
