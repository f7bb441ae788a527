"""Hundreds of generated requests: no 5xx, and no response that is not described.

schemathesis makes them of the API's own description, valid and invalid ones, and compares every
answer with it: status, content type, headers, schema. `make properties` makes thousands.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode
from schemathesis.core.result import Ok, Result
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from controller.model.configuration import ApiLimits
from controller.settings import LoadedSettings
from controller.settings.references import NO_REFERENCES
from tests.api.callers import bearer, guarded
from tests.api.serving import api

REQUESTS = max(500, settings().max_examples // 2)
SEED = 20260601
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
KNOWN = {"name": "shop", "id": "1"}
"""Names that exist: random requests would not find them."""
FREEZE = {"kind": "freeze", "service": "shop", "pool": "europe", "reason": "to be found"}
UNLIMITED = ApiLimits(
    writes_per_min=1e9,
    writes_burst=10**9,
    reads_per_s=1e9,
    reads_burst=10**9,
    measurements_per_s=1e9,
    measurements_burst=10**9,
)


@pytest.mark.hypothesis
@pytest.mark.timeout(600)
async def test_every_response_to_a_generated_request_is_described(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Every route, as admin, while the daemon's loops carry out what was accepted."""
    async with api(guarded(UNLIMITED), load=unchanged) as served:
        served.controller.event_stream.close()  # or the stream of events would never end
        freeze = await served.post(
            "/v1/overrides", json=FREEZE, headers={**bearer("admin"), "If-Match": "*"}
        )
        assert freeze.headers["Location"].endswith(f"/{KNOWN['id']}")
        description = (await served.get("/openapi.json")).body
        found = await asyncio.to_thread(ask_everything, served.url, description)

    statuses: Counter[int] = sum(found.values(), Counter())
    with capsys.disabled():
        sys.stdout.write(f"\n{statuses.total()} requests, seed {SEED}: {dict(statuses)}\n")
    assert statuses.total() >= REQUESTS
    assert not [name for name, answered in found.items() if min(answered) >= 300]


async def unchanged() -> LoadedSettings:
    """The active settings, for a reload that changes nothing."""
    return LoadedSettings(guarded(UNLIMITED), NO_REFERENCES)


def ask_everything(url: str, description: dict[str, Any]) -> dict[str, Counter[int]]:
    """Operation to the number of responses by status."""
    schema = schemathesis.openapi.from_dict(description)
    schema.config.generation.with_security_parameters = False  # wrong tokens are another test's
    operations = [described(result) for result in schema.get_all_operations()]
    # What is there must be there as long as others look at it.
    operations.sort(key=lambda one: one.method == "delete")
    # Where there is nothing to vary, one request is all there is.
    varied = [one for one in operations if one.body or list(one.iter_parameters())]
    examples = REQUESTS // len(varied) // len(GenerationMode) + 5
    return {
        f"{operation.method} {operation.path}": ask(
            operation, url, examples, documented(description, operation)
        )
        for operation in operations
    }


def described(found: Result[Any, Any]) -> Any:
    """An operation whose description schemathesis can parse."""
    assert isinstance(found, Ok), found
    return found.ok()


def documented(description: dict[str, Any], operation: Any) -> object:
    """The body that the description gives as an example; None without one."""
    route = description["paths"][operation.path][operation.method]
    content = route.get("requestBody", {}).get("content", {}).get("application/json", {})
    return content.get("example")


def ask(operation: Any, url: str, examples: int, example: object) -> Counter[int]:
    """Send valid and invalid requests to one operation, and check every response."""
    statuses: Counter[int] = Counter()
    for mode in GenerationMode:
        cases: SearchStrategy[Any] = operation.as_strategy(generation_mode=mode)
        test = settings(
            max_examples=examples,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(cases)(asking(url, mode, statuses, example)))
        with suppress(Unsatisfiable):  # nothing about it can be wrong
            seed(SEED)(test)()
    return statuses


def asking(
    url: str, mode: GenerationMode, statuses: Counter[int], example: object
) -> Callable[[Any], None]:
    """Sends a request, counts the status, and compares the response with the description."""
    numbers = count()

    def asked(case: Any) -> None:
        number = next(numbers)
        # Every second one may be carried out; the others show what comes of a wrong If-Match.
        free = {"If-Match": "*"} if number % 2 else {}
        if mode is GenerationMode.POSITIVE and number % 4 > 1:
            case.path_parameters = {name: KNOWN[name] for name in case.path_parameters}
            if example is not None:  # chance would not find a region either
                case.body = example
        answer = case.call(base_url=url, headers={**bearer("admin"), **free}, timeout=10)
        statuses[answer.status_code] += 1
        # That 413 refuses, too, schemathesis does not know.
        checks = CHECKS if answer.status_code != 413 else CHECKS[:-1]
        case.validate_response(answer, checks=checks)

    return asked
