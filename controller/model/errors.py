"""Errors that some caller answers differently. Refusing a plan is not an error but a value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.model.plural import counted


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in what an operator wrote."""

    message: str
    """What is wrong and what is allowed."""
    path: str = ""
    """Dotted path of the key."""
    line: int = 0
    column: int = 0
    hint: str = ""
    origin: str = ""
    """What set the value instead of the file: `env:NAME`, `--set key`."""
    confidential: bool = False
    """Whether what stands in this line may be a secret: it is not to be shown."""

    def one_line(self, source: str) -> str:
        """Place, message, key and hint; `source` names the file."""
        place = f"{source}:{self.line}:{self.column}" if self.line else source
        path = f" ({self.path})" if self.path else ""
        hint = f"; {self.hint}" if self.hint else ""
        return f"{self.origin or place}: {self.message}{path}{hint}"


class InvalidSettingsError(Exception):
    """A configuration cannot be used; carries every mistake found."""

    def __init__(self, source: str, problems: tuple[Problem, ...]) -> None:
        super().__init__(f"{source}: {counted(len(problems), 'problem')}")
        self.source = source
        self.problems = problems


class ProviderUnavailableError(Exception):
    """An outside service did not answer, or not now: time-out, 5xx, throttled. Ask again later."""


class ProviderRejectedError(Exception):
    """An outside service refused a question in a way that does not heal by itself."""


class StateUnavailableError(Exception):
    """The state store cannot be read or written."""


@contextmanager
def within(place: str) -> Iterator[None]:
    """Tells where in a larger request it is that something is wrong: `overrides.2.region`."""
    try:
        yield
    except InvalidRequestError as error:
        field = ".".join(filter(None, (place, error.field)))
        raise InvalidRequestError(str(error), field=field, valid=error.valid) from error


class InvalidRequestError(Exception):
    """A person asked for something that does not exist or is not allowed.

    `field` names what was wrong, `valid` the values that are possible there.
    """

    def __init__(self, message: str, *, field: str, valid: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.field = field
        self.valid = valid
