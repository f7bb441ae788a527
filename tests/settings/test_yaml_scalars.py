"""Values of plain scalars."""

from __future__ import annotations

import pytest

from controller.settings.yaml_scalars import AmbiguousScalarError, plain_scalar


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("true", True),
        ("FALSE", False),
        ("0", 0),
        ("-7", -7),
        ("14400", 14400),
        ("0.25", 0.25),
        (".5", 0.5),
        ("1e3", 1000.0),
        ("nothing", "nothing"),
        ("2026-11-23", "2026-11-23"),
        ("192.0.2.1:8080", "192.0.2.1:8080"),
        ("country:NO", "country:NO"),
        ("1.2.3", "1.2.3"),
        ("=", "="),
    ],
)
def test_an_unambiguous_scalar_has_the_value_of_yaml_1_2(text: str, value: object) -> None:
    """Value and type are those of the core schema; everything else is text."""
    assert plain_scalar(text) == value
    assert type(plain_scalar(text)) is type(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "NO",
            "NO is a boolean to some programs and text to others; write true or false, or quote it",
        ),
        (
            "on",
            "on is a boolean to some programs and text to others; write true or false, or quote it",
        ),
        (
            "1:30",
            "1:30 is a number to the base 60 to some programs; "
            "write a plain number (durations are in seconds), or quote it",
        ),
        (
            "010",
            "010 is not a decimal number to every program; "
            "write it in decimal without leading zeros, or quote it",
        ),
        (
            "0x1F",
            "0x1F is not a decimal number to every program; "
            "write it in decimal without leading zeros, or quote it",
        ),
        (
            "1_000",
            "1_000 is a number to some programs and text to others; leave out the underscores",
        ),
        (".inf", ".inf is not a number one can act on; write a finite number"),
        ("-.NaN", "-.NaN is not a number one can act on; write a finite number"),
        ("1e400", "1e400 is too large; no number here is above 10^15"),
    ],
)
def test_a_value_that_programs_read_differently_is_refused(text: str, message: str) -> None:
    """The message says what to write instead."""
    with pytest.raises(AmbiguousScalarError) as refusal:
        plain_scalar(text)
    assert str(refusal.value) == message


def test_a_number_of_five_thousand_digits_is_refused_like_any_other() -> None:
    """Python's limit on long numbers must not raise another error."""
    with pytest.raises(AmbiguousScalarError, match="is too large"):
        plain_scalar("9" * 5000)
