"""The `gtc` command: fast help, importable commands, exit codes."""

from __future__ import annotations

import resource
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from controller import cli
from controller.cli import COMMANDS, exit_codes, root

HEAVY = ("aiohttp", "aioboto3", "botocore", "pydantic", "rich", "yaml", "structlog", "asyncio")


def python(code: str) -> subprocess.CompletedProcess[str]:
    """Runs code in a new interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )


def test_help_imports_nothing_heavy() -> None:
    """Help needs no library but click."""
    result = python(
        "import sys\n"
        "from controller.cli import root\n"
        "root.main(['--help'], standalone_mode=False)\n"
        f"print('loaded:', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert result.stdout.splitlines()[-1] == "loaded: []", result.stderr


@pytest.mark.parametrize(
    "name", [name for name, entry in COMMANDS.items() if entry.section in ("Look", "Act")]
)
def test_commands_for_emergencies_import_nothing_heavy(name: str) -> None:
    """They only send requests, and must start fast."""
    module = COMMANDS[name].module
    result = python(
        f"import sys, {module}\nprint([name for name in {HEAVY} if name in sys.modules])"
    )
    assert result.stdout == "[]\n", result.stderr


def cpu_s(*arguments: str) -> float:
    """Processor time of a run of Python with these arguments."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], capture_output=True, timeout=60, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.parametrize("arguments", [("--help",), ("status",), ("history",), ("events",)])
def test_a_query_starts_as_fast_as_a_small_program(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """Compared with Python itself, because machines differ: 20 ms alone is 0.2 s for a command."""
    monkeypatch.setenv("GTC_URL", "http://127.0.0.1:1")
    # One after the other, so that both find the machine in the same mood at least once.
    runs = [(cpu_s("-m", "controller", *arguments), cpu_s("-c", "pass")) for _ in range(5)]
    assert min(ours / bare for ours, bare in runs) < 10


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_of_the_table_can_be_imported(name: str) -> None:
    """The table is the only place that names modules; no other test would notice a wrong entry."""
    command = root.get_command(click.Context(root), name)
    assert isinstance(command, click.Command)
    assert command.help


def test_help_lists_every_command_in_its_section_and_every_exit_code() -> None:
    """In the order of sections Look, Act, Run."""
    text = CliRunner().invoke(root, ["--help"]).output
    places = [text.index(f"{section}:\n") for section in ("Look", "Act", "Run", "Exit codes")]
    assert places == sorted(places)
    for name, entry in COMMANDS.items():
        assert f"  {name} " in text
        assert entry.help in text
    for code, meaning in exit_codes.MEANINGS.items():
        assert f"  {code:<4} {meaning}\n" in text


def test_an_unknown_command_gets_the_nearest_one_suggested() -> None:
    """A typing error costs one more try."""
    result = CliRunner().invoke(root, ["validat"])
    assert result.exit_code == exit_codes.USAGE
    assert "Did you mean 'validate'?" in result.output


@pytest.mark.parametrize("group", ["audit", "config", "context", "token", "sandbox"])
def test_a_group_lists_its_commands_in_whole_sentences(group: str) -> None:
    """No sentence is cut off."""
    lines = CliRunner().invoke(root, [group, "--help"]).output.splitlines()
    assert [line for line in lines if line.startswith("  ") and line.endswith("...")] == []


def test_the_module_is_the_command() -> None:
    """`python -m controller` works where the script is not on the path."""
    result = subprocess.run(
        [sys.executable, "-m", "controller", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (result.returncode, result.stdout) == (0, "gtc, version 0.1.0\n")


def _exit_code_of(monkeypatch: pytest.MonkeyPatch, command: click.Command) -> int:
    """The exit code of the program when `gtc` is this command."""
    monkeypatch.setattr(cli, "root", command)
    monkeypatch.setattr(sys, "argv", ["gtc"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert isinstance(end.value.code, int)
    return end.value.code


def test_control_c_ends_with_130_and_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Users end long commands by Ctrl-C."""

    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert _exit_code_of(monkeypatch, interrupted) == exit_codes.INTERRUPTED
    assert capsys.readouterr().err.strip() == ""


def test_a_declined_question_is_a_failure_not_an_interrupt(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Scripts distinguish them."""

    @click.command()
    def declined() -> None:
        raise click.Abort

    assert _exit_code_of(monkeypatch, declined) == exit_codes.FAILED
    assert capsys.readouterr().err == "Aborted.\n"


def test_exit_codes_of_commands_reach_the_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    """A context's exit, a returned number and an error's exit code."""

    @click.command()
    def refused() -> None:
        click.get_current_context().exit(exit_codes.REFUSED)

    @click.command()
    def unreachable() -> int:
        return exit_codes.UNREACHABLE

    @click.command()
    def wrong() -> None:
        raise click.UsageError("no")

    assert _exit_code_of(monkeypatch, refused) == exit_codes.REFUSED
    assert _exit_code_of(monkeypatch, unreachable) == exit_codes.UNREACHABLE
    assert _exit_code_of(monkeypatch, wrong) == exit_codes.USAGE
