"""Name servers in memory."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle

from tests.fakes.trouble import Trouble


class FakeNameServers:
    """Fulfils NameServers. Answers of one name and subnet come round-robin.

    Can be told:
    - `answer(name, subnet, addresses…)`: one answer each; without any the name has no address;
    - `lead(name, addresses…)`: what a name outside the zones resolves to;
    - `trouble.unavailable`: questions raise ProviderUnavailableError.
    It notes calls: `asked` (zone id, name, subnet).
    """

    def __init__(self) -> None:
        self._answers: dict[tuple[str, str], cycle[frozenset[str]]] = {}
        self._names: dict[str, frozenset[str]] = {}
        self.trouble = Trouble()
        self.asked: list[tuple[str, str, str]] = []

    def answer(self, name: str, subnet: str, addresses: Sequence[str]) -> None:
        answers = [frozenset({address}) for address in addresses] or [frozenset[str]()]
        self._answers[name, subnet] = cycle(answers)

    def lead(self, name: str, *addresses: str) -> None:
        self._names[name] = frozenset(addresses)

    async def ask(self, hosted_zone_id: str, name: str, subnet: str) -> frozenset[str]:
        self.asked.append((hosted_zone_id, name, subnet))
        self.trouble.question()
        answers = self._answers.get((name, subnet))
        return next(answers) if answers else frozenset()

    async def resolve(self, name: str) -> frozenset[str]:
        self.trouble.question()
        return self._names.get(name, frozenset())
