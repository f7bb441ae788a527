"""Adapters to the outside: one file for each external thing, each implements one port.

They translate vendors' errors: no layer above sees an exception of an SDK or a driver.
"""
