"""JSON responses: values of the model as JSON."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from math import nan

import pytest

from controller.api.http.responses import json_response
from controller.model.encoding import SHOWN, iso
from controller.model.health import Verdict
from controller.model.levers import Change, LeverState, Position


def test_dataclasses_tuples_and_enumerations_become_json() -> None:
    """A position is an object where it is a value, and text where it is a key."""
    position = Position("shop", "world", "eu-west-1")
    change = Change(position, LeverState(1), LeverState(2, 50.0))

    assert SHOWN({position: (change, Verdict.UP)}) == {
        "shop/world/eu-west-1": [
            {
                "position": {"service": "shop", "pool": "world", "region": "eu-west-1"},
                "before": {"weight": 1, "dial": None},
                "after": {"weight": 2, "dial": 50.0},
            },
            "up",
        ]
    }


def test_times_are_utc_with_a_final_z() -> None:
    """In whatever time zone the value is."""
    at = datetime(2026, 6, 1, 14, 0, 0, 123_456, tzinfo=timezone(timedelta(hours=2)))

    assert iso(at) == "2026-06-01T12:00:00.123Z"
    assert SHOWN([at]) == ["2026-06-01T12:00:00.123Z"]


def test_nan_is_refused() -> None:
    """JSON has no NaN: clients could not parse it."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_response({"share": nan})


def test_text_is_not_escaped_to_ascii() -> None:
    """Operators read responses with curl."""
    assert json_response({"text": "50 % → 0 %"}).text == '{"text": "50 % → 0 %"}\n'
