"""What all tests share."""

from __future__ import annotations

import asyncio

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--rewrite`: see tests/storyboards/test_storyboards.py."""
    parser.addoption("--rewrite", action="store_true", help="accept the storyboards' new text")


def pytest_configure(config: pytest.Config) -> None:
    """Keep looptime from making an event loop that nobody closes.

    Asked outside any test it takes the main thread's loop, which Python 3.11 creates on demand; a
    loop that is explicitly none is not created.
    """
    asyncio.set_event_loop(None)
