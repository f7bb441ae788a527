"""The base class of all configuration models, and the field types that several of them use."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
PositiveSeconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Text = Annotated[str, StringConstraints(min_length=1)]
StatePath = Annotated[Text, StringConstraints(pattern=r"^[^~]")]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$")]
AbsolutePath = Annotated[str, StringConstraints(pattern=r"^/\S+$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}(-[a-z]+)+-\d{1,2}$")]
"""Regions of every partition of AWS, also of later ones: `eu-west-1`, `eusc-de-east-1`."""
Geography = Annotated[
    str, StringConstraints(pattern=r"^(default|continent:[A-Z]{2}|country:[A-Z]{2})$")
]
KeyPath = tuple[str | int, ...]
"""Keys and list indexes from the root of the settings, as in pydantic's `loc`."""


class ConfigModel(BaseModel):
    """Base of every configuration model: frozen, strictly typed, unknown keys are errors.

    The docstring of a field is its description in `config/schema.json` and the hint when a
    required key is missing.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )
