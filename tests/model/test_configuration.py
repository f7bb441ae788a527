"""What the nouns reckon themselves."""

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
def test_statuses_are_codes_classes_and_ranges(
    statuses: list[object], accepted: list[int], refused: list[int]
) -> None:
    """Both ends of a range belong to it."""
    endpoint = Endpoint.model_validate({"probe": "http://192.0.2.1/", "statuses": statuses})

    assert all(map(endpoint.accepts, accepted))
    assert not any(map(endpoint.accepts, refused))
