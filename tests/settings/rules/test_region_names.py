"""Names of regions: an open set over all partitions of AWS."""

from __future__ import annotations

import pytest
from botocore.loaders import Loader

from controller.settings import inspect
from controller.settings.rules.region_names import PARTITIONS
from tests.settings.minimal import MINIMAL

ALL = [name for names in PARTITIONS.values() for name in names if name != "us-east-1"]


def warnings(region: str) -> dict[str, tuple[str, str]]:
    """Message and hint of the warnings about regions, by key, with this in place of eu-west-1."""
    inspection = inspect(MINIMAL.replace("eu-west-1", region))
    assert inspection.problems == ()
    return {
        one.path: (one.message, one.hint)
        for one in inspection.warnings
        if one.path.startswith("regions.") or one.path.endswith(".regions")
    }


def test_they_are_botocores() -> None:
    """A region that the SDK has learned is added here."""
    found = Loader().load_data("partitions")["partitions"]
    theirs = {p["id"]: {r for r in p["regions"] if "global" not in r} for p in found}
    assert {name: set(regions) for name, regions in PARTITIONS.items()} == theirs


@pytest.mark.parametrize("region", ALL)
def test_every_region_is_accepted(region: str) -> None:
    """Also those with five letters before the first hyphen."""
    assert f"regions.{region}" not in warnings(region) or "jurisdiction" in str(warnings(region))


@pytest.mark.parametrize(
    ("region", "hint"),
    [
        ("eu-wset-1", "did you mean eu-west-1?"),
        ("xy-mars-1", "a newer region is used all the same"),
    ],
)
def test_an_unknown_one_is_warned_of(region: str, hint: str) -> None:
    """It may be newer than this version."""
    found = warnings(region)[f"regions.{region}"]
    assert found == (f"{region} is no region of AWS that this version knows", hint)


@pytest.mark.parametrize("region", ["cn-north-1", "eusc-de-east-1", "us-gov-west-1"])
def test_two_partitions_in_one_service_are_warned_of(region: str) -> None:
    """No credentials reach both."""
    message, _ = warnings(region)["services.shop.regions"]
    assert f"{region} (aws-" in message
    assert "us-east-1 (aws)" in message


@pytest.mark.parametrize("region", ["eu", "eu-west", "EU-WEST-1", "eu_west_1", "eu-west-100"])
def test_what_is_no_name_of_a_region_is_a_mistake(region: str) -> None:
    """In any partition."""
    assert inspect(MINIMAL.replace("eu-west-1", region)).problems
