"""A decision made again on its stored snapshot is the same, and what differs is shown."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given

from controller.model.decoding import UnreadableError
from controller.planning.account.evidence import (
    Evidence,
    RecordedEvidence,
    encode_evidence,
    export_evidence,
)
from controller.planning.account.explanation import explain_plan
from controller.planning.account.replay import Mismatch, replay
from controller.planning.account.replay_text import explain_replay
from controller.planning.decision import decide
from tests.planning.account.test_evidence import evidence
from tests.planning.test_properties import players
from tests.settings.version_1 import as_version_1
from tests.storyboards.player import StoryboardPlayer

FAILED = ("see eu-west-1=D",)
ELSEWHERE = """
import sys
from controller.planning.account.evidence import import_evidence
from controller.planning.account.replay import replay
found = replay(import_evidence(sys.stdin.read()), "1")
print(found.differences, found.unread)
"""


def exhibit(*lines: str, version: str = "1") -> RecordedEvidence:
    return RecordedEvidence(12, version, encode_evidence(evidence(*lines)))


@given(players())
def test_the_same_snapshot_gives_the_same_decision_byte_for_byte(player: StoryboardPlayer) -> None:
    """Whatever was known, ordered or remembered."""
    player.play("decide")
    snapshot = player.snapshot()
    found = replay(
        RecordedEvidence(1, "1", encode_evidence(Evidence(snapshot, decide(snapshot)))), "1"
    )

    assert (found.differences, found.unread) == ((), ())
    assert found.faithful


@given(players())
def test_settings_of_version_1_decide_the_same_byte_for_byte(player: StoryboardPlayer) -> None:
    """Nothing differs but the members that version 1 did not have."""
    player.play("decide")
    snapshot = player.snapshot()
    text = encode_evidence(Evidence(snapshot, decide(snapshot)))
    old = replace(text, settings=json.dumps(as_version_1(json.loads(text.settings))))
    found = replay(RecordedEvidence(1, "1", old), "1")

    assert found.differences == ()
    assert set(found.unread) == {
        Mismatch(f"settings.regions.{name}.place", "nothing", "null")
        for name in snapshot.settings.regions
    }
    assert found.faithful


@pytest.mark.parametrize(
    ("key", "values"), [("jurisdiction", ("any", "EU")), ("egress_usd_per_gb", (0.09, 0.2))]
)
def test_settings_of_version_1_that_contradict_each_other_are_not_decided_again(
    key: str, values: tuple[object, object]
) -> None:
    """Two services had two values for what the catalogue has one value for; both are named."""
    told = exhibit("service api", *FAILED)
    old = as_version_1(json.loads(told.evidence.settings))
    old["services"]["api"]["regions"]["eu-west-1"][key] = values[1]
    with pytest.raises(UnreadableError) as caught:
        replay(replace(told, evidence=replace(told.evidence, settings=json.dumps(old))), "1")

    assert str(caught.value) == (
        f"settings of version 1: services shop and api give eu-west-1 two values of {key}, "
        f"{values[0]} and {values[1]}; the catalogue of regions has one value for all services, "
        "so this cannot be decided again"
    )


def test_another_process_decides_the_same() -> None:
    """Text hashes differently there, so sets have another order."""
    story = ("pool europe eu-west-1 eu-central-1", "edit world eu-west-1 7", *FAILED, "decide")
    text = json.dumps(export_evidence(exhibit(*story)))
    for seed in ("1", "2", "3"):
        ended = subprocess.run(
            [sys.executable, "-c", ELSEWHERE],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        )
        assert ended.stdout == "() ()\n"


def test_another_decision_of_the_same_version_is_a_fault_shown_field_by_field() -> None:
    """With the place, what was recorded and what is decided now."""
    told = exhibit(*FAILED)
    other = told.evidence.decision.replace('"desired":{"us-east-1":1.0', '"desired":{"us-east-1":0')
    found = replay(replace(told, evidence=replace(told.evidence, decision=other)), "1")

    assert found.differences == (Mismatch("plans[shop/world].desired.us-east-1", "0", "1.0"),)
    assert not found.faithful
    assert explain_replay(found).splitlines()[:3] == [
        "Decision 12, made by version 1, is another when the same version decides again: "
        "1 difference.",
        "The decision differs:",
        "  plans[shop/world].desired.us-east-1  0 → 1.0",
    ]


def test_another_decision_of_another_version_is_information() -> None:
    """That is what versions are for."""
    told = exhibit(*FAILED, version="0.9")
    other = told.evidence.decision.replace('"emergency":true', '"urgent":true')
    found = replay(replace(told, evidence=replace(told.evidence, decision=other)), "1")

    assert found.differences == (
        Mismatch("plans[shop/world].urgent", "true", "nothing"),
        Mismatch("plans[shop/world].emergency", "nothing", "true"),
    )
    assert found.faithful
    assert "made by version 0.9, is another when version 1 decides again" in explain_replay(found)


def test_what_this_version_does_not_know_of_the_snapshot_is_shown() -> None:
    """The comparison would be worth little without it."""
    told = exhibit(*FAILED, version="2")
    more = told.evidence.snapshot.replace('{"now"', '{"weather":"rain","now"')
    found = replay(replace(told, evidence=replace(told.evidence, snapshot=more)), "1")

    assert found.unread == (Mismatch("snapshot.weather", '"rain"', "nothing"),)
    text = explain_replay(found)
    assert text.startswith("Decision 12, made by version 2, is the same byte for byte")
    assert 'snapshot.weather  "rain" → nothing' in text


def test_a_snapshot_from_before_known_bad_targets_is_replayed() -> None:
    """Byte for byte; that this version knows of more is shown."""
    told = exhibit(*FAILED, version="0.9")
    snapshot, settings = told.evidence.snapshot, told.evidence.settings
    none, empty = ',"known_bad":{}', ',"known_bad":[]'
    assert (snapshot.count(none), settings.count(empty)) == (1, 1)
    old = replace(
        told.evidence, snapshot=snapshot.replace(none, ""), settings=settings.replace(empty, "")
    )
    found = replay(replace(told, evidence=old), "1")

    assert found.differences == ()
    assert found.unread == (
        Mismatch("settings.reference_targets.known_bad", "nothing", "[]"),
        Mismatch("snapshot.known_bad", "nothing", "{}"),
    )


def test_a_decision_with_the_earlier_names_of_a_service_s_memory_is_replayed() -> None:
    """What is warming up was called cold."""
    story = ("ramp step_points=20 step_gap_s=60", "drain eu-west-1", "decide", "end eu-west-1")
    told = exhibit(*story, "decide", "wait 61", version="0.9")
    text = told.evidence

    def earlier(name: str) -> str:
        found: str = getattr(text, name)
        assert '"warming_up":[{' in found
        return found.replace("warming_up", "cold")

    old = replace(text, snapshot=earlier("snapshot"), decision=earlier("decision"))
    found = replay(replace(told, evidence=old), "1")

    assert (found.differences, found.unread) == ((), ())


def test_a_decision_recorded_when_reference_targets_were_canaries_is_replayed() -> None:
    """The same byte for byte, names and words put as today."""
    told = exhibit("known-good DDU", "known-bad U", *FAILED, version="0.9")
    text = told.evidence
    settings, snapshot = as_version_1(json.loads(text.settings)), json.loads(text.snapshot)
    snapshot["canaries"] = snapshot.pop("known_good")
    snapshot["bad_canaries"] = snapshot.pop("known_bad")
    words = text.decision.replace("known-bad reference target ", "known-bad canary ")
    assert words != text.decision
    old = replace(
        text, settings=json.dumps(settings), snapshot=json.dumps(snapshot), decision=words
    )
    found = replay(replace(told, evidence=old), "1")

    assert found.differences == ()
    added = {f"settings.regions.{name}.place" for name in settings["services"]["shop"]["regions"]}
    assert {one.place for one in found.unread} == {"order in snapshot", *added}


def test_a_decision_under_a_known_bad_target_that_answers_is_replayed() -> None:
    """It is part of what was known."""
    found = replay(exhibit("known-bad U", *FAILED), "1")

    assert found.faithful
    assert "the known-bad reference target tcp://bad0.test:9 answers" in explain_replay(found)


def test_the_plan_of_the_replayed_decision_is_shown_as_any_plan() -> None:
    """By the one renderer."""
    found = replay(exhibit(*FAILED), "1")
    assert explain_replay(found) == (
        "Decision 12, made by version 1, is the same byte for byte when the same version decides "
        f"again.\n\n{explain_plan(found.plans)}"
    )
    assert "~ shop/world" in explain_replay(found)


def test_many_differences_are_cut_short() -> None:
    """The first ones suffice to see what is wrong."""
    told = exhibit(*FAILED)
    found = replay(replace(told, evidence=replace(told.evidence, decision="{}")), "1")
    many = replace(found, differences=found.differences * 60)

    assert f"and {len(many.differences) - 50} more" in explain_replay(many)
    assert max(map(len, explain_replay(found).splitlines())) < 300


def test_a_snapshot_that_contradicts_its_settings_is_unreadable() -> None:
    """An edited file gives an error instead of a traceback."""
    told = exhibit(*FAILED)
    settings = json.loads(told.evidence.settings)
    del settings["services"]["shop"]["regions"]["eu-west-1"]
    edited = replace(told.evidence, settings=json.dumps(settings))

    with pytest.raises(UnreadableError, match="contradict each other: KeyError"):
        replay(replace(told, evidence=edited), "1")
