"""The messages between the HTTP gateway, the codec and the emulated services.

A request and a reply as bytes, and the error type that every emulated service raises. The codec
converts between bytes and parameters; the services interpret them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

# Request members and results by the service model's member names. The codec has validated them
# before a service gets them, hence `Any` instead of many casts.
Params = Mapping[str, Any]
Result = dict[str, Any]
Operation = Callable[[Params], Result]

ACCOUNT_ID = "000000000000"


@dataclass(frozen=True, slots=True)
class WireRequest:
    """One HTTP request, unparsed; header names are looked up through `header`."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def header(self, name: str) -> str:
        """The header's value, or the empty string."""
        return self.headers.get(name, "")


@dataclass(frozen=True, slots=True)
class WireReply:
    """One HTTP reply, rendered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class AwsError(Exception):
    """An error as AWS reports it: a code for programs, a message for people, an HTTP status.

    The status is used only if the service model has none for the code.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def not_emulated(what: str) -> AwsError:
    """The error for a feature of AWS that this emulator lacks."""
    return AwsError("NotImplemented", f"{what} is not emulated in the sandbox", 501)


def present(members: Result) -> Result:
    """The members that have a value; AWS leaves out the others."""
    return {name: value for name, value in members.items() if value is not None}
