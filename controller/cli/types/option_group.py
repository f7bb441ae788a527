"""Many options of a command as one value, so that it takes few parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any


def gathered(kind: type[Any], name: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: what click gives the command for each field of the dataclass, as one value of it.

    It stands below the options' own decorators; the command gets the value as its parameter `name`.
    """
    names = [field.name for field in fields(kind)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def gather(**values: Any) -> Any:
            value = kind(**{one: values.pop(one) for one in names})
            return command(**values, **{name: value})

        return gather

    return decorate
