"""Global Accelerator's control plane: replacement, defaults, states, pages, errors."""

from typing import Any

import pytest

from controller.sandbox.emulator.accelerator.operations import GlobalAccelerator
from controller.sandbox.emulator.accelerator.store import AcceleratorStore
from controller.sandbox.emulator.http.wire_messages import AwsError
from tests.sandbox.emulator.builders import Clock

UUID = "00000000-0000-4000-8000-000000000001"
ARN = f"arn:aws:globalaccelerator::000000000000:accelerator/{UUID}"
FIRST, SECOND = "eipalloc-0000000007f000a01", "eipalloc-0000000007f000a02"


class Api:
    """The service on a simulated clock, with one accelerator and one listener."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.store = AcceleratorStore(self.clock, deployed_after_s=2.0)
        self.health: dict[str, str] = {}
        service = GlobalAccelerator(self.store, lambda group, e: self.health.get(e, "INITIAL"))
        self.operations = service.operations
        self("CreateAccelerator", Name="a", IdempotencyToken=f"id:{UUID}")
        listener = self(
            "CreateListener",
            AcceleratorArn=ARN,
            PortRanges=[{"FromPort": 9000, "ToPort": 9001}],
            IdempotencyToken="listener",
        )
        self.listener = listener["Listener"]["ListenerArn"]

    def __call__(self, operation: str, **params: Any) -> dict[str, Any]:
        """Call one operation."""
        return self.operations[operation](params)

    def group(self, region: str = "eu-west-1", **params: Any) -> dict[str, Any]:
        """A new endpoint group with one endpoint."""
        params = {
            "ListenerArn": self.listener,
            "EndpointGroupRegion": region,
            "EndpointConfigurations": [{"EndpointId": FIRST, "Weight": 10}],
            "IdempotencyToken": region,
        } | params
        created: dict[str, Any] = self("CreateEndpointGroup", **params)["EndpointGroup"]
        return created

    def status(self) -> str:
        """The accelerator's status."""
        described = self("DescribeAccelerator", AcceleratorArn=ARN)["Accelerator"]
        return str(described["Status"])

    def dials(self) -> list[float]:
        """The deployed dials."""
        served = self.store.served()
        return [g.dial for a in served for listener in a.listeners for g in listener.groups]

    def refusal(self, operation: str, **params: Any) -> str:
        """The code with which a call is refused."""
        with pytest.raises(AwsError) as caught:
            self(operation, **params)
        return caught.value.code


@pytest.fixture
def api() -> Api:
    """A fresh service."""
    return Api()


def test_the_accelerators_id_and_addresses_follow_from_its_token(api: Api) -> None:
    """`id:` gives the UUID; the first has 127.0.99.1 and .2; the token answers the same again."""
    again = api("CreateAccelerator", Name="other", IdempotencyToken=f"id:{UUID}")["Accelerator"]
    assert again["AcceleratorArn"] == ARN
    assert again["Name"] == "a"
    assert again["IpSets"][0]["IpAddresses"] == ["127.0.99.1", "127.0.99.2"]
    assert again["DnsName"] == "a8000000000000001.awsglobalaccelerator.com"
    second = api("CreateAccelerator", Name="b", IdempotencyToken="b")["Accelerator"]
    assert second["IpSets"][0]["IpAddresses"] == ["127.0.99.3", "127.0.99.4"]


def test_a_group_is_created_with_awss_defaults(api: Api) -> None:
    """Dial 100, TCP on the listener's first port, 30 seconds, threshold 3, INITIAL."""
    group = api.group(EndpointConfigurations=[{"EndpointId": FIRST}])
    del group["EndpointGroupArn"]
    assert group == {
        "EndpointGroupRegion": "eu-west-1",
        "TrafficDialPercentage": 100.0,
        "HealthCheckPort": 9000,
        "HealthCheckProtocol": "TCP",
        "HealthCheckPath": "/",
        "HealthCheckIntervalSeconds": 30,
        "ThresholdCount": 3,
        "EndpointDescriptions": [
            {
                "EndpointId": FIRST,
                "Weight": 128,
                "HealthState": "INITIAL",
                "ClientIPPreservationEnabled": False,
            }
        ],
    }


def test_a_sent_endpoint_list_replaces_and_an_omitted_weight_is_128(api: Api) -> None:
    """A common mistake: sending one endpoint drops the other, and resets its weight."""
    both = [{"EndpointId": FIRST, "Weight": 0}, {"EndpointId": SECOND, "Weight": 5}]
    arn = api.group(EndpointConfigurations=both)["EndpointGroupArn"]
    dial_only = api("UpdateEndpointGroup", EndpointGroupArn=arn, TrafficDialPercentage=25.0)
    weights = {
        e["EndpointId"]: e["Weight"] for e in dial_only["EndpointGroup"]["EndpointDescriptions"]
    }
    assert weights == {FIRST: 0, SECOND: 5}
    listed = [{"EndpointId": FIRST}]
    api("UpdateEndpointGroup", EndpointGroupArn=arn, EndpointConfigurations=listed)
    group = api("DescribeEndpointGroup", EndpointGroupArn=arn)["EndpointGroup"]
    assert [(e["EndpointId"], e["Weight"]) for e in group["EndpointDescriptions"]] == [(FIRST, 128)]
    assert group["TrafficDialPercentage"] == 25.0


def test_endpoints_can_be_added_and_removed_singly(api: Api) -> None:
    """AddEndpoints keeps the others; RemoveEndpoints removes the named ones."""
    arn = api.group()["EndpointGroupArn"]
    added = [{"EndpointId": SECOND, "Weight": 7}]
    result = api("AddEndpoints", EndpointGroupArn=arn, EndpointConfigurations=added)
    assert [e["Weight"] for e in result["EndpointDescriptions"]] == [7]
    api("RemoveEndpoints", EndpointGroupArn=arn, EndpointIdentifiers=[{"EndpointId": FIRST}])
    group = api("DescribeEndpointGroup", EndpointGroupArn=arn)["EndpointGroup"]
    assert [e["EndpointId"] for e in group["EndpointDescriptions"]] == [SECOND]


def test_a_change_is_described_at_once_and_met_by_users_when_deployed(api: Api) -> None:
    """IN_PROGRESS belongs to the accelerator and lasts until its last change is deployed."""
    arn = api.group()["EndpointGroupArn"]
    api.clock.advance(2.0)
    assert (api.status(), api.dials()) == ("DEPLOYED", [100.0])
    api("UpdateEndpointGroup", EndpointGroupArn=arn, TrafficDialPercentage=50.0)
    group = api("DescribeEndpointGroup", EndpointGroupArn=arn)["EndpointGroup"]
    assert group["TrafficDialPercentage"] == 50.0
    assert (api.status(), api.dials()) == ("IN_PROGRESS", [100.0])
    api.clock.advance(2.0)
    assert (api.status(), api.dials()) == ("DEPLOYED", [50.0])


def test_a_disabled_accelerator_is_not_served(api: Api) -> None:
    """Its DNS name has no address once the change is deployed."""
    name = "a8000000000000001.awsglobalaccelerator.com."
    api.clock.advance(2.0)
    assert api.store.static_addresses(name) == ("127.0.99.1", "127.0.99.2")
    api("UpdateAccelerator", AcceleratorArn=ARN, Enabled=False)
    api.clock.advance(2.0)
    assert api.store.static_addresses(name) == ()


def test_deletion_goes_from_the_leaves_up_and_needs_disabling(api: Api) -> None:
    """Each level refuses while something is below it."""
    arn = api.group()["EndpointGroupArn"]
    accelerator, listener = {"AcceleratorArn": ARN}, {"ListenerArn": api.listener}
    assert api.refusal("DeleteAccelerator", **accelerator) == "AcceleratorNotDisabledException"
    api("UpdateAccelerator", **accelerator, Enabled=False)
    assert api.refusal("DeleteAccelerator", **accelerator) == "AssociatedListenerFoundException"
    assert api.refusal("DeleteListener", **listener) == "AssociatedEndpointGroupFoundException"
    api("DeleteEndpointGroup", EndpointGroupArn=arn)
    assert api.refusal("DescribeEndpointGroup", EndpointGroupArn=arn) == (
        "EndpointGroupNotFoundException"
    )
    api("DeleteListener", **listener)
    assert api.refusal("DescribeListener", **listener) == "ListenerNotFoundException"
    api("DeleteAccelerator", **accelerator)
    assert api.refusal("DescribeAccelerator", **accelerator) == "AcceleratorNotFoundException"


def test_one_group_for_each_region_and_one_for_each_token(api: Api) -> None:
    """The same token returns its group; a second one for the Region is refused."""
    assert api.group() == api.group()
    with pytest.raises(AwsError) as caught:
        api.group(IdempotencyToken="other")
    assert caught.value.code == "EndpointGroupAlreadyExistsException"


INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "load balancer": (
        {"EndpointConfigurations": [{"EndpointId": "arn:aws:elasticloadbalancing:x"}]},
        "NotImplemented",
    ),
    "other allocation": (
        {"EndpointConfigurations": [{"EndpointId": "eipalloc-12345678"}]},
        "EndpointNotFoundException",
    ),
    "twice": (
        {"EndpointConfigurations": [{"EndpointId": FIRST}, {"EndpointId": FIRST}]},
        "InvalidArgumentException",
    ),
    "interval": ({"HealthCheckIntervalSeconds": 20}, "InvalidArgumentException"),
    "protocol": ({"HealthCheckProtocol": "HTTP"}, "NotImplemented"),
    "override": (
        {"PortOverrides": [{"ListenerPort": 9000, "EndpointPort": 1}]},
        "NotImplemented",
    ),
    "region": ({"EndpointGroupRegion": "eu-nowhere-9"}, "InvalidArgumentException"),
}


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_group_is_refused(api: Api, case: str) -> None:
    """Each rule, and what is not emulated."""
    params, code = INVALID[case]
    with pytest.raises(AwsError) as caught:
        api.group(**params)
    assert caught.value.code == code


def test_listeners_may_not_share_a_port(api: Api) -> None:
    """Overlap and wrong order are refused, on creation and on update."""
    for ports in ((9001, 9005), (10, 5)):
        ranges = [{"FromPort": ports[0], "ToPort": ports[1]}]
        params = {"AcceleratorArn": ARN, "PortRanges": ranges, "IdempotencyToken": "other"}
        assert api.refusal("CreateListener", **params) == "InvalidPortRangeException"
    ranges = [{"FromPort": 9001, "ToPort": 9002}]
    updated = api("UpdateListener", ListenerArn=api.listener, PortRanges=ranges)["Listener"]
    assert updated["PortRanges"] == ranges
    assert api("ListListeners", AcceleratorArn=ARN)["Listeners"] == [updated]


def test_listings_come_in_pages(api: Api) -> None:
    """MaxResults and NextToken; an unknown token is refused."""
    for region in ("eu-west-1", "us-east-1", "ap-northeast-1"):
        api.group(region)
    first = api("ListEndpointGroups", ListenerArn=api.listener, MaxResults=2)
    second = api("ListEndpointGroups", ListenerArn=api.listener, NextToken=first["NextToken"])
    pages = [[g["EndpointGroupRegion"] for g in p["EndpointGroups"]] for p in (first, second)]
    assert pages == [["eu-west-1", "us-east-1"], ["ap-northeast-1"]]
    assert second["NextToken"] is None
    assert api.refusal("ListAccelerators", NextToken="x") == "InvalidNextTokenException"
