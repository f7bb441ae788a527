"""Expected states of levers in the state file and its reserve: the ExpectedLeverStates port."""

from __future__ import annotations

from collections.abc import Mapping

from controller.adapters.sqlite.expected_rows import EXPECTED, key_of
from controller.adapters.sqlite.reserve import Reserve
from controller.adapters.sqlite.state_file import StateFile
from controller.model.levers import LeverState, Position


class SqliteExpectations(StateFile):
    """Implements the ExpectedLeverStates port."""

    _reserve: Reserve | None = None

    async def expect(self, settings: Mapping[Position, tuple[LeverState, ...]]) -> None:
        """Replace the expected states of these positions; see the port."""
        await self.execute(self._open_reserve.expect, dict(settings))
        for position in settings:
            self.unreadable.forget(EXPECTED, key_of(position))

    async def expected(self) -> Mapping[Position, tuple[LeverState, ...]]:
        """The expected states of all positions."""
        return self.noting(await self.execute(self._open_reserve.expected))

    def open(self) -> None:
        """See StateFile; the reserve is opened with the file."""
        super().open()
        self._reserve = Reserve(self.path)
        self._reserve.open()

    def release(self) -> None:
        """See StateFile."""
        if self._reserve is not None:
            self._reserve.close()
        super().release()

    @property
    def _open_reserve(self) -> Reserve:
        assert self._reserve is not None, "the store is used outside its `async with`"
        return self._reserve
