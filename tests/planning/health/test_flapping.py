"""How long a region that keeps failing is kept out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controller.model.configuration import FlappingSettings
from controller.model.health import RegionHealth, Verdict
from controller.model.memory import FlapDamping
from controller.planning.health import flapping
from controller.planning.health.flapping import reuse_wait_s, updated_flaps
from tests.planning.remembering import remembers
from tests.storyboards.player import StoryboardPlayer

WEST = "eu-west-1"
LIMITS = FlappingSettings()
WELL, DEAD = RegionHealth(Verdict.UP, "well"), RegionHealth(Verdict.DOWN, "dead")
UNKNOWN = RegionHealth(Verdict.UNKNOWN, "nobody knows")


def after(
    *seen: tuple[float, RegionHealth], known: FlapDamping | None = None
) -> FlapDamping | None:
    """What is remembered of a region that was seen like this, one after the other."""
    player = StoryboardPlayer()
    player.play("pool world eu-west-1")
    snapshot, known_now = player.snapshot(), {WEST: known} if known else {}
    for now, health in seen:
        looked = replace(snapshot, now=now, memory=remembers(flaps=known_now))
        known_now = updated_flaps(looked, "shop", {WEST: health})
    return known_now.get(WEST)


@pytest.mark.parametrize(("failures", "damped"), [(3, False), (4, True)])
def test_the_fourth_failure_in_a_row_is_one_too_many(failures: int, damped: bool) -> None:
    """Three seconds apart, so that next to nothing has faded."""
    seen = [(i * 3.0 + j, h) for i in range(failures) for j, h in ((0, DEAD), (1, WELL))]
    found = after(*seen)

    assert found is not None
    assert found.damped is damped


def test_a_failure_counts_once_however_long_it_lasts_and_whatever_is_unknown_between() -> None:
    """A prober that was blind for a while has not seen another failure."""
    found = after((0, DEAD), (1, DEAD), (2, UNKNOWN), (3, DEAD))

    assert found is not None
    assert found.penalty == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize(("age_s", "damped"), [(1799, True), (1801, False)])
def test_it_is_let_in_when_less_than_one_failure_is_left(age_s: float, damped: bool) -> None:
    """Two half-lives after four failures."""
    found = after((age_s, WELL), known=FlapDamping(4.0, 0.0, down=False, damped=True))

    assert found is not None
    assert found.damped is damped


def test_no_region_waits_longer_than_four_half_lives() -> None:
    """A hundred failures in a row are forgiven after an hour, as forty are."""
    seen = [(i * 2.0 + j, h) for i in range(100) for j, h in ((0, DEAD), (1, WELL))]
    found = after(*seen)

    assert found is not None
    assert reuse_wait_s(found, LIMITS) <= 4 * LIMITS.half_life_s


def test_a_failure_that_has_faded_is_forgotten() -> None:
    """Memory does not grow."""
    assert after((5 * LIMITS.half_life_s, WELL), known=FlapDamping(1.0, 0.0, down=False)) is None


def test_the_worked_example_of_the_docstring_is_computed() -> None:
    """Four failures a minute apart, and how long the region then stays out."""
    seen = [(at_s + j, h) for at_s in (0, 60, 120, 180) for j, h in ((0.0, DEAD), (1.0, WELL))]
    found = after(*seen[:-1])

    assert found is not None
    assert (f"{found.penalty:.2f}", found.damped) == ("3.74", True)
    assert f"{reuse_wait_s(found, LIMITS) / 60:.0f}" == "29"
    assert all(number in (flapping.__doc__ or "") for number in ("3.74", "29 min"))
