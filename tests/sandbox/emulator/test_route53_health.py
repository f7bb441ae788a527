"""Health checks: their settings in the API, and when one is healthy."""

from typing import Any

import pytest

from controller.sandbox.emulator.checkers.reports import CHECKERS, CheckerReports, Observation
from controller.sandbox.emulator.http.wire_messages import AwsError
from controller.sandbox.emulator.route53.health_checks import HealthCheckStore

HTTP = {"Type": "HTTP", "IPAddress": "127.0.10.1", "Port": 8080, "ResourcePath": "/healthz"}
CHECK = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def reports() -> CheckerReports:
    """No reports yet."""
    return CheckerReports()


@pytest.fixture
def store(reports: CheckerReports) -> HealthCheckStore:
    """No checks yet."""
    return HealthCheckStore(reports)


def create(store: HealthCheckStore, config: dict[str, Any], check: str = CHECK) -> dict[str, Any]:
    """A check with a chosen id."""
    params = {"CallerReference": f"id:{check}", "HealthCheckConfig": config}
    created: dict[str, Any] = store.create_health_check(params)["HealthCheck"]
    return created


def report(
    reports: CheckerReports,
    passed: bool,
    times: int = 3,
    regions: Any = CHECKERS,
    check: str = CHECK,
) -> None:
    """The same result several times from each of the regions."""
    for region in regions:
        for _ in range(times):
            reports.record(check, Observation(region, passed, f"passed {passed}", 1.0), 3)


def test_a_check_is_listed_with_awss_defaults(store: HealthCheckStore) -> None:
    """30 seconds, 3 failures, not inverted; HTTPS gets port 443 and SNI."""
    config = create(store, {"Type": "HTTPS", "FullyQualifiedDomainName": "a.test"})
    assert config["Id"] == CHECK
    assert config["HealthCheckConfig"] == {
        "Type": "HTTPS",
        "FullyQualifiedDomainName": "a.test",
        "Port": 443,
        "RequestInterval": 30,
        "FailureThreshold": 3,
        "MeasureLatency": False,
        "EnableSNI": True,
        "Inverted": False,
        "Disabled": False,
    }


def test_the_same_reference_answers_the_same_check_or_refuses(store: HealthCheckStore) -> None:
    """Same settings: the existing check. Others: HealthCheckAlreadyExists."""
    assert create(store, HTTP) == create(store, HTTP)
    with pytest.raises(AwsError) as caught:
        create(store, HTTP | {"Port": 81})
    assert caught.value.code == "HealthCheckAlreadyExists"


def test_an_update_with_an_old_version_is_refused(store: HealthCheckStore) -> None:
    """HealthCheckVersion is an optimistic lock and increases with each update."""
    create(store, HTTP)
    update = {"HealthCheckId": CHECK, "HealthCheckVersion": 1, "Disabled": True}
    updated = store.update_health_check(update)["HealthCheck"]
    assert (updated["HealthCheckVersion"], updated["HealthCheckConfig"]["Disabled"]) == (2, True)
    with pytest.raises(AwsError, match="has version 2, not 1") as caught:
        store.update_health_check(update)
    assert caught.value.code == "HealthCheckVersionMismatch"
    assert store.get_health_check({"HealthCheckId": CHECK})["HealthCheck"] == updated


INVALID: dict[str, tuple[dict[str, Any], str, str]] = {
    "no endpoint": ({"Type": "HTTP"}, "InvalidInput", "IPAddress or FullyQualified"),
    "no port": ({"Type": "TCP", "IPAddress": "127.0.0.1"}, "InvalidInput", "Port is required"),
    "interval": (HTTP | {"RequestInterval": 20}, "InvalidInput", "10 or 30, not 20"),
    "no string": (HTTP | {"Type": "HTTP_STR_MATCH"}, "InvalidInput", "SearchString"),
    "idle string": (HTTP | {"SearchString": "ok"}, "InvalidInput", "SearchString"),
    "idle children": (HTTP | {"HealthThreshold": 1}, "InvalidInput", "CALCULATED checks only"),
    "calculated alone": ({"Type": "CALCULATED"}, "InvalidInput", "are required"),
    "unknown child": (
        {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": ["x"]},
        "InvalidInput",
        "Child health check x does not exist",
    ),
    "alarm": ({"Type": "CLOUDWATCH_METRIC"}, "NotImplemented", "type CLOUDWATCH_METRIC"),
    "regions": (HTTP | {"Regions": ["us-east-1"]}, "NotImplemented", "member Regions"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_check_is_refused_by_name(store: HealthCheckStore, case: str) -> None:
    """Each rule of the configuration, and what is not emulated."""
    config, code, message = INVALID[case]
    with pytest.raises(AwsError, match=message) as caught:
        create(store, config)
    assert caught.value.code == code


def test_a_calculated_check_cannot_watch_another(store: HealthCheckStore) -> None:
    """Developer guide: calculated checks cannot be nested."""
    create(store, HTTP)
    calculated = {"Type": "CALCULATED", "HealthThreshold": 1, "ChildHealthChecks": [CHECK]}
    create(store, calculated, "outer")
    with pytest.raises(AwsError, match="outer is itself CALCULATED"):
        create(store, calculated | {"ChildHealthChecks": ["outer"]}, "outermost")


def test_a_new_check_is_healthy_until_data_arrives_and_an_inverted_one_is_not(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """Developer guide: sufficient data decides; inversion applies before it too."""
    create(store, HTTP)
    create(store, HTTP | {"Inverted": True}, "inverted")
    assert store.is_healthy(CHECK)
    assert not store.is_healthy("inverted")
    report(reports, False, check="inverted")
    assert store.is_healthy("inverted")


def test_three_failures_in_a_row_turn_a_checker_and_all_must_turn(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """FailureThreshold in a row; above 18 % of three checkers means any one of them."""
    create(store, HTTP)
    report(reports, False, times=2)
    report(reports, True, times=1)
    report(reports, False, times=2)
    assert store.is_healthy(CHECK)
    report(reports, False, times=1, regions=["us-east-1", "eu-west-1"])
    assert store.is_healthy(CHECK)
    report(reports, False, times=1, regions=["ap-northeast-1"])
    assert not store.is_healthy(CHECK)
    report(reports, True, times=3, regions=["eu-west-1"])
    assert store.is_healthy(CHECK)


def test_disabled_is_healthy_and_inverted_disabled_is_not(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """Developer guide: disabled counts as healthy, before inversion."""
    create(store, HTTP)
    report(reports, False)
    store.update_health_check({"HealthCheckId": CHECK, "Disabled": True})
    assert store.is_healthy(CHECK)
    assert store.probed() == {}
    store.update_health_check({"HealthCheckId": CHECK, "Inverted": True})
    assert not store.is_healthy(CHECK)


@pytest.mark.parametrize(("threshold", "healthy"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_calculated_check_counts_its_healthy_children(
    store: HealthCheckStore, reports: CheckerReports, threshold: int, healthy: bool
) -> None:
    """One of two is healthy: thresholds 0 and 1 are met, 2 is not, above the count never."""
    for child in ("first", "second"):
        create(store, HTTP, child)
    report(reports, False, check="first")
    children = ["first", "second"]
    config = {"Type": "CALCULATED", "HealthThreshold": threshold, "ChildHealthChecks": children}
    create(store, config)
    assert store.is_healthy(CHECK) is healthy


def test_the_drain_signal_tree_follows_its_three_children(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """A region check of an endpoint check and two inverted string matches, all required."""
    create(store, HTTP, "endpoint")
    signal = HTTP | {"Type": "HTTP_STR_MATCH", "SearchString": "drain=on", "Inverted": True}
    for name in ("d1", "d2"):
        create(store, signal, name)
    children = ["endpoint", "d1", "d2"]
    config = {"Type": "CALCULATED", "HealthThreshold": 3, "ChildHealthChecks": children}
    create(store, config)
    assert not store.is_healthy(CHECK)
    for name in ("d1", "d2"):
        report(reports, False, check=name)
    assert store.is_healthy(CHECK)
    report(reports, True, check="d2")
    assert not store.is_healthy(CHECK)


def test_the_status_is_what_each_checker_last_saw(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """No observation before data; then one for each checker; the last failure is separate."""
    create(store, HTTP)
    asked = {"HealthCheckId": CHECK}
    assert store.get_health_check_status(asked) == {"HealthCheckObservations": []}
    report(reports, False, times=1)
    report(reports, True, times=1, regions=["eu-west-1"])
    seen = store.get_health_check_status(asked)["HealthCheckObservations"]
    statuses = {each["Region"]: each["StatusReport"]["Status"] for each in seen}
    assert statuses == {r: f"passed {r == 'eu-west-1'}" for r in CHECKERS}
    failed = store.get_health_check_last_failure_reason(asked)["HealthCheckObservations"]
    assert len(failed) == 3


def test_a_calculated_check_has_no_status_to_ask_for(store: HealthCheckStore) -> None:
    """API reference, GetHealthCheckStatus: "You can't use it to get the status of" such a check."""
    create(store, {"Type": "CALCULATED", "HealthThreshold": 0, "ChildHealthChecks": []})
    with pytest.raises(AwsError) as caught:
        store.get_health_check_status({"HealthCheckId": CHECK})
    assert caught.value.code == "InvalidInput"


def test_a_deleted_check_is_gone_and_withholds_nothing(
    store: HealthCheckStore, reports: CheckerReports
) -> None:
    """Its reports are deleted; records that still name it are served."""
    create(store, HTTP)
    report(reports, False)
    store.delete_health_check({"HealthCheckId": CHECK})
    assert not store.exists(CHECK)
    assert store.is_healthy(CHECK)
    with pytest.raises(AwsError) as caught:
        store.get_health_check({"HealthCheckId": CHECK})
    assert caught.value.code == "NoSuchHealthCheck"
    create(store, HTTP)
    assert store.get_health_check_status({"HealthCheckId": CHECK})["HealthCheckObservations"] == []


def test_checks_are_listed_in_pages(store: HealthCheckStore) -> None:
    """The next page begins at the marker."""
    for number in range(5):
        create(store, HTTP, f"check-{number}")
    first = store.list_health_checks({"MaxItems": "3"})
    second = store.list_health_checks({"Marker": first["NextMarker"]})
    ids = [check["Id"] for page in (first, second) for check in page["HealthChecks"]]
    assert ids == [f"check-{number}" for number in range(5)]
    assert (first["IsTruncated"], second["IsTruncated"]) == (True, False)
