"""Migrates the text of a file of version 1 to version 2; comments and order are kept.

The text is edited in place, so comments stay with their keys, even with keys that move. Each step
of `controller.model.configuration.earlier_settings` has its edits here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import yaml

from controller.model.configuration.earlier_settings import PRESENT_VERSION, is_earlier
from controller.model.errors import InvalidSettingsError
from controller.settings.loader import parse
from controller.settings.migration.reference_targets import reference_edits
from controller.settings.migration.regions import catalogue_edits
from controller.settings.migration.yaml_edits import Edit, edited, member
from controller.settings.strict_yaml import read


class NotMigratedError(Exception):
    """The edited text gives other settings than the file: a bug of this program."""


def migrated_text(text: str, source: str) -> str:
    """The text in version 2; a text of version 2 is returned unchanged.

    `source` names it in errors. Raises InvalidSettingsError for a text with mistakes, because its
    result could not be compared with it, and NotMigratedError if the result differs.
    """
    before = parse(text, source)
    if not is_earlier(read(text).data):
        return text
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode), "the settings were read from a mapping"
    found = edited(text, [edit for step in _STEPS for edit in step(text, root)])
    try:
        after = parse(found, source)
    except InvalidSettingsError as error:
        problem = error.problems[0].one_line(source)
        raise NotMigratedError(f"the new form would be refused: {problem}") from error
    if after != before:
        raise NotMigratedError("the new form would mean something else")
    return found


def _version(text: str, root: yaml.MappingNode) -> Iterator[Edit]:
    """The edit of `schema_version`."""
    pair = member(root, "schema_version")
    if pair is not None:
        yield Edit(pair.value.start_mark.index, pair.value.end_mark.index, str(PRESENT_VERSION))


_STEPS: tuple[Callable[[str, yaml.MappingNode], Iterator[Edit]], ...] = (
    _version,
    catalogue_edits,
    reference_edits,
)
"""Steps that yield edits. All edits refer to the original text and must not overlap."""
