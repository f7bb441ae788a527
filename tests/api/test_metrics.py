"""Metrics: every series from the start, bounded labels, correct values."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from math import isnan

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from controller import __version__
from controller.api.metrics.daemon_metrics import CALL_OUTCOMES, OPERATIONS, DaemonMetrics
from controller.loops.reports.traffic import TrafficReports
from controller.model.aws_calls import AwsCall
from controller.model.configuration import EndpointId, Mode
from controller.model.health import NotRunCause, ProbeOutcome, ProbeResult, ReferenceKind
from controller.model.levers import Position
from controller.model.traffic import Measurement
from tests.api.serving import QUICK, Api, api
from tests.fakes.clock import FakeClock
from tests.loops.simulated import ZONE

WEB = EndpointId("shop", "eu-west-1", "web")


class Scrape:
    """The values of a registry, by name and labels."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def __call__(self, name: str, **labels: str) -> float | None:
        return self._registry.get_sample_value(name, labels)


def fresh() -> tuple[DaemonMetrics, Scrape]:
    metrics = DaemonMetrics(CollectorRegistry(), QUICK)
    return metrics, Scrape(metrics.registry)


def scraped(served: Api) -> Scrape:
    return Scrape(served.controller.api_dependencies().metrics.registry)


def test_every_event_has_its_series_before_it_first_happens() -> None:
    """Counters start at 0, so that the first event shows in a rate."""
    _, value = fresh()

    for outcome in ProbeOutcome:
        assert value("gtc_probes_total", **WEB._asdict(), outcome=outcome.value) == 0
        for expected in ("answer", "no_answer"):
            counted = {"expected": expected, "outcome": outcome.value}
            assert value("gtc_reference_probes_total", **counted) == 0
    for service, operations in OPERATIONS.items():
        for operation in operations:
            labels = {"service": service, "operation": operation}
            assert value("gtc_aws_request_duration_seconds_count", **labels) == 0
            for answer in CALL_OUTCOMES:
                assert value("gtc_aws_requests_total", **labels, outcome=answer) == 0
    for lever in ("route53", "accelerator"):
        assert value("gtc_propagation_seconds_count", lever=lever) == 0
        for status in ("applied", "refused", "unknown"):
            assert value("gtc_writes_total", lever=lever, outcome=status) == 0
    assert value("gtc_holds_total", reason="min_active") == 0
    assert value("gtc_overrides", kind="freeze") == 0


def test_unknown_values_are_nan_not_zero() -> None:
    """A share of 0 would mean that a region gets no traffic."""
    _, value = fresh()
    place = {"service": "shop", "pool": "europe", "region": "eu-west-1"}

    for name in (
        "gtc_region_share_desired_ratio",
        "gtc_region_share_observed_ratio",
        "gtc_lever_weight",
    ):
        found = value(name, **place)
        assert found is not None
        assert isnan(found)
    assert value("gtc_lever_dial_percent", **place) is None
    assert value("gtc_region_state", service="shop", region="eu-west-1", state="unknown") == 1
    assert value("gtc_region_up", service="shop", region="eu-west-1") == 0


def test_the_program_and_its_mode_are_named() -> None:
    """One series per mode; 1 for the present mode."""
    settings = QUICK.model_copy(update={"mode": Mode.DRY_RUN})
    value = Scrape(DaemonMetrics(CollectorRegistry(), settings).registry)

    assert value("gtc_build_info", version=__version__) == 1
    assert (value("gtc_mode", mode="dry_run"), value("gtc_mode", mode="active")) == (1, 0)


def test_probes_are_counted_by_outcome_and_timed_when_they_pass() -> None:
    """The duration of a failed probe is its deadline, not the region's latency."""
    metrics, value = fresh()
    for outcome in ProbeOutcome:
        metrics.probe_counter(WEB)(ProbeResult(outcome, 1.0, 0.25, ""))
    metrics.probe_counter(ReferenceKind.KNOWN_GOOD)(ProbeResult(ProbeOutcome.FAILED, 1.0, 0.25, ""))
    metrics.probe_counter(ReferenceKind.KNOWN_BAD)(ProbeResult(ProbeOutcome.FAILED, 1.0, 0.25, ""))
    metrics.probe_counter(ReferenceKind.KNOWN_BAD)(ProbeResult(ProbeOutcome.PASSED, 1.0, 0.25, ""))

    assert value("gtc_probes_total", **WEB._asdict(), outcome="failed") == 1
    place = {"service": "shop", "region": "eu-west-1"}
    assert value("gtc_probe_duration_seconds_count", **place) == 1
    assert value("gtc_probe_duration_seconds_sum", **place) == 0.25
    counted = "gtc_reference_probes_total"
    assert value(counted, expected="answer", outcome="failed") == 1
    assert value(counted, expected="answer", outcome="passed") == 0
    assert value(counted, expected="no_answer", outcome="failed") == 1
    assert value(counted, expected="no_answer", outcome="passed") == 1


def test_probes_that_could_not_be_run_are_counted_by_cause() -> None:
    """Of endpoints and reference targets together; each cause has a series from the start."""
    metrics, value = fresh()
    counted = "gtc_probes_could_not_run_total"
    assert {value(counted, cause=cause.value) for cause in NotRunCause} == {0}
    for observed in (WEB, ReferenceKind.KNOWN_GOOD):
        lacking = ProbeResult(ProbeOutcome.COULD_NOT_RUN, 1.0, 0.0, "", cause=NotRunCause.PORTS)
        metrics.probe_counter(observed)(lacking)
        metrics.probe_counter(observed)(ProbeResult(ProbeOutcome.FAILED, 1.0, 0.0, ""))
    metrics.probe_counter(WEB)(ProbeResult(ProbeOutcome.COULD_NOT_RUN, 1.0, 0.0, ""))

    assert value(counted, cause="ports") == 2
    assert value(counted, cause="mistake") == 1
    assert value("gtc_probes_total", **WEB._asdict(), outcome="could_not_run") == 2


def test_calls_and_propagation_are_counted_and_timed() -> None:
    """As the adapters and the follow-up report them."""
    metrics, value = fresh()
    metrics.aws_call(AwsCall("route53", "GetChange", "throttled", 0.5))
    metrics.propagation("route53", 12.0)

    labels = {"service": "route53", "operation": "GetChange"}
    assert value("gtc_aws_requests_total", **labels, outcome="throttled") == 1
    assert value("gtc_aws_request_duration_seconds_sum", **labels) == 0.5
    assert value("gtc_propagation_seconds_bucket", lever="route53", le="20.0") == 1
    assert value("gtc_propagation_seconds_bucket", lever="route53", le="10.0") == 0


async def test_a_failover_shows_in_verdicts_shares_levers_and_writes() -> None:
    """The metrics that the failure of one region changes, and no others."""
    async with api() as served:
        before = scraped(served)("gtc_writes_total", lever="route53", outcome="applied")
        await served.fail("eu-west-1")
        value = scraped(served)

        place = {"service": "shop", "pool": "europe", "region": "eu-west-1"}
        assert before == 0
        assert value("gtc_writes_total", lever="route53", outcome="applied") == 1
        assert value("gtc_region_up", service="shop", region="eu-west-1") == 0
        assert value("gtc_region_up", service="shop", region="us-east-1") == 1
        assert value("gtc_region_state", service="shop", region="eu-west-1", state="down") == 1
        assert value("gtc_region_share_desired_ratio", **place) == 0
        assert value("gtc_region_share_observed_ratio", **place) == 0
        assert value("gtc_lever_weight", **place) == 0
        accelerated = {"service": "api", "pool": "world", "region": "us-east-1"}
        assert value("gtc_lever_dial_percent", **accelerated) == 100
        latest = served.controller.reconciliation.latest
        assert latest is not None
        assert value("gtc_cycles_total") == latest.cycle
        assert value("gtc_cycle_duration_seconds_count") == latest.cycle
        assert 0 < (value("gtc_decisions_total") or 0) <= latest.cycle
        assert (value("gtc_cycle_last_success_timestamp_seconds") or 0) > 1e9


async def test_a_hold_is_counted_when_it_begins_and_shown_while_it_lasts() -> None:
    """Held pools now, and holds begun: a long hold is not many holds."""
    async with api() as served:
        body = {"kind": "freeze", "reason": "launch", "ttl_s": 600}
        freeze = await served.post("/v1/overrides", json=body)
        served.world.kill("eu-west-1")
        await served.until(lambda: scraped(served)("gtc_hold", reason="frozen") == 3)
        expiry = scraped(served)("gtc_override_expiry_timestamp_seconds", kind="freeze")
        for _ in range(3):
            await served.controller.reconciliation.reconcile()
        value = scraped(served)
        begun = value("gtc_holds_total", reason="frozen")
        overrides = value("gtc_overrides", kind="freeze")
        await served.delete(freeze.headers["Location"])
        await served.until(lambda: scraped(served)("gtc_hold", reason="frozen") == 0)

        assert begun == 3
        assert overrides == 1
        assert expiry == pytest.approx(served.world.clock.wall().timestamp() + 600, abs=10)
        left = scraped(served)("gtc_override_expiry_timestamp_seconds", kind="freeze")
        assert left is not None
        assert isnan(left)


async def test_drift_shows_at_the_pool_that_was_edited() -> None:
    """One position of one pool was changed outside the daemon."""
    async with api() as served:
        await served.fail("us-east-1")
        for record in served.world.records.stored(ZONE):
            if record.name.startswith("world.") and record.set_identifier == "us-east-1":
                served.world.records.put(ZONE, replace(record, weight=7))
        served.controller.observation.invalidate(ZONE)
        await served.controller.reconciliation.reconcile()
        value = scraped(served)

    assert value("gtc_drift", service="shop", pool="world") == 1
    assert value("gtc_drift", service="shop", pool="europe") == 0


async def test_panic_shows_at_the_service_whose_regions_fail_at_once() -> None:
    """Two of three regions turn suspect together; the pools hold."""
    async with api() as served:
        calm = scraped(served)("gtc_panic", service="shop")
        for region in ("eu-west-1", "us-east-1"):
            served.world.kill(region)
        await served.until(lambda: scraped(served)("gtc_panic", service="shop") == 1)

    assert calm == 0


async def test_isolation_shows_while_the_reference_targets_fail() -> None:
    """The prober is isolated then."""
    async with api() as served:
        calm = scraped(served)("gtc_isolated")
        for probe in served.world.settings.reference_targets.known_good:
            served.world.prober.answer(probe, ProbeOutcome.FAILED, "no route")
        await served.until(lambda: scraped(served)("gtc_isolated") == 1)

    assert calm == 0


async def test_measured_shares_are_those_of_now() -> None:
    """NaN without reports; 0 for a region without requests while others have some."""
    traffic = TrafficReports(FakeClock())
    metrics, value = fresh()
    metrics.add_measured_shares(traffic)
    place = {"service": "shop", "pool": "world"}
    silent = value("gtc_region_share_measured_ratio", **place, region="us-east-1")
    traffic.add([Measurement("shop", "world", "us-east-1", 3, 0)])
    traffic.add([Measurement("shop", "world", "eu-west-1", 1, 0)])

    assert isnan(silent if silent is not None else 0)
    assert value("gtc_region_share_measured_ratio", **place, region="us-east-1") == 0.75
    assert value("gtc_region_share_measured_ratio", **place, region="eu-central-1") == 0
    other = value(
        "gtc_region_share_measured_ratio", service="api", pool="world", region="us-east-1"
    )
    assert isnan(other if other is not None else 0)


async def test_a_scrape_can_be_parsed_and_is_small() -> None:
    """The exposition format, and a bounded number of series for three regions."""
    async with api() as served:
        answer = await served.get("/metrics")
        openmetrics = await served.get(
            "/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}
        )

    families = list(text_string_to_metric_families(answer.text))
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert sum(len(family.samples) for family in families) < 800
    assert openmetrics.text.endswith("# EOF\n")


def test_a_reload_changes_the_series_and_keeps_the_counts() -> None:
    """Removed series disappear, new ones begin, others keep their counts."""
    metrics, value = fresh()
    passed = ProbeResult(ProbeOutcome.PASSED, 1.0, 0.01, "200")
    metrics.probe_counter(WEB)(passed)
    data = QUICK.model_dump(mode="json")
    shop = data["services"]["shop"]
    shop["regions"]["us-west-2"] = shop["regions"].pop("eu-central-1")
    for pool in shop["pools"].values():
        pool["regions"] = [r.replace("eu-central-1", "us-west-2") for r in pool["regions"]]
    del data["services"]["api"]
    metrics.follow_settings(type(QUICK).model_validate(data | {"mode": "dry_run"}))

    for region, exists in (("eu-central-1", False), ("us-west-2", True), ("eu-west-1", True)):
        place = {"service": "shop", "pool": "world", "region": region}
        found = [
            value("gtc_region_up", service="shop", region=region),
            value("gtc_region_state", service="shop", region=region, state="up"),
            value("gtc_region_share_desired_ratio", **place),
            value("gtc_lever_weight", **place),
            value("gtc_probe_duration_seconds_count", service="shop", region=region),
        ]
        assert [one is not None for one in found] == [exists] * len(found), region
    assert value("gtc_probes_total", **WEB._asdict(), outcome="passed") == 1
    assert value("gtc_panic", service="api") is None
    assert value("gtc_drift", service="api", pool="world") is None
    assert value("gtc_lever_dial_percent", service="api", pool="world", region="us-east-1") is None
    assert (value("gtc_mode", mode="active"), value("gtc_mode", mode="dry_run")) == (0, 1)


def test_only_https_endpoints_have_the_end_of_a_certificate() -> None:
    """NaN before the first certificate; then the end of the last one."""
    data = QUICK.model_dump(mode="json")
    endpoints = data["services"]["shop"]["regions"]["eu-west-1"]["endpoints"]
    endpoints["web"]["probe"] = "https://127.0.10.1/"
    metrics = DaemonMetrics(CollectorRegistry(), type(QUICK).model_validate(data))
    value, name = Scrape(metrics.registry), "gtc_probe_certificate_expiry_timestamp_seconds"
    unseen = value(name, **WEB._asdict())
    assert unseen is not None
    assert isnan(unseen)
    ends_at = datetime(2027, 1, 2, tzinfo=UTC)
    metrics.probe_counter(WEB)(ProbeResult(ProbeOutcome.PASSED, 1.0, 0.01, "200", ends_at))
    metrics.probe_counter(WEB)(ProbeResult(ProbeOutcome.FAILED, 2.0, 0.01, "connection refused"))
    assert value(name, **WEB._asdict()) == ends_at.timestamp()
    assert value(name, service="shop", region="us-east-1", endpoint="web") is None


def test_success_and_failure_of_reloads_are_recorded() -> None:
    """The start counts as one; a failure does not move the time of the last success."""
    metrics, value = fresh()
    began = value("gtc_config_last_reload_success_timestamp_seconds")
    assert began is not None
    assert began > 0
    metrics.reload(succeeded=False)
    assert value("gtc_config_last_reload_successful") == 0
    assert value("gtc_config_last_reload_success_timestamp_seconds") == began
    metrics.reload(succeeded=True)
    assert value("gtc_config_last_reload_successful") == 1


class CountingPositions(tuple[Position, ...]):
    """Positions that count how often they are iterated."""

    rounds = 0

    def __iter__(self) -> Iterator[Position]:
        type(self).rounds += 1
        return super().__iter__()


async def test_a_cycle_iterates_the_positions_once_for_each_group_of_metrics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not once for each pool, which would be quadratic."""
    monkeypatch.setattr(CountingPositions, "rounds", 0)
    async with api(running=False) as served:
        report = await served.controller.reconciliation.reconcile()
        steering = served.controller.api_dependencies().metrics._steering
        steering._positions = CountingPositions(steering._positions)
        steering.cycle(report)

    assert len(report.decision.plans) == 3
    assert CountingPositions.rounds == 3  # shares, answers, levers
