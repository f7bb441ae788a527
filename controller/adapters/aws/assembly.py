"""Assembly of the AWS adapters from clients: those of the SDK, or others with their interface."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from controller.adapters.aws.calls import AwsCalls, CallObserver
from controller.adapters.aws.delegation_sets import DelegationSets
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
    """The adapters of AWS's APIs."""

    records: Route53RecordSets
    accelerators: GlobalAccelerators
    checks: Route53HealthChecks
    delegations: DelegationSets


def aws_adapters(
    settings: Settings, clients: AwsClients, clock: Clock, observe: CallObserver
) -> AwsAdapters:
    """The adapters, with one budget for each API: AWS has one quota for each, too."""
    aws = settings.aws

    def calls(service: str) -> AwsCalls:
        budget = TokenBucket(
            rate=aws.calls_per_s,
            burst=aws.calls_burst,
            reserve=aws.calls_reserve,
            clock=clock,
        )
        return AwsCalls(
            service,
            budget=budget,
            deadline_s=aws.call_deadline_s,
            clock=clock,
            observe=observe,
            credentials=clients.credentials,
        )

    route53 = calls("route53")
    return AwsAdapters(
        Route53RecordSets(clients.route53, route53, clock),
        GlobalAccelerators(clients.global_accelerator, calls("globalaccelerator"), clock),
        Route53HealthChecks(clients.route53, route53, clock),
        DelegationSets(clients.route53, route53),
    )
