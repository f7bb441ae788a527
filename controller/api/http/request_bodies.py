"""What may be posted, as strict models, and mistakes in it in plain words.

Texts are one line without control characters: they are shown on terminals and in logs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Annotated, TypeVar, get_args

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from controller.api.http.problems import ProblemError
from controller.model.overrides import OverrideKind
from controller.settings.validation_messages import suggestion, value_text

RECEIVE_DEADLINE_S = 3.0
"""Seconds within which a request's headers must have come, and then its body."""
_SHOWN = 5
"""Mistakes told at once; the rest is counted."""


def one_line(text: str) -> str:
    """The text itself. Raises ValueError when it has control characters, such as a line's end."""
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def not_blank(text: str) -> str:
    """The text itself. Raises ValueError when nothing can be seen of it."""
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def line(name: str, text: str, longest: int) -> str:
    """A text from elsewhere than a body. Raises ProblemError 400 unless it is one short line."""
    if not text.isprintable() or len(text) > longest:
        detail = f"{name} must be one line of at most {longest} characters"
        raise ProblemError(400, detail, field=name)
    return text


def known_name(name: str, possible: Collection[str], field: str) -> None:
    """Raises ProblemError 422 with the nearest name unless the name is one of the possible ones."""
    if name not in possible:
        detail = f"{field} is {name!r}; {suggestion(name, possible)}"
        raise ProblemError(422, detail, field=field, valid=possible)


Line = Annotated[str, Field(max_length=1000), AfterValidator(one_line)]
Person = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(one_line), AfterValidator(not_blank)
]
Count = Annotated[int, Field(ge=0, le=10**9)]
Share = Annotated[
    float, Field(examples=[0.3], json_schema_extra={"exclusiveMinimum": 0, "maximum": 1})
]
"""Its bounds are documented here and checked by who takes the override, who says what to do."""


class RequestBody(BaseModel):
    """Base of every posted model: frozen, strictly typed, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


class PlannedOverride(RequestBody):
    """An override to be previewed."""

    kind: OverrideKind
    region: Line | None = None
    """Where from; a freeze has none."""
    service: Line | None = None
    """None: every service."""
    pool: Line | None = None
    """One of the service's pools; None: every one."""
    share: Share | None = None
    """A pin's part of each pool's traffic, above 0 up to 1; behind an accelerator its dial.
    Only a pin has one."""
    ignore_guards: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """Guards to be overridden, by name."""


class PostedOverride(PlannedOverride):
    """An override to be obeyed."""

    reason: Line
    """Why, in a few words; everybody may read it."""
    author: Person | None = None
    """Whom the caller speaks for; None: for itself."""
    ttl_s: float | None = None
    """Seconds until it ends by itself; None: the configured default."""


class PostedExtension(RequestBody):
    """Another end for an override, later or sooner than the one it has."""

    ttl_s: float
    """Seconds from now until it ends."""
    reason: Line
    """Why its end moves."""
    author: Person | None = None
    """Whom the caller speaks for; None: for itself."""


class PostedPlan(RequestBody):
    """Overrides to be previewed together, and what is supposed to happen."""

    overrides: Annotated[tuple[PlannedOverride, ...], Field(max_length=100)] = ()
    hypotheses: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """Such as `eu-west-1 down`, `drain us-east-1`, `demand europe ×1.5`, `capacity eu-west-1 ×0.5`.
    """


class PostedReload(RequestBody):
    """How to reload the configuration."""

    dry_run: bool = False
    """Show what would change and do nothing."""
    accept: Line | None = None
    """The hash of the plan that is agreed to, though several regions lose traffic by it."""


class PostedMeasurement(RequestBody):
    """Requests that one pool's users sent to one region within the window."""

    service: Line
    pool: Line
    region: Line
    requests: Count
    errors: Count

    @model_validator(mode="after")
    def _errors_are_requests(self) -> PostedMeasurement:
        if self.errors > self.requests:
            raise ValueError(f"errors ({self.errors}) are more than requests ({self.requests})")
        return self


class PostedMeasurements(RequestBody):
    """One report of what users did."""

    window_s: Annotated[float, Field(gt=0)]
    """Seconds in which these requests ended."""
    measurements: tuple[PostedMeasurement, ...]


class PostedDemand(RequestBody):
    """How much a pool's users ask for."""

    service: Line
    pool: Line
    rps: Annotated[float, Field(ge=0, le=1e9)]
    """Requests per second, now."""


class PostedLatency(RequestBody):
    """How far a pool's users are from a region."""

    service: Line
    pool: Line
    region: Line
    """One of those for which the configuration has a `latency_ms`."""
    ms: Annotated[float, Field(ge=0, le=60_000)]
    """Milliseconds, now."""


class PostedFigures(RequestBody):
    """Measured figures about users; each replaces the one of its place."""

    demand: tuple[PostedDemand, ...] = ()
    latency: tuple[PostedLatency, ...] = ()


Posted = TypeVar("Posted", bound=RequestBody)


async def read(request: web.Request, model: type[Posted]) -> Posted:
    """The request's body.

    Raises ProblemError: 400 when it is not JSON, 408 when it comes too slowly, 422 when it is
    wrong.
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
        return model.model_validate_json(raw)
    except ValidationError as error:
        mistakes = error.errors(include_url=False)
    if mistakes[0]["type"] == "json_invalid":
        raise ProblemError(400, f"the body is not JSON: {mistakes[0]['ctx']['error']}")
    texts = [_text_of(mistake, model) for mistake in mistakes[:_SHOWN]]
    if len(mistakes) > _SHOWN:
        texts.append(f"and {len(mistakes) - _SHOWN} more")
    raise ProblemError(422, "; ".join(texts), field=_dotted(mistakes[0]))


def _text_of(mistake: ErrorDetails, model: type[RequestBody]) -> str:
    """One mistake in one sentence: which key, what was found, what is allowed."""
    place = _dotted(mistake)
    match mistake["type"]:
        case "missing":
            return f"the key {place} is missing"
        case "extra_forbidden":
            keys = tuple(_model_at(mistake["loc"][:-1], model).model_fields)
            return f"unknown key {place}; {suggestion(str(mistake['loc'][-1]), keys)}"
        case "value_error":
            reason = str(mistake["ctx"]["error"])
            return f"{place}: {reason}" if place else reason
    # pydantic says "Input should …", "String should …": what should comes from us.
    rule = mistake["msg"].partition(" should ")[2].replace("'", "")
    return f"{place or 'the body'} should {rule}, not {value_text(mistake['input'])}"


def _model_at(path: tuple[str | int, ...], model: type[RequestBody]) -> type[RequestBody]:
    """The model whose keys are allowed at a path; nested models stand in lists, one deep."""
    if not path:
        return model
    nested: type[RequestBody] = get_args(model.model_fields[str(path[0])].annotation)[0]
    return nested


def _dotted(mistake: ErrorDetails) -> str:
    return ".".join(str(part) for part in mistake["loc"])
