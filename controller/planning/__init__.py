"""Deciding, without I/O, clock or chance: values in, values out.

`decision.decide` runs the steps: quorum, eligibility, orders, placement, ramp, guards, diff.
Hysteresis runs before, as probe results arrive. Each step is a module or package, and records what
it changed and why.
"""
