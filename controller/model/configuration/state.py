"""Settings of the state file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.model.configuration.base import ConfigModel


class StateSettings(ConfigModel):
    """What the state file (`state_path`) keeps."""

    max_records_mb: Annotated[int, Field(ge=16, le=65_536)] = 256
    """Megabytes (2^20 bytes) of decision records, with all that each was decided from, above which
    the oldest are deleted. A record takes 2 kB in a small world, 11 to 16 kB at 20 regions x 60
    pools x 3 services; of 10,000 the oldest are deleted in any case. A lower limit takes effect
    with the next record."""
