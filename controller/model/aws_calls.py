"""Values that tell of one call of an AWS API, and of AWS refusing the daemon's credentials."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One call that ended. `0 <= seconds`; waiting for the budget is left out."""

    service: str
    operation: str
    outcome: str
    """`ok`, `refused`, `throttled` or `unknown`."""
    seconds: float
    denial: str | None = None
    """Why AWS refused the caller's credentials or rights, or why there are none; None: it did
    not, or nothing is known because there was no answer."""


@dataclass(frozen=True, slots=True)
class AwsDenial:
    """AWS refuses the credentials or rights that the daemon has, since `since_s`."""

    service: str
    operation: str
    why: str
    since_s: float
    """Monotonic time of the first refusal in a row."""

    def text(self, now_s: float) -> str:
        """One line for people."""
        return f"{self.operation} refused for {now_s - self.since_s:.0f} s: {self.why}"
