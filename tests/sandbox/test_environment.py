"""A user's real account cannot be reached by accident."""

from __future__ import annotations

import subprocess
from pathlib import Path

from controller.sandbox.environment import (
    as_shell,
    name_server_variables,
    sandbox_variables,
    without_aws,
)
from controller.settings import ConfigSource

CONFIG = Path(__file__).parents[2] / "config" / "sandbox.yaml"
REAL = {
    "PATH": "/usr/bin:/bin",
    "AWS_PROFILE": "production",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ENDPOINT_URL_ROUTE_53": "https://route53.amazonaws.com",
    "HTTPS_PROXY": "http://proxy.example.com:3128",
    "http_proxy": "http://proxy.example.com:3128",
    "all_proxy": "socks5://proxy.example.com",
    "NO_PROXY": ".example.com",
    "REQUESTS_CA_BUNDLE": "/etc/ours.pem",
    "SSL_CERT_FILE": "/etc/ours.pem",
    "BOTO_CONFIG": "/etc/boto.cfg",
}


def test_nothing_of_a_real_account_is_left() -> None:
    """Not even service-specific endpoints, which would have priority."""
    assert without_aws(REAL) == {"PATH": "/usr/bin:/bin"}


def test_the_shell_file_unsets_and_sets(tmp_path: Path) -> None:
    """Read by a plain sh, it leaves exactly the sandbox's variables."""
    variables = sandbox_variables("http://127.0.0.1:4566")
    file = tmp_path / "environment.sh"
    file.write_text(as_shell(variables))
    shell = subprocess.run(
        ["sh", "-c", f". {file} && env"], env=REAL, capture_output=True, text=True, check=True
    )
    after = dict(line.split("=", 1) for line in shell.stdout.splitlines())
    assert {key: value for key, value in after.items() if key.startswith("AWS_")} == variables
    assert after["NO_PROXY"] == "127.0.0.1,localhost,.example.com"
    assert after["no_proxy"] == "127.0.0.1,localhost"
    assert after["HTTPS_PROXY"] == REAL["HTTPS_PROXY"]


def test_a_daemon_of_the_sandbox_asks_the_emulated_name_server(tmp_path: Path) -> None:
    """On any port, started by the supervisor or from a shell."""
    variables = name_server_variables("127.0.0.1:10099")
    file = tmp_path / "environment.sh"
    file.write_text(as_shell(variables))
    text = shell_value(file, "GTC__ANSWERS__NAME_SERVERS")
    assert variables == {"GTC__ANSWERS__NAME_SERVERS": text}
    settings = ConfigSource(CONFIG, variables).load().settings
    assert settings.answers.name_servers == ("127.0.0.1:10099",)


def shell_value(file: Path, name: str) -> str:
    """The value of a variable in a shell that has read the file."""
    script = f'. {file} && printf %s "${name}"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    return shell.stdout
