"""The sandbox's geography table: addresses, countries, continents, distances."""

import pytest

from controller.sandbox.emulator.geography import (
    COUNTRIES,
    Location,
    client_subnet,
    known_region,
    location_of,
    nearest_first,
    source_address,
)


@pytest.mark.parametrize("country", COUNTRIES)
def test_every_countrys_addresses_lead_back_to_it(country: str) -> None:
    """Its DNS prefix and its loopback addresses belong to no other country."""
    subnet = client_subnet(country).partition("/")[0]
    for address in (subnet, source_address(country, 1), source_address(country, 254)):
        found = location_of(address)
        assert found is not None
        assert found.country == country


def test_continents_are_those_of_route_53() -> None:
    """All seven codes occur, and Europe reaches to Turkey and Russia."""
    places = [location_of(source_address(country, 1)) for country in COUNTRIES]
    assert {place.continent for place in places if place} == {
        *("AF", "AN", "AS", "EU", "NA", "OC", "SA")
    }
    assert location_of(source_address("TR", 1)) == Location("TR", "EU")


def test_both_address_families_of_one_country_agree() -> None:
    """The IPv6 documentation prefix is divided in the same order."""
    assert location_of("2001:db8::1") == location_of(client_subnet(COUNTRIES[0]).split("/")[0])
    assert location_of("2001:db8:1::1") == Location(COUNTRIES[1], "EU")


def test_addresses_outside_the_table_are_nowhere() -> None:
    """Plain loopback, unused blocks and ordinary addresses have no location."""
    for address in ("127.0.0.1", "0.0.0.0", "203.0.113.250", "10.0.0.1", "::1", "127.20.250.1"):
        assert location_of(address) is None


def test_a_host_number_outside_the_range_is_refused() -> None:
    """Only 1 to 254 are addresses of a country."""
    with pytest.raises(ValueError, match="1 to 254, not 255"):
        source_address("DE", 255)


def test_regions_are_ordered_by_distance() -> None:
    """Germany is nearest to Frankfurt, Japan to Tokyo; no location counts as Virginia."""
    regions = ["us-east-1", "eu-west-1", "eu-central-1", "ap-northeast-1"]
    german = nearest_first(Location("DE", "EU"), regions)
    assert german == ("eu-central-1", "eu-west-1", "us-east-1", "ap-northeast-1")
    assert nearest_first(Location("JP", "AS"), regions)[0] == "ap-northeast-1"
    assert nearest_first(None, regions)[0] == "us-east-1"


def test_only_regions_of_the_table_are_known() -> None:
    """An invented Region is not."""
    assert known_region("eu-west-1")
    assert not known_region("eu-nowhere-9")
