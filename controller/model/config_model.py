"""What every configuration noun is made of."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
Geography = Annotated[
    str, StringConstraints(pattern=r"^(default|continent:[A-Z]{2}|country:[A-Z]{2})$")
]
KeyPath = tuple[str | int, ...]
"""Keys and list positions from the root of the settings, as pydantic names them too."""
HostName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$")]


class ConfigModel(BaseModel):
    """Base of every configuration noun: frozen, strictly typed, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )
