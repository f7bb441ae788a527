"""What the loops need of the outside, as small protocols. Adapters fulfil them, tests fake them."""

from controller.ports.clock import Alarm, Clock
from controller.ports.figures import FigureSource
from controller.ports.levers import Accelerators, RecordSets
from controller.ports.probing import Prober, Target, Watcher
from controller.ports.second_opinions import HealthChecks, NameServers
from controller.ports.state import AuditTrail, DecisionRecords, ExpectedLeverStates, Orders, Store

__all__ = [
    "Accelerators",
    "Alarm",
    "AuditTrail",
    "Clock",
    "DecisionRecords",
    "ExpectedLeverStates",
    "FigureSource",
    "HealthChecks",
    "NameServers",
    "Orders",
    "Prober",
    "RecordSets",
    "Store",
    "Target",
    "Watcher",
]
