"""What must be seen anew after this process stood still, before anything is written.

A process that was stopped, starved of CPU or on a suspended machine knows nothing of the time
between. What it saw before is forgotten when the pause is noticed (`loops.process.pauses`), so that
every probe result and reading in a snapshot is younger than the pause; here one waits for them.

Worked example: a process stood still for 61 s. When it goes on, 1 of 3 required endpoints was
asked anew: the service is held. 0.4 s later all three have a result, and its zone was read: what
the probes found then is acted on. An endpoint that cannot be asked is waited for until
`probing.fresh_for_s` after the pause.
"""

from __future__ import annotations

from controller.model.decision import ProcessPause, Snapshot
from controller.model.plural import counted


def unseen_since_pause(snapshot: Snapshot, service: str) -> str:
    """What of the service was not seen since the last pause; empty: nothing is missing."""
    pause = snapshot.pause
    if pause is None:
        return ""
    observed = snapshot.observed.get(service)
    if observed is None or observed.at < pause.ended_at:
        return f"{describe_pause(pause)}, and its levers were not read since"
    if snapshot.now >= waited_until(snapshot, pause):
        return ""
    own = snapshot.health.get(snapshot.settings.vantage.name, {})
    required = [i for i, endpoint in snapshot.settings.endpoints_of(service) if endpoint.required]
    results = [own[i].last_result_at for i in required if i in own]
    asked = sum(at is not None and at >= pause.ended_at for at in results)
    if asked == len(required):
        return ""
    return (
        f"{describe_pause(pause)}, and {asked} of {counted(len(required), 'endpoint')} "
        "were asked since"
    )


def waited_until(snapshot: Snapshot, pause: ProcessPause) -> float:
    """Until when results of probes are waited for after a pause, monotonic seconds."""
    return pause.ended_at + snapshot.settings.probing.fresh_for_s


def describe_pause(pause: ProcessPause) -> str:
    """The pause as text: `this process stood still for 61.2 s`."""
    return f"this process stood still for {pause.lasted_s:.1f} s"
