"""Options of a command as one dataclass, so that the command has few parameters."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any


def grouped(group: type[Any], parameter: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: the command gets the options named like the dataclass's fields as one `parameter`.

    It must stand below the decorators of these options.
    """
    names = [field.name for field in fields(group)]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def call(**values: Any) -> Any:
            options = group(**{name: values.pop(name) for name in names})
            return command(**values, **{parameter: options})

        return call

    return decorate
