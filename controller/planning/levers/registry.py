"""The kinds of levers, one line each, and the lever that steers a service."""

from __future__ import annotations

from typing import Any

from controller.model.configuration import Service
from controller.planning.levers.accelerator import ACCELERATOR
from controller.planning.levers.lever import Lever
from controller.planning.levers.route53 import ROUTE53

AnyLever = Lever[Any, Any, Any]
LEVERS: tuple[AnyLever, ...] = (
    ROUTE53,
    ACCELERATOR,
)
_BY_KIND: dict[str, AnyLever] = {lever.kind: lever for lever in LEVERS}
KINDS = tuple(lever.kind for lever in LEVERS)
"""As in records, metrics and the API."""


def lever_of(service: Service) -> AnyLever:
    """The lever that steers a service.

    Raises LookupError where its settings name none, which the settings' rules refuse.
    """
    for lever in LEVERS:
        if lever.steers(service):
            return lever
    raise LookupError(f"a service without any of the levers {', '.join(KINDS)}")


def lever_named(kind: str) -> AnyLever:
    """The lever of this kind. Raises KeyError where `KINDS` lacks it."""
    return _BY_KIND[kind]
