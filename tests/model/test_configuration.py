"""Methods of configuration models."""

from __future__ import annotations

import pytest

from controller.model.configuration import Endpoint


@pytest.mark.parametrize(
    ("statuses", "accepted", "refused"),
    [
        ([200], [200], [199, 201, 404]),
        (["2xx"], [200, 299], [199, 300]),
        (["200-204", 301], [200, 204, 301], [205, 300, 302]),
        (["1xx", "5xx"], [100, 599], [200, 499]),
    ],
)
def test_a_status_set_is_a_code_a_class_or_a_range(
    statuses: list[object], accepted: list[int], refused: list[int]
) -> None:
    """A range includes both of its ends."""
    endpoint = Endpoint.model_validate({"probe": "http://192.0.2.1/", "statuses": statuses})

    assert all(map(endpoint.accepts, accepted))
    assert not any(map(endpoint.accepts, refused))
