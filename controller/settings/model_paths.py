"""Configuration models by key path.

Used for the allowed keys and descriptions in error messages, and to find the key that an
environment variable sets.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from controller.model.configuration import ConfigModel, KeyPath, Settings

RootModel = type[ConfigModel]
"""Model of a whole file: `Settings`, or the settings of an earlier version."""


def model_at(path: KeyPath, root: RootModel = Settings) -> type[ConfigModel] | None:
    """The model whose keys are allowed below `path`; None for values and unknown keys."""
    return _as_model(_annotation_at(path, root))


def is_mapping(path: KeyPath, root: RootModel = Settings) -> bool:
    """Whether the operator chooses the keys below `path`, as below `services`."""
    return get_origin(_annotation_at(path, root)) is dict


def _annotation_at(path: KeyPath, root: RootModel) -> object:
    annotation: object = root
    for part in path:
        annotation = _below(annotation, part)
    return annotation


def _below(annotation: object, part: str | int) -> object:
    """The annotation of member `part` of a value with this annotation."""
    model = _as_model(annotation)
    if model is not None:
        field = model.model_fields.get(str(part))
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
        return _bare(next(arg for arg in get_args(annotation) if arg is not type(None)))
    return annotation


def _as_model(annotation: object) -> type[ConfigModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return annotation
    return None
