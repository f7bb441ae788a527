"""What is stored of a decision: all of it, without what not every user may see."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given

from controller.model.configuration import Settings
from controller.model.decoding import UnreadableError
from controller.planning.account.evidence import (
    Evidence,
    EvidenceText,
    RecordedEvidence,
    encode_evidence,
    export_evidence,
    import_evidence,
    kept_settings,
    read_snapshot,
)
from controller.planning.decision import decide
from controller.settings import load
from tests.planning.test_properties import players
from tests.storyboards.player import StoryboardPlayer

CONFIG = Path(__file__).parents[3] / "config"
SECRET = "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"


def evidence(*lines: str) -> Evidence:
    """A decision on the storyboards' player."""
    player = StoryboardPlayer()
    for line in ("pool world us-east-1 eu-west-1", "decide", *lines):
        player.play(line)
    snapshot = player.snapshot()
    return Evidence(snapshot, decide(snapshot))


@given(players())
def test_a_snapshot_is_read_as_it_was_written(player: StoryboardPlayer) -> None:
    """Every member, with every number, also after decisions have filled its memory."""
    player.play("decide")
    snapshot = player.snapshot()
    text = encode_evidence(Evidence(snapshot, decide(snapshot)))
    back = read_snapshot(text)

    assert back == replace(snapshot, settings=kept_settings(snapshot.settings))
    assert encode_evidence(Evidence(back, decide(back))) == text


@pytest.mark.parametrize("name", ["example.yaml", "sandbox.yaml"])
def test_shipped_settings_are_read_as_they_were_written(name: str, tmp_path: Path) -> None:
    """But for what is not kept."""
    found = kept_settings(load(CONFIG / name))
    assert Settings.model_validate_json(found.model_dump_json()) == found


def test_nothing_that_helps_to_get_in_is_kept() -> None:
    """Not who may call the API by which token, nor where probes' secrets are found."""
    data = evidence().snapshot.settings.model_dump(mode="json")
    web = data["services"]["shop"]["regions"]["eu-west-1"]["endpoints"]["web"]
    web["headers"] = {"Authorization": "env:SHOP_PROBE_SECRET"}
    web["ca_file"] = "/etc/gtc/private-ca.pem"
    data["state_path"] = "/var/lib/gtc/state.sqlite"
    data["state"] = {"max_records_mb": 4711}
    data["api"]["tokens"] = [{"name": "ann", "role": "admin", "sha256": SECRET}]
    told = evidence()
    telling = replace(
        told,
        snapshot=replace(told.snapshot, settings=Settings.model_validate_json(json.dumps(data))),
    )
    text = json.dumps(export_evidence(RecordedEvidence(7, "1.0", encode_evidence(telling))))

    assert all(word in json.dumps(data) for word in ("SHOP_PROBE", "private-ca", SECRET, "ann"))
    for word in (
        "4711",
        "SHOP_PROBE",
        "private-ca",
        SECRET,
        '"ann"',
        "/var/lib/gtc",
        'tokens": [{',
    ):
        assert word not in text


def test_what_is_not_kept_of_settings_decides_nothing() -> None:
    """The decision is the same without it."""
    told = evidence("see eu-west-1=D")
    bare = replace(told.snapshot, settings=kept_settings(told.snapshot.settings))
    assert decide(bare) == told.decision


def test_an_exported_file_is_imported_as_it_was() -> None:
    """Text for text, through a file that people may keep for years."""
    exhibit = RecordedEvidence(12, "0.1.0", encode_evidence(evidence("see eu-west-1=D")))
    assert import_evidence(json.dumps(export_evidence(exhibit), ensure_ascii=False)) == exhibit


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is no JSON: Expecting value"),
        ("[]", "the file is no exported snapshot: its format is not gtc-snapshot/2"),
        ('{"format": "gtc-snapshot/3"}', "its format is not gtc-snapshot/2"),
        ('{"format": "gtc-snapshot/1"}', "the file's decision_id is missing or no int"),
        ('{"format": "gtc-snapshot/1", "decision_id": 1}', "version is missing or no str"),
        (
            '{"format": "gtc-snapshot/1", "decision_id": 1, "version": ""}',
            "the file's settings is missing or no object",
        ),
    ],
)
def test_another_file_is_refused_with_what_is_wrong(text: str, message: str) -> None:
    """Nothing of it is taken for a snapshot."""
    with pytest.raises(UnreadableError) as caught:
        import_evidence(text)
    assert message in str(caught.value)


def test_settings_of_another_version_are_named() -> None:
    """They are strict: a key that this version does not know ends the reading."""
    text = encode_evidence(evidence())
    other = text.settings.replace('"schema_version":2', '"schema_version":2,"colour":"red"')
    with pytest.raises(UnreadableError, match=r"settings\.colour: Extra inputs"):
        read_snapshot(EvidenceText(other, text.snapshot, text.decision))


def test_a_damaged_snapshot_is_named() -> None:
    """By the member that cannot be read."""
    text = encode_evidence(evidence())
    for snapshot, message in (
        ("{", "the snapshot is no JSON"),
        ("[]", "the snapshot is no object"),
        ("{}", "snapshot has no now"),
    ):
        with pytest.raises(UnreadableError, match=message):
            read_snapshot(EvidenceText(text.settings, snapshot, text.decision))
