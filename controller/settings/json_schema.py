"""The configuration models as JSON Schema, for completion and checks in editors.

Made from `controller.model.configuration`, whose docstrings are the descriptions. The committed
copy is `config/schema.json`. Rules that join several fields (`settings.rules`) are not in it.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import CoreSchema

from controller.model.configuration import Settings


def schema_text() -> str:
    """The schema as JSON text with a final newline."""
    schema = Settings.model_json_schema(schema_generator=_WithoutFieldTitles)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _WithoutFieldTitles(GenerateJsonSchema):
    """Generator without a title for every key, which would only repeat the key."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return {
            "$schema": self.schema_dialect,
            "title": "Configuration of the global traffic controller",
            **super().generate(schema, mode),
        }

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
