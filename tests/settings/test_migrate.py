"""Migration of a file's text to version 2: same settings, all comments kept."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.errors import InvalidSettingsError
from controller.settings import inspect, parse
from controller.settings.migration.migrate import migrated_text
from controller.settings.strict_yaml import read
from tests.settings.minimal import MINIMAL
from tests.settings.version_1 import MINIMAL_1, as_version_1, comments, written

ROOT = Path(__file__).parents[2]
EARLIER = [
    ROOT / "tests/compatibility/settings.yaml",
    *sorted((ROOT / "tests/compatibility/validate").glob("*.yaml")),
]
PRESENT = [*sorted((ROOT / "config").glob("*.yaml")), ROOT / "tests/loops/three_regions.yaml"]
REGIONS = ("eu-west-1", "eu-central-1", "us-east-1")
GOOD, BAD = ["http://192.0.2.8/", "http://192.0.2.9/"], ["tcp://192.0.2.7:9"]
REFERENCES: tuple[dict[str, Any], ...] = (
    {},
    {"reference_targets": {"known_good": GOOD}},
    {"reference_targets": {"known_bad": BAD}},
    {"reference_targets": {"known_good": GOOD, "known_bad": BAD}},
)
LAWS = st.sampled_from(("EU", "US", "no", "a b: c", "null", "1"))


@st.composite
def settings(draw: st.DrawFn) -> dict[str, Any]:
    """Settings of version 2: services share regions, optional facts are set or not."""
    entries = {
        name: {"jurisdiction": draw(LAWS)}
        | draw(st.sampled_from(({}, {"egress_usd_per_gb": 0.09}, {"egress_usd_per_gb": 0.12})))
        for name in REGIONS
    }
    services = {}
    for name in draw(st.lists(st.sampled_from("abc"), min_size=1, unique=True)):
        used = draw(st.lists(st.sampled_from(REGIONS), min_size=1, unique=True))
        services[name] = _service(name, used)
    in_use = {region for service in services.values() for region in service["regions"]}
    return {
        "schema_version": 2,
        "state_path": "gtc.sqlite",
        "vantage": {"name": "here"},
        **draw(st.sampled_from(REFERENCES)),
        "regions": {name: entry for name, entry in entries.items() if name in in_use},
        "services": services,
    }


def _service(name: str, regions: list[str]) -> dict[str, Any]:
    return {
        "regions": {
            region: {"capacity_rps": 10, "endpoints": {"web": {"probe": f"tcp://{region}.test:80"}}}
            for region in regions
        },
        "pools": {"world": {"geographies": ["default"], "regions": regions, "demand_rps": 1}},
        "levers": {"route53": {"hosted_zone_id": "Z1", "name": f"{name}.test."}},
    }


@given(settings(), st.randoms(use_true_random=False))
def test_in_every_style_of_yaml_settings_are_the_same_and_no_comment_is_lost(
    data: dict[str, Any], chance: random.Random
) -> None:
    """No key of version 1 is left, and a second migration changes nothing."""
    text = written(as_version_1(data), chance)
    found = migrated_text(text, "x")

    assert parse(found, "x") == parse(text, "x") == parse(json.dumps(data), "x")
    assert inspect(found).outdated is None
    assert sorted(set(comments(found)) - {*comments(text)}) == [
        "What is the same of a region for every service; services refer to it by its name."
    ]
    assert set(comments(text)) <= set(comments(found))
    assert migrated_text(found, "x") == found


@given(settings())
def test_json_stays_json(data: dict[str, Any]) -> None:
    """JSON is YAML, and some programs write settings as JSON."""
    found = migrated_text(json.dumps(as_version_1(data), indent=1), "x")
    assert parse(json.dumps(json.loads(found)), "x") == parse(json.dumps(data), "x")


@pytest.mark.parametrize("path", EARLIER, ids=lambda path: path.name)
def test_real_files_of_version_1_are_migrated_or_refused_for_their_mistakes(path: Path) -> None:
    """The migrated files give the same settings."""
    text = path.read_text()
    inspection = inspect(text)
    if inspection.settings is None:
        with pytest.raises(InvalidSettingsError) as refusal:
            migrated_text(text, "x")
        assert refusal.value.problems == inspection.problems
        return
    assert inspection.outdated is not None
    found = migrated_text(text, "x")
    assert parse(found, "x") == inspection.settings
    assert inspect(found).outdated is None


@pytest.mark.parametrize("path", PRESENT, ids=lambda path: path.name)
def test_the_shipped_files_are_of_version_2_and_unchanged_by_a_migration(path: Path) -> None:
    """A file of version 2 has nothing to migrate."""
    text = path.read_text()
    assert inspect(text).outdated is None
    assert migrated_text(text, "x") == text


def test_moved_keys_keep_their_comments_and_no_other_key_moves() -> None:
    """Comments of a second service, too, each once, above the key in the catalogue."""
    first, second = MINIMAL_1.split("services:\n")
    noted = second.replace(
        "        jurisdiction: EU\n",
        "        # the lawyers said so\n        jurisdiction: EU  # until 2030\n",
    ).replace(
        "        capacity_rps: 300\n", "        # measured in May\n        capacity_rps: 300\n"
    )
    other = noted.replace("shop", "books").replace("until 2030", "and here, too")
    found = migrated_text(f"{first}# --- Services ---\nservices:\n{noted}{other}", "x")

    assert found == (
        MINIMAL.split("regions: {")[0]
        + """\
# What is the same of a region for every service; services refer to it by its name.
regions:
  eu-west-1:
    # the lawyers said so
    # until 2030
    # and here, too
    jurisdiction: EU
  us-east-1:
    jurisdiction: US

# --- Services ---
services:
"""
        + _without_jurisdiction(noted)
        + _without_jurisdiction(other)
    )


def _without_jurisdiction(text: str) -> str:
    gone = ("jurisdiction:", "# the lawyers said so")
    return "".join(f"{line}\n" for line in text.splitlines() if not line.strip().startswith(gone))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "canaries: [http://192.0.2.8/]  # ours\n",
            "reference_targets:\n  known_good: [http://192.0.2.8/]  # ours\n",
        ),
        (
            "# well\ncanaries:\n- http://192.0.2.8/  # one\n# two\n- http://192.0.2.9/\n\n"
            "# bad\nbad_canaries: [tcp://192.0.2.7:9]\n",
            "# well\nreference_targets:\n  known_good:\n  - http://192.0.2.8/  # one\n  # two\n"
            "  - http://192.0.2.9/\n  # bad\n  known_bad: [tcp://192.0.2.7:9]\n\n",
        ),
        (
            "bad_canaries: [tcp://192.0.2.7:9]\nmode: active\n"
            "canaries: [\n http://192.0.2.8/\n ]\n",
            "reference_targets:\n  known_bad: [tcp://192.0.2.7:9]\n  known_good: [\n"
            "   http://192.0.2.8/\n   ]\nmode: active\n",
        ),
    ],
)
def test_canaries_become_reference_targets_at_the_place_of_the_first(old: str, new: str) -> None:
    """They form one group; lists keep their style."""
    found = migrated_text(MINIMAL_1.replace("services:", f"{old}services:"), "x")
    assert new in found


def test_values_in_several_lines_and_indented_files_are_migrated() -> None:
    """A value in several lines becomes one line; an indented file stays indented."""
    text = MINIMAL_1.replace("residency: EU", "residency: E U").replace(
        "jurisdiction: EU", 'jurisdiction: "E\n          U"'
    )
    text = text.replace("jurisdiction: US", "jurisdiction: >-\n          U\n          S")
    indented = "".join(f"  {line}\n" for line in text.splitlines())
    found = migrated_text(indented, "x")
    assert read(found).data is not None
    assert {name: one.jurisdiction for name, one in parse(found, "x").regions.items()} == {
        "eu-west-1": "E U",
        "us-east-1": "U S",
    }
