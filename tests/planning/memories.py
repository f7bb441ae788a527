"""What earlier decisions may have left behind, as Hypothesis draws it: every field of it."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from controller.model.levers import Change, LeverState, Position
from controller.model.memory import (
    NO_FINGERPRINT,
    FlapDamping,
    Memory,
    ServiceMemory,
    SettingsFingerprint,
)
from controller.planning.shares import normalised
from tests.planning.remembering import BEFORE_THE_START

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-central-1")
NOW = 1_000.0
POOLS = ("world", "europe")
TIMES = st.integers(0, 4_000).map(lambda age_s: NOW - age_s)
REGION = st.sampled_from(REGIONS)
_POOL = st.sampled_from(POOLS)
_SPOTS = [Position("shop", pool, region) for pool in POOLS for region in REGIONS]
_SPOT = st.sampled_from(_SPOTS)
_PENALTIES = st.integers(0, 16).map(lambda count: count / 2)
WEIGHTS = st.sampled_from([0, 0, 0, 1, 64, 128, 255]) | st.integers(0, 255)
_LATELY = st.lists(TIMES, max_size=12).map(tuple)
_SHARES = st.dictionaries(REGION, st.floats(0, 1), max_size=4)
_CHANGES = st.builds(
    Change,
    _SPOT,
    st.builds(LeverState, WEIGHTS, st.sampled_from([None, 0.0, 50.0, 100.0])),
    st.builds(LeverState, WEIGHTS, st.sampled_from([None, 0.0, 50.0, 100.0])),
)
REMEMBERED: dict[str, st.SearchStrategy[Any]] = {
    "learned_under": st.sampled_from(
        [NO_FINGERPRINT] * 4
        + [SettingsFingerprint("route53 Z9 other."), SettingsFingerprint("", "others")]
    ),
    "since": st.sampled_from([BEFORE_THE_START, NOW - 50, NOW]),
    "begun": st.booleans(),
    "panic": st.sampled_from([None, None, None, NOW - 10]),
    "drift_since": st.dictionaries(_SPOT, TIMES, max_size=3),
    "reasserted": st.dictionaries(_POOL, TIMES),
    "reverted": st.dictionaries(_POOL, st.integers(0, 3)),
    "adopted": st.dictionaries(_POOL, _SHARES),
    "last_rise": st.dictionaries(_SPOT, TIMES, max_size=4),
    "warming_up": st.frozensets(_SPOT) | st.just(frozenset(_SPOTS)),
    "closed_is_warming_up": st.booleans(),
    "aborted": st.dictionaries(_SPOT, TIMES, max_size=3),
    "batches": _LATELY,
    "emergencies": _LATELY,
    "drains": st.dictionaries(REGION, TIMES, max_size=4),
    "degraded": st.dictionaries(REGION, st.integers(1, 3), max_size=2),
    "nearest": st.just({}) | _SHARES.map(normalised),
    "learned_at": st.none() | TIMES,
    "flaps": st.dictionaries(
        REGION, st.builds(FlapDamping, _PENALTIES, TIMES, st.booleans(), st.booleans()), max_size=3
    ),
    "doubtful": st.frozensets(_CHANGES, max_size=3),
}
"""Every field of a service's memory, and what earlier decisions may have left in it; the places may
be others than the settings'."""
SERVICE_MEMORIES = st.fixed_dictionaries(REMEMBERED).map(lambda drawn: ServiceMemory(**drawn))
MEMORIES = st.builds(
    Memory,
    isolated_since=st.none() | TIMES,
    services=st.fixed_dictionaries(
        {}, optional={"shop": SERVICE_MEMORIES, "gone": SERVICE_MEMORIES}
    ),
)
"""Anything that earlier decisions may have left behind."""
