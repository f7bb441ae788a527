"""The nouns as JSON Schema, for editors: completion, and mistakes while one types.

Made from `controller.model.configuration`; descriptions are the nouns' own words. The committed
copy is `config/schema.json`. What joins several fields is `rules`, which no schema can say.
"""

from __future__ import annotations

import json
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from pydantic_core import CoreSchema

from controller.model.configuration import Settings


def schema_text() -> str:
    """The whole schema as one JSON text that ends with a line's end."""
    schema = Settings.model_json_schema(schema_generator=_Plain)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


class _Plain(GenerateJsonSchema):
    """Without a title for every key, which would only repeat it."""

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> dict[str, Any]:
        return {
            "$schema": self.schema_dialect,
            "title": "Configuration of the global traffic controller",
            **super().generate(schema, mode),
        }

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
