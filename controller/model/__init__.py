"""Frozen nouns. Configuration nouns are pydantic models, hot values slotted dataclasses.

Nothing here does I/O, owns a clock or imports a layer above. One type per thing: the API serves
these as they are.
"""
