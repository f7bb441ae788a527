"""The faults in force: begun by name, ended by time, by count, or by hand.

What a fault does to calls is fault_layer.py's; here are beginnings and ends, and what hangs on no
call: the closed listener of an AWS that is gone, and other people's hands.
"""

import asyncio
import re
from collections.abc import Callable
from itertools import count

from controller.sandbox.emulator.faults.kinds import KINDS, FaultSpec, spec_from, to_json
from controller.sandbox.emulator.http.gateway import Call
from controller.sandbox.emulator.http.listener import HttpListener
from controller.sandbox.emulator.manual_edits import ManualEdits, Taken
from controller.sandbox.errors import SandboxError

_LOOK_EVERY_S = 0.1
_INSIST_EVERY_S = 1.0


class Fault:
    """One fault in force."""

    def __init__(self, number: int, spec: FaultSpec, now: float) -> None:
        self.id = number
        self.spec = spec
        self.struck = 0
        """How many calls it has struck."""
        self.taken: Taken = ()
        """Records to be put back at its end."""
        self.ends_at = None if spec.for_s is None else now + spec.for_s
        self.acted_at = now

    def strike(self) -> None:
        """Count one call that it strikes."""
        self.struck += 1

    def is_over(self, now: float) -> bool:
        """Whether its time or its calls are used up."""
        spent = self.spec.times is not None and self.struck >= self.spec.times
        return spent or (self.ends_at is not None and now >= self.ends_at)

    def matches(self, call: Call) -> bool:
        """Whether it is meant for this call."""
        spec = self.spec
        return (
            spec.service in (None, call.service)
            and _fits(spec.region, call.region)
            and _fits(spec.operation, call.operation)
        )

    def to_json(self, now: float) -> dict[str, object]:
        """As the control API shows it."""
        left = None if self.ends_at is None else round(max(0.0, self.ends_at - now), 1)
        return {"id": self.id, "struck": self.struck, "left_s": left, **to_json(self.spec)}


class Faults:
    """All faults in force, oldest first. `run` ends them in time."""

    def __init__(
        self, hands: ManualEdits, listener: HttpListener, clock: Callable[[], float]
    ) -> None:
        """`listener` is where AWS answers; `clock` gives seconds."""
        self._hands = hands
        self._listener = listener
        self._clock = clock
        self._faults: list[Fault] = []
        self._numbers = count(1)
        self.is_gone = False
        """Whether AWS refuses connections now."""
        self._settling = asyncio.Lock()

    async def add(self, name: str, **parameters: object) -> Fault:
        """Begin a fault; SandboxError for what does not exist or makes no sense."""
        fault = Fault(next(self._numbers), spec_from({"name": name, **parameters}), self._clock())
        self._begin(fault)
        if name != "hand-edit":  # done is done
            self._faults.append(fault)
        await self._settle()
        return fault

    async def clear(self, name: str | None = None) -> None:
        """End the faults of that name, or all; SandboxError for a name that does not exist."""
        if name is not None and name not in KINDS:
            raise SandboxError(f"no fault is called {name!r}", tuple(KINDS))
        for fault in [f for f in self._faults if name in (None, f.spec.name)]:
            self._end(fault)
        await self._settle()

    def active(self) -> tuple[Fault, ...]:
        """Those that are not over."""
        now = self._clock()
        return tuple(fault for fault in self._faults if not fault.is_over(now))

    def meant_for(self, call: Call) -> tuple[Fault, ...]:
        """Those in force that are meant for this call."""
        return tuple(fault for fault in self.active() if fault.matches(call))

    def to_json(self) -> list[dict[str, object]]:
        """As the control API shows them."""
        now = self._clock()
        return [fault.to_json(now) for fault in self.active()]

    async def run(self) -> None:
        """End what is over, and act where no call is needed, until cancelled."""
        while True:
            now = self._clock()
            for fault in tuple(self._faults):
                if fault.is_over(now):
                    self._end(fault)
                elif fault.spec.name == "other-controller":
                    self._insist(fault, now)
            await self._settle()
            await asyncio.sleep(_LOOK_EVERY_S)

    def _begin(self, fault: Fault) -> None:
        match fault.spec.name:
            case "hand-edit" | "other-controller":
                self._hands.edit(fault.spec)
            case "delete-record":
                fault.taken = self._hands.delete(fault.spec)
            case "empty-zone":
                fault.taken = self._hands.empty()

    def _insist(self, fault: Fault, now: float) -> None:
        if now - fault.acted_at >= _INSIST_EVERY_S:
            fault.acted_at = now
            self._hands.edit(fault.spec)

    def _end(self, fault: Fault) -> None:
        self._faults.remove(fault)
        self._hands.put_back(fault.taken)

    async def _settle(self) -> None:
        """Close the listener when all of AWS goes, open it when it comes back."""
        async with self._settling:
            specs = [fault.spec for fault in self.active() if fault.spec.name == "gone"]
            gone = any(spec.service is None and spec.region is None for spec in specs)
            if gone and not self.is_gone:
                await self._listener.close()
            elif self.is_gone and not gone:
                await self._listener.open()
            self.is_gone = gone


def _fits(pattern: str | None, text: str) -> bool:
    return pattern is None or re.fullmatch(pattern, text) is not None
