"""The JSON Schema accepts and refuses what the configuration models do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from controller.settings.json_schema import schema_text
from controller.settings.strict_yaml import read
from tests.settings.minimal import MINIMAL, with_replacements

CONFIG = Path(__file__).parents[2] / "config"
SCHEMA = json.loads(schema_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def objects(part: Any) -> list[dict[str, Any]]:
    """Every mapping in the schema."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    own = [part] if isinstance(part, dict) else []
    return own + [one for value in inner for one in objects(value)]


def test_every_key_is_described_by_its_docstring() -> None:
    """Editors show the description beside a key."""
    aws = SCHEMA["$defs"]["AwsSettings"]["properties"]
    assert aws["calls_per_s"]["description"].startswith("Requests per second to each AWS service")
    assert "title" not in aws["calls_per_s"]


def test_unknown_keys_are_mistakes_everywhere() -> None:
    """The schema is as strict as the loader."""
    models = [o for o in objects(SCHEMA) if "properties" in o and o.get("type") == "object"]
    assert len(models) > 10
    assert all(model["additionalProperties"] is False for model in models)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_the_shipped_configurations_fit(path: Path) -> None:
    """Otherwise editors would show mistakes in the example."""
    Draft202012Validator.check_schema(SCHEMA)
    VALIDATOR.validate(read(path.read_text(encoding="utf-8")).data)


@pytest.mark.parametrize(
    "mistake",
    [
        ("capacity_rps: 300", "capacity_rsp: 300"),
        ("capacity_rps: 300", "capacity_rps: lots"),
        ("http://192.0.2.1/healthz", "ftp://192.0.2.1"),
        ('192.0.2.1/healthz"', '192.0.2.1/healthz", statuses: [6xx]'),
        ('192.0.2.1/healthz"', '192.0.2.1/healthz", headers: {X-Key: "plain"}'),
        ("country:DE", "country:de"),
        ("schema_version: 2", "schema_version: 1"),
    ],
    ids=lambda mistake: mistake[1],
)
def test_the_schema_refuses_what_a_configuration_model_refuses(mistake: tuple[str, str]) -> None:
    """The schema has the models' limits and patterns."""
    VALIDATOR.validate(read(MINIMAL).data)
    with pytest.raises(ValidationError):
        VALIDATOR.validate(read(with_replacements(mistake)).data)
