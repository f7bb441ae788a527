"""Base models of JSON response bodies.

A response body is filled from values of the model. The OpenAPI document takes the descriptions of
its fields from their docstrings.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Item = TypeVar("Item")

RESPONSE_CONFIG = ConfigDict(
    frozen=True,
    extra="forbid",
    use_attribute_docstrings=True,
    json_schema_serialization_defaults_required=True,  # a field with a default is always sent
)


class View(BaseModel):
    """Base of every response body, frozen and without unknown keys; see also `RequestBody`."""

    model_config = RESPONSE_CONFIG


class Page(View, Generic[Item]):
    """Things in a list, and where the list goes on."""

    items: tuple[Item, ...]
    next: str | None = None
    """Path of the following page; null at the end."""
