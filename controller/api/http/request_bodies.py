"""The models of request bodies, and checks of texts in them.

Texts are one line in which all is visible, because people read them in terminals and logs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from controller.api.http.problems import ProblemError
from controller.api.visible_text import refusal
from controller.model.overrides import OverrideKind
from controller.settings.validation_messages import suggestion


def one_line(text: str) -> str:
    """The text, unchanged. Raises ValueError unless it is one line in which all is visible."""
    why = refusal(text)
    if why is not None:
        raise ValueError(why)
    return text


def not_blank(text: str) -> str:
    """The text, unchanged. Raises ValueError when it is empty or only white space."""
    if not text.strip():
        raise ValueError("must not be blank")
    return text


def single_line(name: str, text: str, max_length: int) -> str:
    """The text of a parameter, unchanged. Raises ProblemError 400 unless it is one short line."""
    why = refusal(text)
    if not text.isprintable() or len(text) > max_length:
        why = f"must be one line of at most {max_length} characters"
    if why is not None:
        raise ProblemError(400, f"{name} {why}", field=name)
    return text


def check_name(name: str, valid: Collection[str], field: str) -> None:
    """Raise ProblemError 422 with the nearest valid name unless the name is valid."""
    if name not in valid:
        detail = f"{field} is {name!r}; {suggestion(name, valid)}"
        raise ProblemError(422, detail, field=field, valid=valid)


MAX_SECONDS = 1e9
"""Most seconds that a request may name: 31 years."""
Line = Annotated[str, Field(max_length=1000), AfterValidator(one_line)]
Person = Annotated[
    str, Field(min_length=1, max_length=100), AfterValidator(one_line), AfterValidator(not_blank)
]
Count = Annotated[int, Field(ge=0, le=10**9)]
Share = Annotated[
    float, Field(examples=[0.3], json_schema_extra={"exclusiveMinimum": 0, "maximum": 1})
]
"""`0 < share <= 1`. Documented here, checked in `loops.override_requests`, whose error says what to
do."""


class RequestBody(BaseModel):
    """Base of every request body: frozen, strictly typed, without unknown keys."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        use_attribute_docstrings=True,
    )


Body = TypeVar("Body", bound=RequestBody)


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


Ttl = Annotated[
    float, Field(le=MAX_SECONDS, json_schema_extra={"exclusiveMinimum": 0}, examples=[14_400])
]
"""Seconds until an override ends. The settings allow less; `loops.override_requests` says what."""


class PostedOverride(PlannedOverride):
    """An override to be obeyed."""

    reason: Line
    """Why, in a few words; every viewer may read it."""
    author: Person | None = None
    """Whom the caller speaks for; None: for itself."""
    ttl_s: Ttl | None = None
    """Seconds until it ends by itself; None: the configured default."""


class PostedExtension(RequestBody):
    """Another end for an override, later or sooner than the one it has."""

    ttl_s: Ttl
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

    window_s: Annotated[float, Field(gt=0, le=MAX_SECONDS)]
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
