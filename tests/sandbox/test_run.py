"""`gtc sandbox run` as a whole: real processes, a real AWS endpoint, real users."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from tests.sandbox.worlds import free_port, region, service, settings
from tests.stopwatch import Stopwatch

pytestmark = pytest.mark.program
GTC = [sys.executable, "-m", "controller"]


class Run:
    """A running sandbox and its output so far."""

    def __init__(self, tmp_path: Path) -> None:
        web = {
            "eu-west-1": region(f"http://127.0.77.1:{free_port('127.0.77.1')}/healthz"),
            "us-east-1": region(f"http://127.0.78.1:{free_port('127.0.78.1')}/healthz"),
        }
        config = tmp_path / "sandbox.yaml"
        config.write_text(settings({"shop": service(web)}).model_dump_json(exclude_none=True))
        ports = [
            "--aws-port",
            "0",
            "--aws-control-port",
            "0",
            "--dns-port",
            "0",
            "--control-port",
            "0",
        ]
        command = ["sandbox", "run", "--config", str(config), "--no-daemon", "--users", "20"]
        self.environment = os.environ | {"PYTHONPATH": os.getcwd()}
        self.process = subprocess.Popen(
            [*GTC, *command, *ports],
            cwd=tmp_path,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._reader = Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            self.lines.extend(output)

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def until(self, condition: Callable[[], bool], within_s: float = 20.0) -> None:
        """Wait until a condition holds; its failure shows the output."""
        deadline = time.monotonic() + within_s
        while not condition():
            assert time.monotonic() < deadline, self.output
            time.sleep(0.05)

    def gtc(self, *arguments: str) -> str:
        found = re.search(r"world +(http://\S+)", self.output)
        assert found is not None, self.output
        environment = self.environment | {"GTC_SANDBOX_URL": found[1]}
        command = [*GTC, "sandbox", *arguments]
        return subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        ).stdout

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(10)
        self._reader.join(10)
        return code


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    if run.process.poll() is None:
        run.stop()


def test_a_sandbox_lives_breaks_and_ends(run: Run) -> None:
    """Users are served, a broken region shows in their errors, Ctrl-C ends all within 2 s."""
    run.until(lambda: "The sandbox is up" in run.output and "logs " in run.output)
    run.until(lambda: "eu-west-1 " in run.gtc("users"))
    assert "well" in run.gtc("heal", "all")
    assert "eu-west-1  dead" in run.gtc("break", "eu-west-1", "--how", "dead")
    run.until(lambda: "eu-west-1 dead | shop/europe" in run.output)
    run.until(lambda: not re.search(r"eu-west-1 .* 0$", run.gtc("users", "--window", "1"), re.M))
    ending = Stopwatch().start()
    assert run.stop() == 130
    assert ending.stop() < 2
    assert "Traceback" not in run.output
