"""Exit codes of `gtc`. Scripts depend on them, so they never change."""

from __future__ import annotations

OK = 0
FAILED = 1
USAGE = 2
"""Also click's own code for a wrong command line."""
PLAN_HAS_CHANGES = 3
REFUSED = 4
UNREACHABLE = 5
AUTH = 6
TIMEOUT = 7
BAD_CONFIG = 78
"""EX_CONFIG of sysexits(3); service managers should not restart on it."""
INTERRUPTED = 130
"""128 + SIGINT, as shells count."""

MEANINGS = {
    OK: "ok",
    FAILED: "failed",
    USAGE: "wrong command line",
    PLAN_HAS_CHANGES: "the plan has changes",
    REFUSED: "refused by a safety rule",
    UNREACHABLE: "the daemon cannot be reached",
    AUTH: "not allowed",
    TIMEOUT: "timed out while waiting",
    BAD_CONFIG: "bad configuration",
    INTERRUPTED: "interrupted",
}
"""Each code's meaning, as `gtc --help` prints it."""
