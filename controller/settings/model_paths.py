"""Which configuration noun stands at a key path, and which keys lead on from there.

Messages need it to name the keys that are allowed there and to say what a missing key is for; the
overlay, to find the key that an environment variable means.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from controller.model.configuration import ConfigModel, Settings
from controller.settings.file_positions import KeyPath

RootModel = type[ConfigModel]
"""What a whole file holds: `Settings`, or the settings of an earlier version."""


def model_at(path: KeyPath, root: RootModel = Settings) -> type[ConfigModel] | None:
    """The noun whose keys are allowed below `path`; None where none is (values, unknown keys)."""
    return _as_noun(_annotation_at(path, root))


def is_mapping(path: KeyPath, root: RootModel = Settings) -> bool:
    """Whether what stands at `path` has keys of the operator's own choice, such as `services`."""
    return get_origin(_annotation_at(path, root)) is dict


def _annotation_at(path: KeyPath, root: RootModel) -> object:
    annotation: object = root
    for part in path:
        annotation = _below(annotation, part)
    return annotation


def _below(annotation: object, part: str | int) -> object:
    """The annotation of what `part` names inside something annotated so."""
    noun = _as_noun(annotation)
    if noun is not None:
        field = noun.model_fields.get(str(part))
        return None if field is None else _bare(field.annotation)
    if get_origin(annotation) is dict:
        return _bare(get_args(annotation)[1])
    if get_origin(annotation) is tuple:
        return _bare(get_args(annotation)[0])
    return None


def _bare(annotation: object) -> object:
    """The annotation without `Annotated[…]` and `… | None`."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return _bare(next(one for one in get_args(annotation) if one is not type(None)))
    return annotation


def _as_noun(annotation: object) -> type[ConfigModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return annotation
    return None
