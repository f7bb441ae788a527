"""The shipped configurations load, and the example is a complete and correct reference."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from controller.model.configuration import ConfigModel, KeyPath
from controller.settings import inspect, load
from controller.settings.file_positions import dotted
from controller.settings.json_schema import schema_text
from controller.settings.model_paths import model_at
from controller.settings.strict_yaml import read

CONFIG = Path(__file__).parents[2] / "config"
EXAMPLE = (CONFIG / "example.yaml").read_text(encoding="utf-8")
Field = tuple[type[ConfigModel], str]


def _fields(path: KeyPath = ()) -> Iterator[tuple[KeyPath, bool]]:
    """Every possible key, and whether it groups other keys; `x` is a name that operators choose."""
    model = model_at(path)
    assert model is not None
    for name in model.model_fields:
        here = (*path, name)
        group = next((one for one in (here, (*here, "x")) if model_at(one)), None)
        yield here, group is not None
        if group is not None:
            yield from _fields(group)


def _written() -> dict[Field, list[str]]:
    """Field that the example sets to the comments at its keys."""
    lines = EXAMPLE.splitlines()
    found: dict[Field, list[str]] = {}
    for path, position in read(EXAMPLE).positions.items():
        model = model_at(path[:-1])
        if model is not None and path[-1] in model.model_fields:
            comment = _comment(lines, position.key.line - 1)
            found.setdefault((model, str(path[-1])), []).append(comment)
    return found


def _comment(lines: list[str], index: int) -> str:
    """The comment after a key and those in the lines directly above it."""
    above: list[str] = []
    for line in reversed(lines[:index]):
        if not line.lstrip().startswith("#"):
            break
        above.insert(0, line.strip().lstrip("# "))
    behind = lines[index].partition("  # ")[2]
    return " ".join([*above, behind])


def _default(field: FieldInfo) -> str | None:
    """A field's default as the comment must name it; None for required fields and sections."""
    value = field.default
    if value is PydanticUndefined or isinstance(value, ConfigModel):
        return None
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple):
        return str(list(value))
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_every_configuration_in_the_repository_loads(path: Path) -> None:
    """A copy of them must work."""
    assert load(path).services


def test_the_example_has_no_warning_but_that_about_one_vantage_point() -> None:
    """The example must not do what we warn about; this warning cannot be avoided yet."""
    assert [warning.path for warning in inspect(EXAMPLE).warnings] == ["vantage"]


@pytest.mark.parametrize(("path", "is_group"), list(_fields()), ids=str)
def test_the_example_sets_every_key_and_names_its_default(path: KeyPath, is_group: bool) -> None:
    """A comment at one place of each key names its default, or says that it is required."""
    model, name = model_at(path[:-1]), str(path[-1])
    assert model is not None
    comments = _written().get((model, name), [])
    assert comments, f"{dotted(path)} does not stand in config/example.yaml"
    if is_group:
        return
    default = _default(model.model_fields[name])
    wanted = "Required" if default is None else f"Default {default}"
    pattern = re.escape(wanted) + r"(?!\w|\.\d)"
    assert any(re.search(pattern, comment) for comment in comments), (
        f"the comment on {dotted(path)} must say: {wanted}"
    )


@pytest.mark.parametrize("path", sorted(CONFIG.glob("*.yaml")), ids=lambda path: path.name)
def test_editors_find_the_schema_of_every_configuration(path: Path) -> None:
    """The first line names it in the YAML language server's format."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=schema.json"


def test_the_committed_schema_is_that_of_the_configuration_models() -> None:
    """`make schema` writes it."""
    committed = (CONFIG / "schema.json").read_text(encoding="utf-8")
    assert committed == schema_text(), "config/schema.json is out of date; run: make schema"


def test_the_sandbox_is_quick_enough_to_watch() -> None:
    """A region that dies silently is down within five seconds: three probes of one second."""
    settings = load(CONFIG / "sandbox.yaml")
    probing, health = settings.probing, settings.health
    slowest_s = health.down_after * max(probing.interval_s, probing.deadline_s)
    assert slowest_s <= 5
    assert settings.aws.require_endpoint_url
    lever = settings.services["shop"].levers.route53
    assert lever is not None
    assert lever.ttl_s == 5
