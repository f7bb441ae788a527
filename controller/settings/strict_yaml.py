"""Strict YAML reader: plain data, the position of every key and value, and all mistakes.

PyYAML's safe loader silently keeps the last of two equal keys and uses YAML 1.1's values. So only
its scanner, parser and composer are used; `yaml_scalars` gives values. Refused, because they can
hide what is set and no configuration needs them: anchors, aliases, merge keys (`<<`), tags (`!!…`)
and several documents. Dates stay text.

A syntax error ends the reading, because the rest of the text may be misread. All other mistakes are
collected.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import yaml

from controller.model.configuration import KeyPath
from controller.model.errors import Problem
from controller.settings.file_positions import (
    KeyPosition,
    RuleFinding,
    TextPosition,
    dotted,
    locate,
)
from controller.settings.yaml_scalars import AmbiguousScalarError, plain_scalar

_DEEPEST = 30
"""Limit of nested levels; settings need nine."""
_SURROGATE = re.compile("[\ud800-\udfff]")
_COLON = "mapping values are not allowed here"
"""PyYAML's message for an unquoted value that contains a colon and a space."""
_TOKENS = {
    "'<stream end>'": "the end of the file",
    "end of stream": "end of the file",
    "<block end>": "a line indented less",
    "the node content": "a value",
}
"""PyYAML's names of tokens to ours."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file's data with positions. `data is None` implies `problems`: nothing usable was read."""

    data: dict[str, object] | None
    problems: tuple[Problem, ...]
    positions: dict[KeyPath, KeyPosition] = field(default_factory=dict)

    def problem(self, finding: RuleFinding) -> Problem:
        """A rule's finding with its position in this file."""
        position = locate(self.positions, finding.path, at_key=finding.at_key)
        return Problem(
            finding.message,
            dotted(finding.path),
            position.line,
            position.column,
            finding.hint,
            confidential=finding.confidential,
        )


def read_value(text: str) -> object:
    """Value of a YAML text: a list in brackets, a quoted text or a plain scalar.

    Raises ValueError with the reason.
    """
    if not text.lstrip().startswith(("[", '"', "'")):
        return plain_scalar(text.strip())
    document = read(f"value: {text}")
    if document.problems or document.data is None:
        raise ValueError(document.problems[0].message)
    if len(document.data) != 1:
        raise ValueError("not valid YAML: it has more than one line")
    return document.data["value"]


def read(text: str) -> Document:
    """The document of a YAML text. Never raises: mistakes are in its `problems`."""
    try:
        composer = _Composer(text)
        try:
            root = composer.get_single_node()
        finally:
            composer.dispose()
    except yaml.MarkedYAMLError as error:
        return Document(None, (_syntax_problem(error, text),))
    except yaml.reader.ReaderError as error:
        return Document(None, (_character_problem(error, text),))
    except ValueError:  # PyYAML lets chr()'s and int()'s own errors through, without a place
        message = "not valid YAML: an escaped character or the version after %YAML is out of range"
        return Document(None, (Problem(message, line=1, column=1),))
    return _Converter(composer.refused).document(root)


class _Composer(yaml.SafeLoader):
    """Composes nodes and records refused syntax (anchors, aliases, tags)."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.refused: list[Problem] = []
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
        if isinstance(event, yaml.AliasEvent):
            self.get_event()  # type: ignore[no-untyped-call]  # the stubs leave it untyped
            self._refuse(event, f"the alias *{event.anchor} is not allowed; write the value out")
            return yaml.ScalarNode("", "", _start(event))
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.anchor is not None:
                self._refuse(event, f"the anchor &{event.anchor} is not allowed; leave it out")
            if event.tag is not None:
                self._refuse(event, "a tag (a word beginning with !) is not allowed; leave it out")
        return self._compose_deeper(parent, index, event)

    def _compose_deeper(
        self, parent: yaml.Node | None, index: int, event: yaml.Event
    ) -> yaml.Node | None:
        if self._depth == _DEEPEST:
            raise yaml.MarkedYAMLError(
                problem=f"nested deeper than {_DEEPEST} levels", problem_mark=_start(event)
            )
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def _refuse(self, event: yaml.Event, message: str) -> None:
        mark = _mark(_start(event))
        self.refused.append(Problem(message, line=mark.line, column=mark.column))


class _Converter:
    """Turns nodes into plain data, and collects positions and problems."""

    def __init__(self, problems: list[Problem]) -> None:
        self._problems = problems
        self._positions: dict[KeyPath, KeyPosition] = {}

    def document(self, root: yaml.Node | None) -> Document:
        if root is None or (isinstance(root, yaml.ScalarNode) and not root.value):
            message = "the file is empty; it must hold settings, as in config/example.yaml"
            problems = self._problems or [Problem(message, line=1, column=1)]
            return Document(None, tuple(problems))
        if not isinstance(root, yaml.MappingNode):
            kind = "a list" if isinstance(root, yaml.SequenceNode) else "text"
            self._add_problem(
                root, (), f"the file must hold keys with values (key: value), not {kind}"
            )
            return Document(None, tuple(self._problems))
        data = self._mapping(root, ())
        return Document(data, tuple(self._problems), self._positions)

    def _value(self, node: yaml.Node, path: KeyPath) -> object:
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return self._sequence(node, path)
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, object]:
        result: dict[str, object] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path)
            if key is None:
                continue
            here = (*path, key)
            mark = _mark(key_node.start_mark)
            if here in self._positions:
                self._add_problem(
                    key_node, here, _duplicate_message(key, self._positions[here].key, mark)
                )
                continue
            self._positions[here] = KeyPosition(mark, _mark(value_node.start_mark))
            result[key] = self._value(value_node, here)
        return result

    def _sequence(self, node: yaml.SequenceNode, path: KeyPath) -> list[object]:
        result = []
        for index, item in enumerate(node.value):
            here = (*path, index)
            mark = _mark(item.start_mark)
            self._positions[here] = KeyPosition(mark, mark)
            result.append(self._value(item, here))
        return result

    def _key(self, node: yaml.Node, path: KeyPath) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            self._add_problem(node, path, "a key must be a word, not a list or a mapping")
        elif node.style is None and node.value == "<<":
            self._add_problem(node, path, "the merge key << is not allowed; write the keys out")
        elif not node.value:
            self._add_problem(node, path, "a key is missing before the colon")
        else:
            return self._text(node, path)
        return None

    def _scalar(self, node: yaml.Node, path: KeyPath) -> object:
        text = self._text(node, path)
        if not isinstance(node, yaml.ScalarNode) or node.style is not None:
            return text
        try:
            return plain_scalar(text)
        except AmbiguousScalarError as error:
            self._add_problem(node, path, str(error))
            return None  # no rule may look at a value that was refused

    def _text(self, node: yaml.Node, path: KeyPath) -> str:
        text = str(node.value)
        if _SURROGATE.search(text):
            self._add_problem(node, path, "half of a character (a surrogate) is not allowed")
        return _SURROGATE.sub("?", text)

    def _add_problem(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        mark = _mark(node.start_mark)
        self._problems.append(Problem(message, dotted(path), mark.line, mark.column))


def _duplicate_message(key: str, first: TextPosition, again: TextPosition) -> str:
    return (
        f"the key {dotted((key,))} appears twice, in line {first.line} and in line {again.line}; "
        "keep one"
    )


def _start(event: yaml.Event) -> yaml.Mark:
    mark = event.start_mark
    assert isinstance(mark, yaml.Mark), "PyYAML's own parser marks every event"
    return mark


def _mark(mark: yaml.Mark) -> TextPosition:
    return TextPosition(mark.line + 1, mark.column + 1)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    """PyYAML's error as one sentence, at the position where the parser found it."""
    where = error.problem_mark or error.context_mark
    mark = TextPosition(1, 1) if where is None else _mark(where)
    if where is not None and text[where.index : where.index + 1] == "\t":
        return Problem("a tab cannot indent here; use spaces", line=mark.line, column=mark.column)
    if error.context and error.context.startswith("expected a single document"):
        message = "a second document begins here; a file holds one"
        return Problem(message, line=mark.line, column=mark.column)
    context = ""
    if error.context and error.context_mark and error.context_mark.line + 1 != mark.line:
        context = f" ({error.context} that began in line {error.context_mark.line + 1})"
    hint = "a value that contains ': ' must be quoted" if error.problem == _COLON else ""
    problem = str(error.problem)
    for token, meaning in _TOKENS.items():
        problem = problem.replace(token, meaning)
    message = f"not valid YAML: {problem}{context}"
    return Problem(message, line=mark.line, column=mark.column, hint=hint)


def _character_problem(error: yaml.reader.ReaderError, text: str) -> Problem:
    before = text[: error.position]
    line = before.count("\n") + 1
    column = error.position - (before.rfind("\n") + 1) + 1
    code = ord(error.character) if isinstance(error.character, str) else error.character
    return Problem(f"the character U+{code:04X} is not allowed", line=line, column=column)
