"""Resolving secrets and certificate authorities: values, or errors with positions."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.model.errors import InvalidSettingsError
from controller.settings import ConfigSource, LoadedSettings
from tests.settings.minimal import with_replacements

PROBE = 'probe: "http://192.0.2.1/healthz"'
SECRET = "s3cret-canary"


def load(tmp_path: Path, keys: str, environment: dict[str, str] | None = None) -> LoadedSettings:
    """A file whose first endpoint has these keys too, loaded as by the daemon."""
    path = tmp_path / "gtc.yaml"
    path.write_text(with_replacements((PROBE, f'probe: "https://192.0.2.1/", {keys}')))
    return ConfigSource(path, environment or {}).load()


def test_secrets_are_read_from_variables_and_files(tmp_path: Path) -> None:
    """A final newline does not belong to the secret."""
    file = tmp_path / "token"
    file.write_text(f"{SECRET}\n")
    loaded = load(
        tmp_path,
        f'headers: {{Authorization: "env:TOKEN", X-Key: "file:{file}"}}',
        {"TOKEN": f"Bearer {SECRET}"},
    )

    assert loaded.references.secrets == {"env:TOKEN": f"Bearer {SECRET}", f"file:{file}": SECRET}
    assert SECRET not in repr(loaded) + loaded.settings.model_dump_json()


@pytest.mark.parametrize(
    ("keys", "path", "message"),
    [
        (
            'headers: {X-Key: "env:NOWHERE"}',
            "headers.X-Key",
            "X-Key: the environment has no variable NOWHERE",
        ),
        ('headers: {X-Key: "env:EMPTY"}', "headers.X-Key", "X-Key: env:EMPTY is empty"),
        (
            'headers: {X-Key: "env:LINES"}',
            "headers.X-Key",
            "X-Key: env:LINES holds more than one line of printable ASCII; "
            "a header can carry no more",
        ),
        (
            'headers: {X-Key: "file:/nowhere/token"}',
            "headers.X-Key",
            "X-Key: /nowhere/token cannot be read: No such file or directory",
        ),
        (
            "ca_file: /nowhere/ca.pem",
            "ca_file",
            "ca_file: /nowhere/ca.pem cannot be read: No such file or directory",
        ),
        ("ca_file: /dev/null", "ca_file", "ca_file: /dev/null holds no certificates in PEM form"),
        ("ca_file: /dev/zero", "ca_file", "ca_file: /dev/zero is larger than 1048576 bytes"),
    ],
)
def test_an_unresolved_reference_is_an_error_with_its_position(
    tmp_path: Path, keys: str, path: str, message: str
) -> None:
    """The daemon does not start without a secret, and the error names the key."""
    with pytest.raises(InvalidSettingsError) as refusal:
        load(tmp_path, keys, {"EMPTY": "", "LINES": f"{SECRET}\r\nX-Other: 1"})

    (problem,) = refusal.value.problems
    assert problem.message == message
    assert problem.path == f"services.shop.regions.eu-west-1.endpoints.web.{path}"
    assert problem.line == 11
    assert SECRET not in str(refusal.value) + repr(problem)


def test_a_reference_that_a_variable_set_is_named_by_the_variable(tmp_path: Path) -> None:
    """The origin of a value is the assignment that set it."""
    name = "GTC__SERVICES__SHOP__REGIONS__EU_WEST_1__ENDPOINTS__WEB__HEADERS__X_KEY"
    with pytest.raises(InvalidSettingsError) as refusal:
        load(tmp_path, 'headers: {X-Key: "env:A"}', {"A": "x", name: "env:B"})

    (problem,) = refusal.value.problems
    assert problem.origin == f"env:{name}"
    assert problem.message == "X-Key: the environment has no variable B"


def test_a_file_that_is_not_pem_is_refused(tmp_path: Path) -> None:
    """A damaged certificate is found at the start, not by failing probes."""
    broken = tmp_path / "ca.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n")
    with pytest.raises(InvalidSettingsError) as refusal:
        load(tmp_path, f"ca_file: {broken}")
    message = refusal.value.problems[0].message
    assert message.startswith(f"ca_file: {broken}: certificate 1 of 1 cannot be read: ")
