"""Errors of the sandbox; their text is for the user who made the request."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was requested; `valid` lists the possible values."""

    def __init__(self, message: str, valid: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.valid = valid
