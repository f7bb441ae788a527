"""Deciding, without I/O, clock or chance: values in, values out.

`decision.decide` runs the steps in their order: hysteresis (as probes arrive), quorum, placement,
ramp, guard, diff. Each step is a module; each leaves its before, after and why.
"""
