"""A kind of lever is one file and a line in the registry: no other code distinguishes the kinds."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from controller.loops.levers.lever_ports import lever_ports
from controller.model.configuration import Levers
from controller.planning.levers.registry import KINDS, LEVERS, lever_named
from tests.fakes.accelerators import FakeAccelerators
from tests.fakes.record_sets import FakeRecordSets

ROOT = Path(__file__).parents[3]
OWN = ("planning/levers/", "model/", "settings/", "adapters/", "sandbox/")
"""Where kinds may be distinguished: their objects, settings, rules, clients and emulators."""
EXCEPTIONS = {
    "planning/residency/proof.py": "one proof for each kind, which its lever asks for",
    "planning/placement/accelerator_split.py": "only accelerators have dials and nearness",
    "planning/account/earlier_forms.py": "records of earlier daemons knew two kinds and no others",
    "loops/levers/lever_ports.py": "the line that gives each kind its port",
    "api/routes/services.py": "the public schema has a variant for each kind",
    "api/metrics/daemon_metrics.py": "counts calls of the AWS service route53",
}
"""File to the reason why it may name a kind."""


def kinds_named(source: str) -> Counter[str]:
    """Where a source names a kind of lever: a text, a field of the settings, an import."""
    found: Counter[str] = Counter()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(attr=name) if name in KINDS:
                found[f"field {name}"] += 1
            case ast.Constant(value=str(text)) if text in KINDS:
                found[f"text {text}"] += 1
            case ast.ImportFrom(module=str(module)) if module.startswith(
                tuple(f"controller.planning.levers.{kind}" for kind in KINDS)
            ):
                found[f"import {module}"] += 1
    return found


def test_no_other_code_distinguishes_kinds_of_levers() -> None:
    """Other code asks `lever_of(service)`, or the difference belongs into the lever."""
    package = ROOT / "controller"
    named = {
        path.relative_to(package).as_posix(): kinds_named(path.read_text(encoding="utf-8"))
        for path in package.rglob("*.py")
    }
    found = {file: kinds for file, kinds in named.items() if kinds and not file.startswith(OWN)}

    assert {file: kinds for file, kinds in found.items() if file not in EXCEPTIONS} == {}
    assert EXCEPTIONS.keys() - found.keys() == set(), "an exception that is no longer needed"


def test_code_that_distinguishes_kinds_is_found() -> None:
    """Comparison by field and by text, either way round, and an import of one kind's object."""
    sources = (
        "x = service.levers.accelerator is not None",
        "x = one.lever == 'route53'",
        "match one.lever:\n    case 'accelerator': pass",
        "from controller.planning.levers.route53 import ROUTE53",
    )
    assert [sum(kinds_named(source).values()) for source in sources] == [1, 1, 1, 1]
    assert not kinds_named("from controller.planning.levers.registry import lever_of")


def test_every_kind_of_the_settings_has_its_lever_and_its_port() -> None:
    """Each under its own name."""
    assert set(KINDS) == set(Levers.model_fields)
    assert [lever_named(kind) for kind in KINDS] == list(LEVERS)
    assert set(lever_ports(FakeRecordSets({}), FakeAccelerators({}))) == set(KINDS)
