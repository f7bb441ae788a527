"""Composition root: makes the loops of one set of ports, and runs them.

It decides nothing. The daemon, tests and the simulator all use `compose`. What a process needs
besides the loops (signals, sockets, the state file) is in `daemon`.
"""

from controller.composition.compose import compose
from controller.composition.controller import Controller
from controller.composition.outside import Ports, ReloadSource
from controller.composition.probe_observers import observers

__all__ = ["Controller", "Ports", "ReloadSource", "compose", "observers"]
