"""Messages for the validation errors of the configuration models.

pydantic reports a type of error, a path and the value. Each becomes one sentence that names the
key, what is allowed and what was found, with a hint where one is likely to help.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from controller.model.configuration import KeyPath, PlainSecretError, Settings
from controller.model.configuration.earlier_settings import PRESENT_VERSION
from controller.settings.file_positions import KeyPositions, RuleFinding, dotted
from controller.settings.migration.version_1 import key_in_version_2
from controller.settings.model_paths import RootModel, model_at

_KEY = "[key]"
"""pydantic's last path element for an error in a mapping's key, not in its value."""

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "a mapping of keys",
    "dict_type": "a mapping of keys",
    "tuple_type": "a list",
    "string_too_short": "text that is not empty",
}

_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}

PATTERNS = {
    r"^[a-z]{2,5}(-[a-z]+)+-\d{1,2}$": "an AWS region such as eu-west-1",
    r"^[a-z][a-z0-9-]{0,62}$": (
        "a name of lower-case letters, digits and hyphens that begins with a letter"
    ),
    r"^(default|continent:[A-Z]{2}|country:[A-Z]{2})$": (
        "default, continent:XX or country:XX with the two-letter code in capitals"
    ),
    r"^[^~]": "a path such as /var/lib/gtc/gtc.sqlite (~ is not expanded)",
    r"^/\S+$": "an absolute path such as /etc/gtc/ca.pem",
    r"^[A-Za-z][A-Za-z0-9-]*$": "an HTTP header's name such as Authorization",
    r"^[a-z0-9-]+(\.[a-z0-9-]+)*$": "a host's name in lower case such as app.example.com",
    r"^[0-9a-f]{64}$": "the 64 hex digits that `gtc token new` prints",
    r"^Z[A-Z0-9]{1,31}$": "a hosted zone's id such as Z0123456789ABCDEFGHIJ",
    r"^([a-z0-9_-]+\.)+$": "a lower-case name with its final dot, such as app.example.com.",
    r"^arn:aws:globalaccelerator::\d{12}:accelerator/[0-9a-f-]+$": (
        "an accelerator's ARN, arn:aws:globalaccelerator::<account>:accelerator/<id>"
    ),
}
"""Every pattern of the configuration models in words; a test compares both."""

_COLLECTIONS = {"Tuple": "list", "Dictionary": "mapping"}

_CONFIDENTIAL = frozenset({"headers", "sha256"})
"""Keys whose values may hold a secret by mistake."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d)", re.IGNORECASE)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def findings(
    errors: Iterable[ErrorDetails], positions: KeyPositions, root: RootModel
) -> tuple[RuleFinding, ...]:
    """One finding per validation error of `root`, without errors that another one explains.

    These are a missing key that is there but misspelt, and a list that is too short only because
    its items are wrong.
    """
    found = [error for error in errors if error["type"] != "too_short" or not error["input"]]
    misspelt = {
        (*path[:-1], meant)
        for path in (error["loc"] for error in found if error["type"] == "extra_forbidden")
        for meant in most_similar(str(path[-1]), _allowed_keys(path[:-1], root))
    }
    return tuple(
        _finding(error, positions, root)
        for error in found
        if not (error["type"] == "missing" and error["loc"] in misspelt)
    )


def most_similar(word: str, possible: Iterable[str]) -> list[str]:
    """The most similar word, if one is similar enough; at most one."""
    return difflib.get_close_matches(word, list(possible), n=1)


def suggestion(word: str, possible: Iterable[str]) -> str:
    """Hint for a word that is not a possible one: the nearest, or all of them."""
    choices = list(possible)
    for meant in most_similar(word, choices):
        return f"did you mean {meant}?"
    return f"possible here: {', '.join(choices)}" if choices else ""


def value_text(value: object) -> str:
    """A value from the file as a message names it, shortened if long."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text {_shortened(value)!r}"
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if isinstance(value, dict):
        return "a mapping of keys" if value else "an empty mapping"
    return f"{value}"


def _shortened(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."


def _finding(error: ErrorDetails, positions: KeyPositions, root: RootModel) -> RuleFinding:
    path = error["loc"]
    kind = error["type"]
    if kind == "extra_forbidden":
        key = str(path[-1])
        message = f"unknown key {dotted((key,))}"
        return RuleFinding(path, message, _unknown_key_hint(key, path, root), at_key=True)
    if kind == "missing":
        return RuleFinding(path, f"the key {path[-1]} is missing", _description(path, root))
    is_key = path[-1] == _KEY and path not in positions
    if is_key:
        path = path[:-1]
    subject = dotted(path[-2:]) if isinstance(path[-1], int) else dotted(path[-1:])
    if is_key:
        return RuleFinding(path, f"{subject} must be {_allowed(error)}", at_key=True)
    if _may_be_secret(error):
        return RuleFinding(path, f"{subject} must be {_allowed(error)}", confidential=True)
    value = error["input"]
    message = f"{subject} must be {_allowed(error)}, not {value_text(value)}"
    return RuleFinding(path, message, _hint(kind, value, error.get("ctx", {})))


def _may_be_secret(error: ErrorDetails) -> bool:
    """Whether the value may be a secret itself instead of a reference to it."""
    reason = error.get("ctx", {}).get("error")
    return isinstance(reason, PlainSecretError) or not _CONFIDENTIAL.isdisjoint(error["loc"])


def _allowed(error: ErrorDetails) -> str:
    """The allowed values, as the words after "must be"."""
    kind, context = error["type"], error.get("ctx", {})
    if kind in _KINDS:
        return _KINDS[kind]
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return f"{words} {context[name]:.15g}"
    special = _SPECIAL.get(kind)
    return special(context) if special else f"different ({error['msg']})"


_SPECIAL: dict[str, Callable[[dict[str, Any]], str]] = {
    "string_pattern_mismatch": lambda context: PATTERNS[context["pattern"]],
    "too_short": lambda context: (
        f"a {_COLLECTIONS[context['field_type']]} with at least {context['min_length']} entry"
    ),
    "value_error": lambda context: str(context["error"]),
    "literal_error": lambda context: str(context["expected"]),
    "enum": lambda context: str(context["expected"]).replace("'", ""),
}


def _hint(kind: str, value: object, context: Mapping[str, Any]) -> str:
    if kind == "enum":
        return suggestion(str(value), re.findall("'([^']*)'", context["expected"]))
    if kind == "string_type" and isinstance(value, bool | int | float):
        return "quote it to make it text"
    if kind in ("int_type", "float_type") and isinstance(value, str):
        return _number_hint(value)
    return ""


def _number_hint(text: str) -> str:
    duration = _DURATION.fullmatch(text)
    if duration:
        seconds = float(duration[1]) * _SECONDS[duration[2].lower()]
        return f"durations are plain seconds: write {seconds:.15g}"
    return "leave out the quotes" if re.fullmatch(r"\d+(\.\d+)?", text) else ""


def _unknown_key_hint(key: str, path: KeyPath, root: RootModel) -> str:
    """Hint for an unknown key: its place in the present version, or the possible keys."""
    now = key_in_version_2(tuple(map(str, path))) if root is Settings else None
    if now is not None:
        return f"this file is of version {PRESENT_VERSION}, where it is {dotted(now)}"
    if root is not Settings and key in _allowed_keys(path[:-1], Settings):
        return f"files of version {PRESENT_VERSION} have it, and this file is of an earlier one"
    return suggestion(key, _allowed_keys(path[:-1], root))


def _allowed_keys(path: KeyPath, root: RootModel) -> tuple[str, ...]:
    model = model_at(path, root)
    return tuple(model.model_fields) if model else ()


def _description(path: KeyPath, root: RootModel) -> str:
    """Description of a missing key."""
    model = model_at(path[:-1], root)
    field = model.model_fields.get(str(path[-1])) if model else None
    return " ".join((field.description or "").split()) if field else ""
