"""What can be wrong with a request to the sandbox; the text is meant for the person who made it."""

from __future__ import annotations


class SandboxError(Exception):
    """The sandbox cannot do what was asked; `valid` lists the values possible in its place."""

    def __init__(self, message: str, valid: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.valid = valid
