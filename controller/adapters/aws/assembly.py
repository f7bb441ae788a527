"""The adapters behind which AWS is, made of clients: the SDK's, or some that speak like them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.adapters.aws.calls import CallObserver, Calls
from controller.adapters.aws.delegation_sets import Delegations
from controller.adapters.aws.global_accelerator import GlobalAccelerators
from controller.adapters.aws.health_checks import Route53HealthChecks
from controller.adapters.aws.route53 import Route53RecordSets
from controller.adapters.aws.token_bucket import TokenBucket
from controller.model.configuration import Settings
from controller.ports import Clock

if TYPE_CHECKING:
    from controller.adapters.aws.session import AwsClients


@dataclass(frozen=True, slots=True)
class AwsAdapters:
    """What fulfils the ports whose other side is AWS's API."""

    records: Route53RecordSets
    accelerators: GlobalAccelerators
    checks: Route53HealthChecks
    delegations: Delegations


def aws_adapters(
    settings: Settings, clients: AwsClients, clock: Clock, observe: CallObserver
) -> AwsAdapters:
    """Adapters with one budget per API: what asks Route 53 shares it, as it shares the quota."""
    aws = settings.aws

    def calls(service: str) -> Calls:
        budget = TokenBucket(
            rate=aws.calls_per_s,
            burst=aws.calls_burst,
            reserve=aws.calls_reserve,
            clock=clock,
        )
        return Calls(
            service,
            budget=budget,
            deadline_s=aws.call_deadline_s,
            clock=clock,
            observe=observe,
        )

    route53 = calls("route53")
    return AwsAdapters(
        Route53RecordSets(clients.route53, route53, clock),
        GlobalAccelerators(clients.global_accelerator, calls("globalaccelerator"), clock),
        Route53HealthChecks(clients.route53, route53, clock),
        Delegations(clients.route53, route53),
    )
