"""The active faults: begun by name; ended by time, by count, or by a user.

layer.py applies faults to calls. This module begins and ends them, and does what concerns no call:
it closes the listener while AWS is gone, and makes manual edits.
"""

import asyncio
import re
from collections.abc import Callable
from itertools import count

from controller.sandbox.emulator.faults.kinds import KINDS, FaultSpec, spec_from, to_json
from controller.sandbox.emulator.http.gateway import Call
from controller.sandbox.emulator.http.listener import HttpListener
from controller.sandbox.emulator.manual_edits import DeletedRecords, ManualEdits
from controller.sandbox.errors import SandboxError

_CHECK_EVERY_S = 0.1
_EDIT_EVERY_S = 1.0


class Fault:
    """One active fault."""

    def __init__(self, number: int, spec: FaultSpec, now: float) -> None:
        self.id = number
        self.spec = spec
        self.struck = 0
        """Number of calls that it has affected."""
        self.deleted: DeletedRecords = ()
        """Records to restore at its end."""
        self.ends_at = None if spec.for_s is None else now + spec.for_s
        self.last_edit_at = now

    def strike(self) -> None:
        """Count one call that it affects."""
        self.struck += 1

    def is_over(self, now: float) -> bool:
        """Whether its time or its number of calls is used up."""
        spent = self.spec.times is not None and self.struck >= self.spec.times
        return spent or (self.ends_at is not None and now >= self.ends_at)

    def matches(self, call: Call) -> bool:
        """Whether it applies to this call."""
        spec = self.spec
        return (
            spec.service in (None, call.service)
            and _fits(spec.region, call.region)
            and _fits(spec.operation, call.operation)
        )

    def to_json(self, now: float) -> dict[str, object]:
        """The fault as JSON of the control API."""
        left = None if self.ends_at is None else round(max(0.0, self.ends_at - now), 1)
        return {"id": self.id, "struck": self.struck, "left_s": left, **to_json(self.spec)}


class Faults:
    """All active faults, oldest first. `run` ends them in time."""

    def __init__(
        self, manual_edits: ManualEdits, listener: HttpListener, clock: Callable[[], float]
    ) -> None:
        """`listener` is the socket of AWS's APIs; `clock` gives seconds."""
        self._manual_edits = manual_edits
        self._listener = listener
        self._clock = clock
        self._faults: list[Fault] = []
        self._numbers = count(1)
        self.is_gone = False
        """Whether AWS refuses connections now."""
        self._listener_lock = asyncio.Lock()

    async def add(self, name: str, **parameters: object) -> Fault:
        """Begin a fault. Raises SandboxError for an unknown name or wrong parameters."""
        fault = Fault(next(self._numbers), spec_from({"name": name, **parameters}), self._clock())
        self._begin(fault)
        if name != "hand-edit":  # it has no duration
            self._faults.append(fault)
        await self._update_listener()
        return fault

    async def clear(self, name: str | None = None) -> None:
        """End the faults of this name, or all. Raises SandboxError for an unknown name."""
        if name is not None and name not in KINDS:
            raise SandboxError(f"no fault is called {name!r}", tuple(KINDS))
        for fault in [f for f in self._faults if name in (None, f.spec.name)]:
            self._end(fault)
        await self._update_listener()

    def active(self) -> tuple[Fault, ...]:
        """The faults that are not over."""
        now = self._clock()
        return tuple(fault for fault in self._faults if not fault.is_over(now))

    def meant_for(self, call: Call) -> tuple[Fault, ...]:
        """The active faults that apply to this call."""
        return tuple(fault for fault in self.active() if fault.matches(call))

    def to_json(self) -> list[dict[str, object]]:
        """The active faults as JSON of the control API."""
        now = self._clock()
        return [fault.to_json(now) for fault in self.active()]

    async def run(self) -> None:
        """End faults that are over and repeat manual edits, until cancelled."""
        while True:
            now = self._clock()
            for fault in tuple(self._faults):
                if fault.is_over(now):
                    self._end(fault)
                elif fault.spec.name == "other-controller":
                    self._edit_again(fault, now)
            await self._update_listener()
            await asyncio.sleep(_CHECK_EVERY_S)

    def _begin(self, fault: Fault) -> None:
        match fault.spec.name:
            case "hand-edit" | "other-controller":
                self._manual_edits.edit(fault.spec)
            case "delete-record":
                fault.deleted = self._manual_edits.delete(fault.spec)
            case "empty-zone":
                fault.deleted = self._manual_edits.empty()

    def _edit_again(self, fault: Fault, now: float) -> None:
        if now - fault.last_edit_at >= _EDIT_EVERY_S:
            fault.last_edit_at = now
            self._manual_edits.edit(fault.spec)

    def _end(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._manual_edits.restore(fault.deleted)

    async def _update_listener(self) -> None:
        """Close the listener while all of AWS is gone, otherwise open it."""
        async with self._listener_lock:
            specs = [fault.spec for fault in self.active() if fault.spec.name == "gone"]
            gone = any(spec.service is None and spec.region is None for spec in specs)
            if gone and not self.is_gone:
                await self._listener.close()
            elif self.is_gone and not gone:
                await self._listener.open()
            self.is_gone = gone


def _fits(pattern: str | None, text: str) -> bool:
    return pattern is None or re.fullmatch(pattern, text) is not None
