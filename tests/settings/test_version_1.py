"""A file of version 1 is read with its own keys and lines, and gives one warning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model.configuration import Settings
from controller.model.configuration.earlier_settings import CATALOGUED_KEYS, REFERENCE_TARGET_KEYS
from controller.settings import Inspection, inspect, parse
from controller.settings.migration.version_1 import (
    MOVED,
    SettingsOfVersion1,
    key_in_version_1,
    key_in_version_2,
)
from controller.settings.model_paths import model_at
from controller.settings.overlay import from_environment, from_flags
from tests.settings.minimal import MINIMAL
from tests.settings.version_1 import MINIMAL_1

WEST = "services.shop.regions.eu-west-1"
BOOKS = MINIMAL_1.split("services:\n")[1].replace("shop", "books")
TWO = MINIMAL_1 + BOOKS
PRICED = "jurisdiction: EU\n        egress_usd_per_gb: "
OUTDATED = (
    "1:17 schema_version",
    "the file is of version 1, which is out of date",
    "`gtc config migrate FILE` prints it in the form of version 2, --write replaces it",
)


def found(text: str) -> list[tuple[str, str, str]]:
    """Position, path, message and hint of every mistake."""
    return [_reported(inspect(text), n) for n in range(len(inspect(text).problems))]


def _reported(inspection: Inspection, number: int) -> tuple[str, str, str]:
    one = inspection.problems[number]
    return (f"{one.line}:{one.column} {one.path}", one.message, one.hint)


@pytest.mark.parametrize(
    "added",
    [
        "reference_targets: {}",
        "reference_targets: {known_good: [], known_bad: []}",
        "regions: {}",
        "regions: {eu-west-1: {jurisdiction: EU}}",
    ],
)
@pytest.mark.parametrize("targets", ["", "canaries: [tcp://192.0.2.1:1]\n", "bad_canaries: []\n"])
def test_a_key_of_version_2_in_a_file_of_version_1_is_reported_where_it_stands(
    added: str, targets: str
) -> None:
    """Not at the keys of version 1 that the migration makes it of."""
    text = MINIMAL_1.replace("services:\n", f"{targets}{added}\nservices:\n", 1)
    line, key = text.splitlines().index(added) + 1, added.partition(":")[0]
    unknown = [one for one in found(text) if one[1].startswith("unknown key")]
    assert [(place, message) for place, message, _ in unknown] == [
        (f"{line}:1 {key}", f"unknown key {key}")
    ]


def test_a_fact_of_version_2_in_a_service_is_reported_where_it_stands() -> None:
    """`place` is of the catalogue, which version 1 does not have."""
    text = MINIMAL_1.replace("jurisdiction: EU\n", "jurisdiction: EU\n        place: Dublin\n", 1)
    line = text.splitlines().index("        place: Dublin") + 1
    assert [(place, message) for place, message, _ in found(text)] == [
        (f"{line}:9 services.shop.regions.eu-west-1.place", "unknown key place")
    ]


@pytest.mark.parametrize("version", ["1.0", "true", '"1"'])
def test_only_the_whole_number_1_is_version_1(version: str) -> None:
    """As version 2 demands a whole number."""
    text = MINIMAL_1.replace("schema_version: 1", f"schema_version: {version}", 1)
    assert {place.split()[1] for place, _, _ in found(text)} == {"schema_version"}


def test_it_gives_the_settings_of_version_2_and_a_warning() -> None:
    """One warning more than the same file of version 2, at schema_version."""
    inspection = inspect(MINIMAL_1)
    assert inspection.settings == parse(MINIMAL, "x")
    assert inspection.outdated is not None
    one = inspection.outdated
    assert (f"{one.line}:{one.column} {one.path}", one.message, one.hint) == OUTDATED
    others = [w.message for w in inspection.warnings if w != one]
    assert others == [w.message for w in inspect(MINIMAL).warnings]


@pytest.mark.parametrize(
    ("old", "new", "place", "message", "hint"),
    [
        (
            "        jurisdiction: EU\n",
            "",
            f"7:7 {WEST}.jurisdiction",
            "the key jurisdiction is missing",
            "Whose law holds there, for example EU or US; pools with a `residency` compare it.",
        ),
        (
            "jurisdiction: EU",
            "jurisdction: EU",
            f"8:9 {WEST}.jurisdction",
            "unknown key jurisdction",
            "did you mean jurisdiction?",
        ),
        (
            "jurisdiction: EU",
            "jurisdiction: 49",
            f"8:23 {WEST}.jurisdiction",
            "jurisdiction must be text, not 49",
            "quote it to make it text",
        ),
        (
            "jurisdiction: EU",
            PRICED + "-1",
            f"9:28 {WEST}.egress_usd_per_gb",
            "egress_usd_per_gb must be at least 0, not -1",
            "",
        ),
        (
            "residency: EU",
            "residency: US",
            "21:19 services.shop.pools.europe.regions[0]",
            "eu-west-1 is in jurisdiction EU, but pool europe has residency US",
            "",
        ),
        (
            "services:",
            "regions: {}\nservices:",
            "4:1 regions",
            "unknown key regions",
            "files of version 2 have it, and this file is of an earlier one",
        ),
        (
            "jurisdiction: EU",
            "jurisdiction: EU\n        place: Dublin",
            f"9:9 {WEST}.place",
            "unknown key place",
            "possible here: jurisdiction, capacity_rps, egress_usd_per_gb, share, endpoints",
        ),
        (
            "services:",
            "canaries: [http://192.0.2.1/, 192.0.2.2]\nservices:",
            "4:31 canaries[1]",
            "canaries[1] must be an address to probe (a probe starts with http://, https:// or "
            "tcp://), not the text '192.0.2.2'",
            "",
        ),
        (
            "services:",
            "canaries: [tcp://192.0.2.1:1]\nbad_canaries: [tcp://192.0.2.1:1]\nservices:",
            "5:16 bad_canaries[0]",
            "known_bad[0] is 'tcp://192.0.2.1:1', which is in known_good, too: "
            "an address is known either to answer or not to answer",
            "leave it in one of the two lists",
        ),
        (
            "      eu-west-1:\n",
            "      us-west: 3\n      eu-west-1:\n",
            "7:16 services.shop.regions.us-west",
            "us-west must be a mapping of keys, not 3",
            "",
        ),
    ],
)
def test_a_mistake_is_reported_with_keys_of_version_1(
    old: str, new: str, place: str, message: str, hint: str
) -> None:
    """At its line and key; no message names the catalogue, which the file does not have."""
    assert old in MINIMAL_1
    assert (place, message, hint) in found(MINIMAL_1.replace(old, new, 1))
    assert "catalogue" not in str(found(MINIMAL_1.replace(old, new, 1)))


@pytest.mark.parametrize(
    ("first", "second", "place", "message"),
    [
        (
            "jurisdiction: EU",
            "jurisdiction: CH",
            "34:23 services.books.regions.eu-west-1.jurisdiction",
            f"jurisdiction of eu-west-1 is CH here and EU in {WEST}.jurisdiction (line 8): "
            "a region has one",
        ),
        (
            f"{PRICED}0.1",
            f"{PRICED}0.12",
            "36:28 services.books.regions.eu-west-1.egress_usd_per_gb",
            f"egress_usd_per_gb of eu-west-1 is 0.12 here and 0.1 in {WEST}.egress_usd_per_gb "
            "(line 9): a region has one",
        ),
        (
            "jurisdiction: EU",
            f"{PRICED}0.12",
            "35:28 services.books.regions.eu-west-1.egress_usd_per_gb",
            f"egress_usd_per_gb of eu-west-1 is 0.12 here and 0.09 in {WEST}.egress_usd_per_gb "
            "(line 7): a region has one",
        ),
        (
            f"{PRICED}0.12",
            "jurisdiction: EU",
            "34:7 services.books.regions.eu-west-1.egress_usd_per_gb",
            f"egress_usd_per_gb of eu-west-1 is 0.09 here and 0.12 in {WEST}.egress_usd_per_gb "
            "(line 9): a region has one",
        ),
    ],
    ids=("jurisdiction", "price", "default-first", "default-second"),
)
def test_two_services_that_contradict_each_other_are_named_with_both_positions(
    first: str, second: str, place: str, message: str
) -> None:
    """A default contradicts, too: version 1 steers the services by two prices."""
    hint = "write the same in both; in version 2 it stands once, in the catalogue of regions"
    residency = BOOKS.replace("        residency: EU\n", "")
    text = MINIMAL_1.replace("jurisdiction: EU", first) + residency.replace(
        "jurisdiction: EU", second
    ).replace("shop.example", "books.example")
    assert found(text) == [(place, message, hint)]


def test_services_that_agree_do_not_contradict_each_other() -> None:
    """A default may be written or left out."""
    text = MINIMAL_1 + BOOKS.replace("jurisdiction: EU", f"{PRICED}0.09").replace("shop.", "books.")
    assert inspect(text).problems == ()


def test_an_overlay_of_a_file_of_version_1_uses_its_keys() -> None:
    """Even if the overlay contradicts another service."""
    flags = from_flags([f"{WEST}.jurisdiction=EUU", "services.shop.pools.europe.residency=EUU"])
    settings = inspect(MINIMAL_1, flags).settings
    assert settings is not None
    assert settings.regions["eu-west-1"].jurisdiction == "EUU"
    price = from_environment({"GTC__SERVICES__SHOP__REGIONS__EU_WEST_1__EGRESS_USD_PER_GB": "0.2"})
    (problem,) = inspect(TWO.replace("Z1", "Z2", 1), price).problems
    assert problem.message == (
        f"egress_usd_per_gb of eu-west-1 is 0.09 here and 0.2 in {WEST}.egress_usd_per_gb "
        "(env:GTC__SERVICES__SHOP__REGIONS__EU_WEST_1__EGRESS_USD_PER_GB): a region has one"
    )


@pytest.mark.parametrize(
    ("text", "key", "message", "hint"),
    [
        (
            MINIMAL,
            f"{WEST}.jurisdiction",
            "files of version 1 have this key, and this file is of version 2",
            "set regions.eu-west-1.jurisdiction",
        ),
        (
            MINIMAL_1,
            "regions.eu-west-1.egress_usd_per_gb",
            "files of version 2 have this key, and this file is of version 1",
            "set services.<service>.regions.eu_west_1.egress_usd_per_gb",
        ),
        (
            MINIMAL,
            "services.shop.regions.eu-west-9.jurisdiction",
            "files of version 1 have this key, and this file is of version 2",
            "set regions.eu_west_9.jurisdiction",
        ),
        (MINIMAL, "schema_version", "only the file itself can say of which version it is",
         "unset it"),
    ],
)  # fmt: skip
def test_an_overlay_key_of_the_other_version_is_refused_with_a_hint(
    text: str, key: str, message: str, hint: str
) -> None:
    """As a flag and as a variable."""
    (problem,) = inspect(text, from_flags([f"{key}=1"])).problems
    assert (problem.origin, problem.message, problem.hint) == (f"--set {key}", message, hint)
    name = "GTC__" + key.replace(".", "__").replace("-", "_").upper()
    (problem,) = inspect(text, from_environment({name: "1"})).problems
    assert (problem.origin, problem.message) == (f"env:{name}", message)


def test_a_key_of_version_1_in_a_file_of_version_2_gets_its_new_key_as_hint() -> None:
    """An incomplete migration by the operator is the most likely mistake."""
    text = MINIMAL.replace("        share: 1\n", "        jurisdiction: US\n")
    assert found(text) == [
        (
            "13:9 services.shop.regions.us-east-1.jurisdiction",
            "unknown key jurisdiction",
            "this file is of version 2, where it is regions.us-east-1.jurisdiction",
        )
    ]


def test_origins_are_lines_of_the_file_by_keys_of_version_2() -> None:
    """`gtc config show --origin` shows version 2, with the lines of the file."""
    origins = inspect(MINIMAL_1).origins
    assert origins["regions", "eu-west-1", "jurisdiction"] == "line 8"
    assert origins["schema_version",] == "line 1"
    assert origins["services", "shop", "pools", "europe", "residency"] == "line 20"


def test_every_key_that_moved_is_one_of_its_version_and_none_of_the_other() -> None:
    """The table of moved keys, the migration and both versions' models agree."""
    assert {now[-1] for now in MOVED.values()} == {
        *CATALOGUED_KEYS,
        *REFERENCE_TARGET_KEYS.values(),
    }
    for then, now in MOVED.items():
        assert key_in_version_2(then) == now
        for path, root, other in ((then, SettingsOfVersion1, Settings), (now, Settings, None)):
            model = model_at(path[:-1], root)
            assert model is not None
            assert path[-1] in model.model_fields
            absent = model_at(path[:-1], other) if other else None
            assert absent is None or path[-1] not in absent.model_fields


@given(st.lists(st.sampled_from(("services", "regions", "eu", "jurisdiction")), max_size=6))
def test_only_keys_that_moved_have_a_counterpart(parts: list[str]) -> None:
    """A similar path is another key."""
    path = tuple(parts)
    matches = len(path) == 5 and (path[0], path[2], path[4]) == (
        "services", "regions", "jurisdiction",
    )  # fmt: skip
    assert (key_in_version_2(path) is not None) is matches
    now = key_in_version_1(path)
    assert now is None or key_in_version_2(now) == path
