"""Addresses, ports and names that all programs of the benchmark agree on."""

from __future__ import annotations

HTTP_PORT, TLS_PORT, COUNTER_PORT, SLOW_PORT = 28080, 28443, 28082, 28090
TLS_NAME = "target.test"
SLOW_S = 0.02
"""What the slow target takes."""


def address(index: int) -> str:
    """Endpoint number so: the target answers on all of 127.0.0.0/8."""
    number = 0x7F010001 + index
    return f"127.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
