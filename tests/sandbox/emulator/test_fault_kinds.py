"""The kinds of faults: names, defaults, and errors that say what is possible."""

import pytest

from controller.sandbox.emulator.faults.kinds import KINDS, FaultSpec, spec_from, to_json
from controller.sandbox.errors import SandboxError


@pytest.mark.parametrize(
    ("asked", "message", "valid"),
    [
        ({"name": "trottle"}, "no fault is called 'trottle'", "throttle"),
        ({}, "no fault is called None", "gone"),
        ({"name": "gone", "times": 3}, "gone takes no times", "for_s"),
        ({"name": "hand-edit"}, "hand-edit needs weight", None),
        ({"name": "drop", "service": "s3"}, "no service 's3' is emulated", "route53"),
        ({"name": "drop", "operation": "("}, "operation '(' is not a pattern", None),
        ({"name": "drop", "operation": 1}, "operation must be a text, not 1", None),
        ({"name": "drop", "times": 0}, "times must be a whole number from 1 up, not 0", None),
        ({"name": "drop", "times": True}, "times must be a whole number", None),
        ({"name": "drop", "for_s": -1}, "for_s must be a number above 0", None),
        ({"name": "drop", "for_s": "5"}, "for_s must be a number above 0", None),
        ({"name": "hand-edit", "weight": 256}, "weight must be a whole number from 0", None),
    ],
)
def test_a_mistake_is_named_with_what_is_possible(
    asked: dict[str, object], message: str, valid: str | None
) -> None:
    """Each mistake has its own message."""
    with pytest.raises(SandboxError) as caught:
        spec_from(asked)
    assert message in str(caught.value)
    assert valid is None or valid in caught.value.valid


def test_defaults_are_filled_in_and_given_values_win() -> None:
    """A late write is one write, a minute late, unless the parameters say otherwise."""
    assert spec_from({"name": "late", "seconds": 5}) == FaultSpec(
        "late", operation="(Add|Change|Create|Delete|Remove|Update).*", seconds=5, times=1
    )


@pytest.mark.parametrize("name", KINDS)
def test_every_fault_has_a_summary_and_can_be_shown(name: str) -> None:
    """By its name alone, if it needs no parameter."""
    given = {"name": name, **dict.fromkeys(KINDS[name].needs, 1)}
    shown = to_json(spec_from(given))

    assert KINDS[name].summary
    assert KINDS[name].needs <= KINDS[name].takes
    assert shown.items() >= given.items()
