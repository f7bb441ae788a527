"""The evidence of a decision as text, stored with its record and exported for a replay.

Settings are stored once for many records, because they change rarely. Only what a decision may
read is stored of them: not who may call the API, nor where secrets, authorities and state are.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields

from pydantic import ValidationError

from controller.model.configuration import ApiSettings, Service, Settings, StateSettings
from controller.model.decision import Decision, Snapshot
from controller.model.decoding import UnreadableError, decoded, in_present_form
from controller.model.encoding import EXACT, as_text
from controller.planning.account.earlier_forms import (
    is_of_one_memory,
    settings_in_present_form,
    snapshot_in_present_form,
)

FORMAT = "gtc-snapshot/2"
"""The value of `format` in an exported file."""
_READ = ("gtc-snapshot/1", FORMAT)
"""Formats that can be read. The first has lists of pairs for mappings with tuple keys."""
_NOT_KEPT = "(not kept)"


@dataclass(frozen=True, slots=True)
class Evidence:
    """A decision and the snapshot that it was made from."""

    snapshot: Snapshot
    decision: Decision


@dataclass(frozen=True, slots=True)
class EvidenceText:
    """The same as JSON texts, in the form of the version that wrote them."""

    settings: str
    snapshot: str
    """Without its settings."""
    decision: str


@dataclass(frozen=True, slots=True)
class RecordedEvidence:
    """The evidence of one recorded decision."""

    decision_id: int
    version: str
    """Version of the program that decided."""
    evidence: EvidenceText


def as_evidence_text(evidence: Evidence | EvidenceText | None) -> EvidenceText | None:
    """The same as JSON texts; None stays None."""
    return encode_evidence(evidence) if isinstance(evidence, Evidence) else evidence


def encode_evidence(evidence: Evidence) -> EvidenceText:
    """The evidence as JSON texts."""
    snapshot = evidence.snapshot
    parts = {
        field.name: EXACT(getattr(snapshot, field.name))
        for field in fields(snapshot)
        if field.name != "settings"
    }
    return EvidenceText(
        settings_text(snapshot.settings),
        as_text(parts),
        canonical_text(evidence.decision),
    )


def read_snapshot(text: EvidenceText) -> Snapshot:
    """The snapshot, with the members that this version knows. Raises UnreadableError."""
    return _snapshot(_settings(text.settings), _parsed(text.snapshot, "the snapshot"))


def canonical_text(decision: Decision) -> str:
    """The canonical JSON of a decision: equal texts are equal decisions."""
    return as_text(EXACT(decision))


def settings_text(settings: Settings) -> str:
    """The kept settings as JSON."""
    return kept_settings(settings).model_dump_json(exclude={"state"})


def kept_settings(settings: Settings) -> Settings:
    """The settings without what no decision reads and not every user may see."""
    services = {name: _without_references(service) for name, service in settings.services.items()}
    replaced = {
        "api": ApiSettings(),
        "state": StateSettings(),
        "state_path": _NOT_KEPT,
        "services": services,
    }
    return settings.model_copy(update=replaced)


def export_evidence(recorded: RecordedEvidence) -> dict[str, object]:
    """The content of a file with everything that a replay needs; `import_evidence` reads it."""
    text = recorded.evidence
    return {
        "format": FORMAT,
        "decision_id": recorded.decision_id,
        "version": recorded.version,
        "settings": json.loads(text.settings),
        "snapshot": json.loads(text.snapshot),
        "decision": json.loads(text.decision),
    }


def import_evidence(text: str) -> RecordedEvidence:
    """The evidence in an exported file. Raises UnreadableError for any other text."""
    data = _parsed(text, "the file")
    if not isinstance(data, dict) or data.get("format") not in _READ:
        raise UnreadableError(f"the file is no exported snapshot: its format is not {FORMAT}")
    for name, kind in (("decision_id", int), ("version", str)):
        if not isinstance(data.get(name), kind):
            raise UnreadableError(f"the file's {name} is missing or no {kind.__name__}")
    for name in ("settings", "snapshot", "decision"):
        if not isinstance(data.get(name), dict):
            raise UnreadableError(f"the file's {name} is missing or no object")
    parts = (as_text(data[name]) for name in ("settings", "snapshot", "decision"))
    return RecordedEvidence(data["decision_id"], data["version"], EvidenceText(*parts))


def _snapshot(settings: Settings, data: object) -> Snapshot:
    if not isinstance(data, dict):
        raise UnreadableError("the snapshot is no object")
    earlier = in_present_form(data) if is_of_one_memory(data) else data
    parts: dict[str, object] = snapshot_in_present_form(earlier, settings)
    return decoded(Snapshot, {**parts, "settings": settings}, "snapshot")


def _settings(text: str) -> Settings:
    data = settings_in_present_form(_parsed(text, "the settings"))
    try:
        return Settings.model_validate_json(as_text(data))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise UnreadableError(f"settings.{place}: {first['msg']}") from error


def _parsed(text: str, what: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UnreadableError(f"{what} is no JSON: {error}") from error


def _without_references(service: Service) -> Service:
    """The service without its probes' headers and certificate authorities."""
    regions = {
        name: region.model_copy(
            update={
                "endpoints": {
                    key: endpoint.model_copy(update={"headers": {}, "ca_file": None})
                    for key, endpoint in region.endpoints.items()
                }
            }
        )
        for name, region in service.regions.items()
    }
    return service.model_copy(update={"regions": regions})
