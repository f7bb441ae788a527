"""Who observes the results of each endpoint's probes: metrics, and the alarm for certificates."""

from __future__ import annotations

from functools import partial

from controller.api.metrics.daemon_metrics import DaemonMetrics
from controller.loops.alarms.certificates import Certificates
from controller.loops.probing.endpoint_monitor import ProbeObserver
from controller.loops.probing.probe_loop import Observers
from controller.loops.process.supervision import Supervision
from controller.model.configuration import Endpoint, EndpointId
from controller.model.health import ProbeResult, ReferenceKind


def observers(
    metrics: DaemonMetrics, certificates: Certificates, supervision: Supervision
) -> Observers:
    """Makes the observer of an endpoint or reference target; called once for each of them.

    All results are counted; of HTTPS endpoints the certificates are checked, too.
    """
    check_certificate = supervision.guarded("certificates", certificates.on_probe, None)

    def observer_of(observed: EndpointId | ReferenceKind, endpoint: Endpoint) -> ProbeObserver:
        count = metrics.probe_counter(observed)
        if isinstance(observed, ReferenceKind) or not endpoint.probe.startswith("https:"):
            return count
        check = partial(check_certificate, observed)

        def count_and_check(result: ProbeResult) -> None:
            count(result)
            check(result)

        return count_and_check

    return observer_of
