"""Errors that callers handle differently. A refused plan is a value (`Held`), not an error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.model.plural import counted


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake or warning about a configuration.

    `line == column == 0` if the place is unknown; otherwise both count from 1.
    """

    message: str
    """What is wrong and what is allowed."""
    path: str = ""
    """Key path, such as `services.shop.mode`."""
    line: int = 0
    column: int = 0
    hint: str = ""
    """What to do."""
    origin: str = ""
    """What set the value if not the file: `env:NAME`, `--set key`."""
    confidential: bool = False
    """Whether the line may hold a secret and must not be shown."""

    def one_line(self, source: str) -> str:
        """Place, message, key and hint in one line; `source` names the file."""
        place = f"{source}:{self.line}:{self.column}" if self.line else source
        path = f" ({self.path})" if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.origin or place}: {self.message}{path}{hint}"


class InvalidSettingsError(Exception):
    """A configuration cannot be used; `problems` are all of its mistakes."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{source}: {counted(len(problems), 'problem')}")
        self.source = source
        self.problems = problems


class ProviderUnavailableError(Exception):
    """An outside service did not answer (time-out, 5xx, throttled). Retry later."""


class ProviderRejectedError(Exception):
    """An outside service refused a request. A retry does not help."""


class StateUnavailableError(Exception):
    """The state store cannot be read or written."""


class UnreadableStateError(StateUnavailableError):
    """One thing that is stored cannot be read; the rest can."""


@contextmanager
def within(part: str) -> Iterator[None]:
    """Prefix the field of an InvalidRequestError with a part of the request:
    `overrides.2.region`."""
    try:
        yield
    except InvalidRequestError as error:
        field = ".".join(filter(None, (part, error.field)))
        raise InvalidRequestError(str(error), field=field, valid=error.valid) from error


class InvalidRequestError(Exception):
    """A caller asked for something that does not exist or is not allowed.

    `field` names the wrong field, `valid` its possible values.
    """

    def __init__(self, message: str, *, field: str, valid: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.valid = valid
