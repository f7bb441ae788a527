"""The protocols by which the loops use the outside. Adapters implement them, tests fake them."""

from controller.ports.clock import Clock, TimerHandle
from controller.ports.figures import FigureSource
from controller.ports.levers import Accelerators, RecordSets
from controller.ports.probing import ProbeListener, Prober, Target
from controller.ports.second_opinions import HealthChecks, NameServers
from controller.ports.state import (
    AuditTrail,
    DecisionRecords,
    ExpectedLeverStates,
    KeptPartWeights,
    Orders,
    StateReport,
    Store,
)

__all__ = [
    "Accelerators",
    "AuditTrail",
    "Clock",
    "DecisionRecords",
    "ExpectedLeverStates",
    "FigureSource",
    "HealthChecks",
    "KeptPartWeights",
    "NameServers",
    "Orders",
    "ProbeListener",
    "Prober",
    "RecordSets",
    "StateReport",
    "Store",
    "Target",
    "TimerHandle",
]
