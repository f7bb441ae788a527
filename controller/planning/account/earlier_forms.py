"""Evidence of earlier versions, converted into the present form to be read and compared.

Settings of version 1 had jurisdiction and price of a region in each service.

Until version 0.1.0 of November 2026 all services shared one memory. Now each service has its own,
and each gets a copy of what was shared (the beginning, batches, drains). Until then, too, reference
targets were called canaries, and positions that warm up cold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from controller.model.configuration import Settings
from controller.model.configuration.earlier_settings import is_earlier, migrated
from controller.model.decoding import UnreadableError, in_present_form
from controller.model.encoding import EXACT
from controller.planning.memory import learned_under

_SNAPSHOT_NAMES = {"canaries": "known_good", "bad_canaries": "known_bad"}
_PHRASES = (
    (" canaries fail too:", " known-good reference targets fail too:"),
    ("the known-bad canary ", "the known-bad reference target "),
    ("the known-bad canaries ", "the known-bad reference targets "),
    ("waiting for the canaries and", "waiting for the known-good reference targets and"),
    ("its leaf or endpoint group is missing", "its weighted record or endpoint group is missing"),
    ("its own leaf leads to ", "its own weighted record leads to "),
    ("waiting for the other targets", "waiting for the other endpoints"),
)
"""Earlier words of recorded reasons to the present ones. Both of two compared decisions are
converted, so that texts of callers stay equal to themselves."""
_WORDS = {"structure": "misconfigured"}
"""Earlier names of holds, which are whole texts, to the present ones."""
_MEMORY_NAMES = {"cold": "warming_up", "closed_is_cold": "closed_is_warming_up"}
_BY_PLACE = ("drift_since", "last_rise", "aborted")
_BY_POOL_OR_REGION = ("reasserted", "reverted", "adopted", "degraded", "flaps")


def settings_in_present_form(data: Any) -> Any:
    """Encoded settings in the present version's form. Raises UnreadableError if it has none."""
    if not is_earlier(data):
        return data
    migration = migrated(data)
    if migration.contradictions:
        raise UnreadableError(
            f"settings of version 1: {migration.contradictions[0]}; the catalogue of regions has "
            "one value for all services, so this cannot be decided again"
        )
    return migration.data


def is_of_one_memory(data: Any) -> bool:
    """Whether an encoded snapshot or decision has one memory for all services."""
    memory = data.get("memory") if isinstance(data, dict) else None
    return isinstance(memory, dict) and "batches" in memory


def snapshot_in_present_form(data: Any, settings: Settings) -> Any:
    """An encoded snapshot (`decoding.in_present_form` applied) in the present names and memory."""
    if not isinstance(data, dict):
        return data
    data = _with_observed_reduced(_renamed(data, _SNAPSHOT_NAMES))
    if not is_of_one_memory(data):
        return _with_memory_renamed(data)
    return {**data, "memory": _by_service(data["memory"], settings, data.get("started_at", 0.0))}


def _with_observed_reduced(data: dict[str, Any]) -> dict[str, Any]:
    """The same without `outdated: false`: today what was written is observed at once."""
    observed = data.get("observed")
    if not isinstance(observed, dict):
        return data
    found = {
        name: {key: value for key, value in one.items() if (key, value) != ("outdated", False)}
        if isinstance(one, dict)
        else one
        for name, one in observed.items()
    }
    return {**data, "observed": found}


def decision_in_present_form(data: Any, settings: Settings, started_at: float) -> Any:
    """The same of an encoded decision, in the present words; `started_at` is its snapshot's."""
    data = _in_present_words(data)
    if not is_of_one_memory(data):
        return _with_memory_renamed(data)
    return {**data, "memory": _by_service(data["memory"], settings, started_at)}


def _with_memory_renamed(data: Any) -> Any:
    """The same with the present names in the memories of services."""
    memory = data.get("memory") if isinstance(data, dict) else None
    if not (isinstance(memory, dict) and isinstance(memory.get("services"), dict)):
        return data
    services = memory["services"]
    found = {name: _renamed(one, _MEMORY_NAMES) for name, one in services.items()}
    return {**data, "memory": {**memory, "services": found}}


def _renamed(data: Any, names: Mapping[str, str]) -> Any:
    """An object with members renamed, in the same order."""
    if not isinstance(data, dict):
        return data
    return {names.get(name, name): one for name, one in data.items()}


def _in_present_words(data: Any) -> Any:
    if isinstance(data, dict):
        return {name: _in_present_words(one) for name, one in data.items()}
    if isinstance(data, list):
        return [_in_present_words(one) for one in data]
    if isinstance(data, str):
        data = _WORDS.get(data, data)
        for earlier, present in _PHRASES:
            data = data.replace(earlier, present)
    return data


def _by_service(memory: Mapping[str, Any], settings: Settings, started_at: float) -> Any:
    services = {name: _of(memory, name, settings, started_at) for name in settings.services}
    return {"isolated_since": memory.get("isolated_since"), "services": services}


def _of(memory: Mapping[str, Any], name: str, settings: Settings, started_at: float) -> Any:
    service = settings.services[name]
    lever, cold = service.levers.accelerator, memory.get("cold")
    drains = {region: at for at, region in memory.get("drains", [])}
    by_place = {field: _places(memory.get(field, {}), name) for field in _BY_PLACE}
    by_pool = {field: _members(memory.get(field, {}), name) for field in _BY_POOL_OR_REGION}
    nearest = _members(memory.get("nearest", {}), name)
    return {
        "learned_under": EXACT(learned_under(service)),
        "since": started_at,
        "begun": memory.get("begun", False),
        "panic": memory.get("panic", {}).get(name),
        "drift_since": by_place["drift_since"],
        "reasserted": by_pool["reasserted"],
        "reverted": by_pool["reverted"],
        "adopted": by_pool["adopted"],
        "last_rise": by_place["last_rise"],
        "warming_up": [position for position in cold or [] if position["service"] == name],
        "closed_is_warming_up": cold is None,
        "aborted": by_place["aborted"],
        "batches": memory.get("batches", []),
        "emergencies": memory.get("emergencies", []),
        "drains": {region: at for region, at in drains.items() if region in service.regions},
        "degraded": by_pool["degraded"],
        "nearest": nearest.get(lever.pool, {}) if lever else {},
        "learned_at": memory.get("learned_at") if lever else None,
        "flaps": by_pool["flaps"],
        "doubtful": [
            change for change in memory.get("doubtful", []) if change["position"]["service"] == name
        ],
    }


def _places(data: Any, service: str) -> Any:
    """The part of a mapping by position that concerns one service."""
    own = [[list(key), value] for key, value in _pairs(data, 3) if key[0] == service]
    return in_present_form(own) if own else {}


def _members(data: Any, service: str) -> dict[str, Any]:
    """The part of a mapping by service and pool or region that concerns one, by pool or region."""
    return {key[1]: one for key, one in _pairs(data, 2) if key[0] == service}


def _pairs(data: Any, depth: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Pairs of key and value with keys of `depth` texts, from nested objects or a list of pairs."""
    if isinstance(data, list):
        yield from ((tuple(key), one) for key, one in data)
    elif depth == 1:
        yield from (((key,), one) for key, one in data.items())
    else:
        for first, inner in data.items():
            yield from (((first, *rest), one) for rest, one in _pairs(inner, depth - 1))
