"""Who may have how many of the process's file descriptors.

AWS, the state file and reference targets come first, then endpoints and callers of the API. The
soft limit is raised to what all of them need, as far as the hard limit allows; where that is not
enough, connections that are kept between probes give way first, for they only save work.

Worked example: 600 endpoints, 1,000 connections of callers and 3 reference targets want
128 + 6 + 1,200 + 1,000 = 2,334. Of 256 allowed 122 are free after what is reserved: 30 callers and
92 probes at once, of which 69 may keep their connection. An endpoint with `keep_alive` whose URL
has a name wants 9 instead of 2: each of at most 8 addresses may keep a connection.
"""

from __future__ import annotations

import resource
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from controller.adapters.probing.resolver import literal_address
from controller.model.configuration import Endpoint, Settings
from controller.planning.health.address_set import MAX_ADDRESSES

_log = structlog.get_logger("open_files")
RESERVED = 128
"""For AWS, the state file, name servers, resolver threads, the log and what libraries open."""
_PER_PROBE = 2
"""A probe, and a connection that waits for a late answer."""
_CALLERS_PART = 4
"""Callers get this part of too few, so that probes get the rest."""
_KEPT_PART = 0.75
"""Part of the probes' descriptors that connections may be kept on."""


@dataclass(frozen=True, slots=True)
class OpenFiles:
    """How a limit is shared out; `reserved + probes + callers <= allowed`."""

    wanted: int
    """What the settings need."""
    allowed: int
    probes: int
    """Most sockets of endpoints' probes, those kept between probes included."""
    kept: int
    """Most sockets at which one more is kept between probes."""
    callers: int
    """Most connections of the API."""

    @property
    def missing(self) -> int:
        """Descriptors that the settings need and the process may not have."""
        return max(0, self.wanted - self.allowed)


def shared_out(settings: Settings, allowed: int) -> OpenFiles:
    """How so many descriptors are shared out under these settings."""
    callers = settings.api.limits.connections
    reserved = RESERVED + _PER_PROBE * len(_reference_probes(settings))
    wanted = reserved + _needed_by_endpoints(settings) + callers
    if allowed < wanted:
        free = allowed - min(reserved, allowed // 2)
        callers = max(1, min(callers, free // _CALLERS_PART))
        probes = max(1, free - callers)
    else:
        probes = allowed - reserved - callers
    return OpenFiles(wanted, allowed, probes, int(probes * _KEPT_PART), callers)


def claim(settings: Settings) -> OpenFiles:
    """Raise the soft limit to what these settings need, and share out what is then allowed.

    The log says what is missing and what to do.
    """
    shared = shared_out(settings, _raised_to(shared_out(settings, 0).wanted))
    if shared.missing:
        _say(settings, shared)
    return shared


def _needed_by_endpoints(settings: Settings) -> int:
    return sum(_needed_by(endpoint) for _, endpoint in settings.endpoints())


def _needed_by(endpoint: Endpoint) -> int:
    """Sockets that an endpoint's probes may have open, of all addresses of its name."""
    host = urlsplit(endpoint.probe).hostname or ""
    if endpoint.keep_alive and literal_address(host, 0) is None:
        return _PER_PROBE + MAX_ADDRESSES - 1
    return _PER_PROBE


def _reference_probes(settings: Settings) -> frozenset[str]:
    targets = settings.reference_targets
    return frozenset((*targets.known_good, *targets.known_bad))


def _raised_to(wanted: int) -> int:
    """The soft limit, after it was raised as far as wanted and allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


def _say(settings: Settings, shared: OpenFiles) -> None:
    """Log what is missing: an error where not even each endpoint has one descriptor."""
    endpoints = sum(1 for _ in settings.endpoints())
    log = _log.error if shared.probes < endpoints else _log.warning
    log(
        "open_files_short",
        why=f"{shared.wanted} open files are needed ({_needed_by_endpoints(settings)} for "
        f"{endpoints} endpoints, {settings.api.limits.connections} for callers of the API, the "
        f"rest for AWS, the state file and reference targets), and the hard limit is "
        f"{shared.allowed}: "
        f"{shared.probes} probes run at once, connections are kept while fewer than "
        f"{shared.kept} are open, and {shared.callers} callers may be connected",
        hint=f"raise the hard limit to {shared.wanted}: LimitNOFILE= of the systemd unit, "
        "--ulimit nofile= of the container, ulimit -Hn of the shell",
    )
