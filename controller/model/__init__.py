"""Frozen values that all layers share: configuration models (pydantic) and slotted dataclasses.

No module here does I/O, reads a clock or imports a layer above. The API serves these types as they
are.
"""
