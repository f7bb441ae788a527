"""Compressed texts: read back as they were, whichever version wrote them, or refused in words."""

from __future__ import annotations

import lzma
import zlib
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from controller.model import compression
from controller.model.compression import compressed, decompressed
from controller.model.decoding import UnreadableError

SHORT, LONG = '{"a":1}' * 10, '{"region":"eu-west-1","weight":128}' * 5_000


@given(st.text(), st.sampled_from([1, 100, 10_000]))
def test_a_text_is_read_as_it_was_written(text: str, times: int) -> None:
    """Whatever its length."""
    whole = (text * times)[:30_000]
    assert decompressed(compressed(whole)) == whole


def test_long_texts_take_less_than_deflate_would() -> None:
    """What repeats itself at a distance above all."""
    random = Random(7)
    part = "".join(random.choices("abcdefghij", k=60_000))
    assert len(compressed(part * 2)) < 0.6 * len(zlib.compress((part * 2).encode()))


@pytest.mark.parametrize("text", ["", SHORT, LONG])
def test_texts_of_earlier_versions_are_read(text: str) -> None:
    """They are DEFLATE, whatever their length."""
    assert decompressed(zlib.compress(text.encode())) == text


@pytest.mark.parametrize("text", [SHORT, LONG])
def test_damage_is_an_error_in_words(text: str) -> None:
    """At every place, and wherever it is cut off; or it is the same text."""
    whole = compressed(text)
    random = Random(1)
    errors = set()
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
        for data in (bytes(damaged), whole[: random.randrange(len(whole))]):
            try:
                assert decompressed(data) == text
            except UnreadableError as error:
                errors.add(str(error)[:9])
    assert errors == {"its text "}


@pytest.mark.parametrize("data", [None, 5, "text", b""])
def test_what_is_no_compressed_text_is_refused(data: object) -> None:
    """A damaged file has anything in any column."""
    with pytest.raises(UnreadableError, match=r"its text (is|was)"):
        decompressed(data)


@pytest.mark.parametrize("pack", [zlib.compress, lzma.compress])
def test_a_text_that_becomes_too_long_is_refused(
    pack: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes can stand for gigabytes."""
    monkeypatch.setattr(compression, "MAX_TEXT_BYTES", 1_000)
    assert callable(pack)
    with pytest.raises(UnreadableError, match="cut off, or longer than"):
        decompressed(pack(b"a" * 1_001))
    assert decompressed(pack(b"a" * 1_000)) == "a" * 1_000
