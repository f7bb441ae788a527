"""Secrets are removed from log lines, by name and by shape; all other text stays."""

from __future__ import annotations

import pytest

from controller.adapters.redaction import REDACTED, redact, without_secrets

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl"
LONG_HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


@pytest.mark.parametrize(
    "name",
    [
        "authorization",
        "Authorization",
        "proxy-authorization",
        "cookie",
        "Set-Cookie",
        "password",
        "db_password",
        "token",
        "session_token",
        "client_secret",
        "aws_credentials",
        "api_key",
        "apikey",
        "private-key",
    ],
)
def test_a_value_under_a_secret_name_is_replaced(name: str) -> None:
    """At the top level and nested."""
    event = {name: "hunter2", "deep": [{name: ["hunter2"]}, ({name: {"a": "hunter2"}},)]}
    cleaned = redact(None, "info", event)

    assert cleaned == {name: REDACTED, "deep": [{name: REDACTED}, [{name: REDACTED}]]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("key AKIAIOSFODNN7EXAMPLE used", f"key {REDACTED} used"),
        ("ASIAIOSFODNN7EXAMPLE", REDACTED),
        ("sent gtc_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYm", f"sent {REDACTED}"),
        (f"got {JWT}, refused", f"got {REDACTED}, refused"),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {REDACTED}"),
        ("basic YW5hOmh1bnRlcjI=", f"basic {REDACTED}"),
        (f"GET /?token={LONG_HEX}&x=1", f"GET /?token={REDACTED}&x=1"),
        (f"{{'api_key': '{LONG_HEX}'}}", f"{{'api_key': '{REDACTED}'}}"),
        ("X-Amz-Security-Token=FwoGZXIvYXdzEJr//", f"X-Amz-Security-Token={REDACTED}"),
        ("Signature=0123456789abcdef", f"Signature={REDACTED}"),
        ("https://ana:hunter2@wiki.example/x", f"https://{REDACTED}@wiki.example/x"),
        ("password: hunter2222", f"password: {REDACTED}"),
    ],
)
def test_what_looks_like_a_secret_is_replaced(text: str, expected: str) -> None:
    """Anywhere in a text, also in an exception's."""
    assert without_secrets(text) == expected
    assert redact(None, "info", {"exception": text}) == {"exception": expected}
    assert without_secrets(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        "eu-west-1 up → down: web: connection refused × 3",
        "arn:aws:globalaccelerator::000000000000:accelerator/00000000-0000-4000-8000-000000000001",
        f"12:{LONG_HEX}",
        "gtc_config_last_reload_success_timestamp_seconds",
        "http://127.0.0.1:8640/v1/status?limit=1",
        "the tokens of eu-west-1 were renewed",
        "bearer of bad news",
    ],
)
def test_ordinary_text_stays_as_it_was(text: str) -> None:
    """An operator must be able to read why traffic moved."""
    assert without_secrets(text) == text


def test_numbers_and_none_are_not_changed() -> None:
    """Other values are converted to text, which is searched."""

    class Odd:
        def __str__(self) -> str:
            return "token=abcdef123456"

    event = {"cycle": 3, "took_s": 0.5, "ok": True, "region": None, "token": None, "odd": Odd()}
    assert redact(None, "info", event) == {
        "cycle": 3,
        "took_s": 0.5,
        "ok": True,
        "region": None,
        "token": None,
        "odd": f"token={REDACTED}",
    }


def test_endless_nesting_ends() -> None:
    """Values below a fixed depth are converted to text."""
    endless: list[object] = []
    endless.append(endless)
    assert "[...]" in str(redact(None, "info", {"endless": endless}))
