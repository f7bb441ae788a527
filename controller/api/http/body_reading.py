"""Reads and validates request bodies; an error names every key that is wrong."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import get_args

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from controller.api.http.problems import ProblemError
from controller.api.http.request_bodies import Body, RequestBody
from controller.settings.validation_messages import suggestion, value_text

RECEIVE_DEADLINE_S = 3.0
"""Seconds within which a request's headers must be complete, and then its body."""
_MAX_SHOWN = 5
"""Errors that are shown in full; the others are only counted."""


async def read_body(request: web.Request, model: type[Body]) -> Body:
    """The request's body, validated.

    Raises ProblemError: 400 when it is not JSON or has a key twice, 408 when it is not complete
    within RECEIVE_DEADLINE_S, 422 when it is not valid.
    """
    try:
        async with asyncio.timeout(RECEIVE_DEADLINE_S):
            raw = await request.read()
    except TimeoutError as error:
        detail = f"the whole body must come within {RECEIVE_DEADLINE_S:g} s"
        raise ProblemError(408, detail) from error
    except web.RequestPayloadError as error:
        raise ProblemError(400, f"the body cannot be received: {error}") from error
    try:
        body = model.model_validate_json(raw)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    else:
        json.loads(raw, object_pairs_hook=_refuse_repeated_key)
        return body
    if errors[0]["type"] == "json_invalid":
        raise ProblemError(400, f"the body is not JSON: {errors[0]['ctx']['error']}")
    texts = [_error_text(each, model) for each in errors[:_MAX_SHOWN]]
    if len(errors) > _MAX_SHOWN:
        texts.append(f"and {len(errors) - _MAX_SHOWN} more")
    raise ProblemError(422, "; ".join(texts), field=_dotted_path(errors[0]))


def _refuse_repeated_key(pairs: list[tuple[str, object]]) -> None:
    """Raise ProblemError 400 for an object with a key twice: which of both was meant is unknown."""
    names = Counter(name for name, _ in pairs)
    repeated = [name for name, count in names.items() if count > 1]
    if repeated:
        detail = f"the body has the key {repeated[0]} twice in one object: which is meant?"
        raise ProblemError(400, detail, field=repeated[0])


def _error_text(error: ErrorDetails, model: type[RequestBody]) -> str:
    """One sentence for an error: the key, the value found, and what is allowed."""
    path = _dotted_path(error)
    match error["type"]:
        case "missing":
            return f"the key {path} is missing"
        case "extra_forbidden":
            keys = tuple(_model_at(error["loc"][:-1], model).model_fields)
            return f"unknown key {path}; {suggestion(str(error['loc'][-1]), keys)}"
        case "value_error":
            reason = str(error["ctx"]["error"])
            return f"{path}: {reason}" if path else reason
    # pydantic's texts begin with "Input should …" or "String should …"; the path replaces that.
    rule = error["msg"].partition(" should ")[2].replace("'", "")
    return f"{path or 'the body'} should {rule}, not {value_text(error['input'])}"


def _model_at(path: tuple[str | int, ...], model: type[RequestBody]) -> type[RequestBody]:
    """The model of the object at a path. Only lists of models are nested, one level deep."""
    if not path:
        return model
    nested: type[RequestBody] = get_args(model.model_fields[str(path[0])].annotation)[0]
    return nested


def _dotted_path(error: ErrorDetails) -> str:
    return ".".join(str(part) for part in error["loc"])
