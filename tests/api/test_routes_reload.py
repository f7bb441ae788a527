"""`POST /v1/reload` in front of running loops."""

from __future__ import annotations

from typing import Any

from controller.model.configuration import Settings
from controller.model.errors import InvalidSettingsError, Problem
from controller.settings import LoadedSettings
from controller.settings.references import NO_REFERENCES
from tests.api.serving import QUICK, api


def changed(**regions: dict[str, object]) -> Settings:
    """The quick settings with other keys in regions of the service `shop`."""
    data = QUICK.model_dump(mode="json")
    for name, keys in regions.items():
        data["services"]["shop"]["regions"][name.replace("_", "-")] |= keys
    return Settings.model_validate(data)


def file(settings: Settings) -> Any:
    async def load() -> LoadedSettings:
        return LoadedSettings(settings, NO_REFERENCES)

    return load


async def test_a_dry_run_shows_what_a_reload_applies() -> None:
    """Both responses are equal except for `applied`."""
    new = changed(eu_west_1={"capacity_rps": 400.0})
    async with api(load=file(new)) as served:
        shown = await served.post("/v1/reload", json={"dry_run": True})
        assert served.controller.active_settings.settings is QUICK
        done = await served.post("/v1/reload", json={})
        status = await served.get("/v1/status")

    assert (shown.status, done.status) == (200, 200)
    assert done.body == {**shown.body, "applied": True}
    assert shown.body["differences"] == [
        {
            "key": "services.shop.regions.eu-west-1.capacity_rps",
            "old": "300",
            "new": "400",
            "needs_restart": False,
        }
    ]
    assert shown.body["refusal"] is None
    assert shown.body["moves"] == []
    assert shown.body["text"].splitlines()[-1] == "No traffic moves by it."
    assert status.body["settings_hash"] == shown.body["settings_hash"]


async def test_a_plan_that_moves_several_regions_is_a_conflict_until_it_is_accepted() -> None:
    """The problem has the dry run's response in `current`."""
    new = changed(eu_central_1={"share": 2.0})
    async with api(load=file(new)) as served:
        shown = await served.post("/v1/reload", json={"dry_run": True})
        refused = await served.post("/v1/reload", json={})
        wrong = await served.post("/v1/reload", json={"accept": "0"})
        assert served.controller.active_settings.settings is QUICK
        accept = shown.body["accept"]
        done = await served.post("/v1/reload", json={"accept": accept})
        assert served.controller.active_settings.settings is new

    assert shown.status == 200
    assert shown.body["refusal"] == refused.body["detail"]
    assert refused.status == wrong.status == 409
    assert refused.body["detail"].startswith("2 regions would lose traffic: eu-west-1, us-east-1;")
    assert refused.body["current"] == shown.body
    assert (done.status, done.body["applied"]) == (200, True)


async def test_errors_of_the_configuration_are_members_of_the_problem() -> None:
    """As text and as a list."""
    mistakes = (
        Problem("port must be a number", "api.port", 3, 9, hint="leave out the quotes"),
        Problem("cannot be read: No such file or directory"),
        Problem("no setting has this name", origin="env:GTC__X"),
    )

    async def load() -> LoadedSettings:
        raise InvalidSettingsError("gtc.yaml", mistakes)

    async with api(load=load, running=False) as served:
        for order in ({"dry_run": True}, {}):
            answer = await served.post("/v1/reload", json=order)
            assert answer.status == 422
            assert answer.body["detail"].splitlines()[1:] == [
                "  gtc.yaml:3:9: port must be a number (api.port); leave out the quotes",
                "  gtc.yaml: cannot be read: No such file or directory",
                "  env:GTC__X: no setting has this name",
            ]
            assert [one["path"] for one in answer.body["problems"]] == ["api.port", "", ""]


async def test_a_new_service_is_shown_before_its_first_cycle() -> None:
    """Between the reload and the next cycle its health is unknown."""
    data = QUICK.model_dump(mode="json")
    more = data["services"]["shop"] | {
        "levers": {"route53": {"hosted_zone_id": "Z9", "name": "new.example.test."}}
    }
    new = Settings.model_validate({**data, "services": {**data["services"], "new": more}})
    async with api(load=file(new), running=False) as served:
        assert (await served.post("/v1/reload", json={})).status == 200
        for path in ("/v1/status", "/v1/services", "/v1/services/new", "/v1/plan", "/metrics"):
            assert (await served.get(path)).status == 200, path
        regions = (await served.get("/v1/services/new")).body["regions"]
    assert {region["verdict"] for region in regions.values()} == {"unknown"}
