"""The codec handles every operation of the emulated services exactly as botocore's client does."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore import awsrequest, parsers, serialize
from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from controller.sandbox.emulator.http.codec import Codec, codec_for, error_without_codec
from controller.sandbox.emulator.http.wire_messages import AwsError, WireReply, WireRequest

SERVICES = ("route53", "globalaccelerator")
CODECS = {service: codec_for(service) for service in SERVICES}
OPERATIONS = [(s, name) for s in SERVICES for name in CODECS[s].model.operation_names]
UTC = dt.UTC


def example(shape: Shape, seen: tuple[str, ...] = ()) -> Any:
    """A value that uses every member of a shape once and stays within the model's constraints."""
    if isinstance(shape, StructureShape):
        return example_structure(shape, seen)
    if isinstance(shape, ListShape):
        item = example(shape.member, seen)
        return [] if item == {} else [item] * max(2, shape.metadata.get("min", 0))
    if isinstance(shape, MapShape):
        return {"k1": example(shape.value, seen)}
    return example_scalar(shape)


def example_structure(shape: StructureShape, seen: tuple[str, ...]) -> dict[str, Any]:
    """The members of a structure; a recursive shape is empty the second time."""
    if shape.name in seen:
        return {}
    members = {n: example(m, (*seen, shape.name)) for n, m in shape.members.items()}
    return {name: value for name, value in members.items() if value not in ({}, [])}


def example_scalar(shape: Shape) -> Any:
    """A scalar within its bounds, with characters that need escaping if possible."""
    makers: dict[str, Callable[[], Any]] = {
        "timestamp": lambda: dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "integer": lambda: shape.metadata.get("min", 7),
        "long": lambda: shape.metadata.get("min", 7),
        "float": lambda: 1.5,
        "double": lambda: 1.5,
        "boolean": lambda: True,
    }
    if shape.type_name in makers:
        return makers[shape.type_name]()
    if shape.metadata.get("enum"):
        return shape.metadata["enum"][0]
    text = "loc1" if shape.serialization.get("location") else "é&<"
    length = max(len(text), shape.metadata.get("min", 0))
    return (text * 16)[: min(length, shape.metadata.get("max", length))]


def client_request(codec: Codec, operation: OperationModel, params: Any) -> WireRequest:
    """The request that botocore's client would send."""
    sent = serialize.create_serializer(codec.protocol, False).serialize_to_request(
        params, operation
    )
    body = sent["body"]
    return WireRequest(
        method=sent["method"],
        path=sent["url_path"].partition("?")[0],
        query=urlencode(sent.get("query_string") or {}, doseq=True),
        headers=sent["headers"],
        body=body.encode() if isinstance(body, str) else bytes(body or b""),
    )


def client_result(codec: Codec, operation: OperationModel, reply: WireReply) -> Any:
    """The result that botocore's client would make of a reply, without its metadata."""
    response = {
        "status_code": reply.status,
        "headers": awsrequest.HeadersDict(reply.headers),
        "body": reply.body,
    }
    parser: Any = parsers.create_parser(codec.protocol)  # its stub lacks results without a shape
    parsed = parser.parse(response, operation.output_shape)
    parsed.pop("ResponseMetadata", None)
    return parsed


def in_utc(value: Any) -> Any:
    """The value with every timestamp in UTC, for comparison."""
    if isinstance(value, dict):
        return {name: in_utc(member) for name, member in value.items()}
    if isinstance(value, list):
        return [in_utc(item) for item in value]
    return value.astimezone(UTC) if isinstance(value, dt.datetime) else value


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_every_request_arrives_as_the_client_meant_it(service: str, name: str) -> None:
    """What botocore's client serializes, the codec reads back: same operation, same parameters."""
    codec = CODECS[service]
    operation = codec.model.operation_model(name)
    params = example(operation.input_shape) if operation.input_shape else {}
    got_name, got = codec.parse(client_request(codec, operation, params))
    assert got_name == name
    assert in_utc(got) == params


@pytest.mark.parametrize(("service", "name"), OPERATIONS)
def test_every_reply_is_read_by_the_client_as_it_was_meant(service: str, name: str) -> None:
    """What the codec writes, botocore's client parses back to the same result."""
    codec = CODECS[service]
    operation = codec.model.operation_model(name)
    result = example(operation.output_shape) if operation.output_shape else {}
    reply = codec.dump(name, result)
    assert in_utc(client_result(codec, operation, reply)) == result


@pytest.mark.parametrize("service", SERVICES)
def test_an_error_reaches_the_client_with_code_message_and_the_models_status(service: str) -> None:
    """botocore finds the code and the message; the HTTP status comes from the service model."""
    codec = CODECS[service]
    code, status = {
        "route53": ("NoSuchHostedZone", 404),
        "globalaccelerator": ("AcceleratorNotFoundException", 400),
    }[service]
    reply = codec.error(AwsError(code, "no & never"))
    assert reply.status == status
    response = {"status_code": reply.status, "headers": reply.headers, "body": reply.body}
    parser: Any = parsers.create_parser(codec.protocol)  # its stub lacks results without a shape
    parsed = parser.parse(response, None)
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == "no & never"


def weight_request(weight: int) -> WireRequest:
    """An UPSERT of one weighted record, as the client would send it."""
    record = {
        "Name": "a.example.test",
        "Type": "A",
        "SetIdentifier": "x",
        "Weight": weight,
        "TTL": 5,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    changes = [{"Action": "UPSERT", "ResourceRecordSet": record}]
    params = {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": changes}}
    codec = CODECS["route53"]
    return client_request(codec, codec.model.operation_model("ChangeResourceRecordSets"), params)


def test_a_value_outside_the_models_range_is_refused_with_its_place() -> None:
    """A weight of 256 breaks the model: InvalidInput naming place, value and limit."""
    assert CODECS["route53"].parse(weight_request(255))[0] == "ChangeResourceRecordSets"
    place = r"'256' at 'ChangeBatch.Changes.1.member.ResourceRecordSet.Weight' .* equal to 255"
    with pytest.raises(AwsError, match=place) as caught:
        CODECS["route53"].parse(weight_request(256))
    assert caught.value.code == "InvalidInput"


def test_a_missing_required_member_is_refused_by_name() -> None:
    """An UpdateEndpointGroup without its ARN is an invalid argument that names the member."""
    headers = {"X-Amz-Target": "GlobalAccelerator_V20180706.UpdateEndpointGroup"}
    with pytest.raises(AwsError, match="EndpointGroupArn") as caught:
        CODECS["globalaccelerator"].parse(WireRequest("POST", "/", "", headers, b"{}"))
    assert caught.value.code == "InvalidArgumentException"


def test_unreadable_bodies_and_unknown_operations_are_errors_not_crashes() -> None:
    """Bad XML, bad JSON, an unknown path and an unknown target each have their own code."""
    path = "/2013-04-01/hostedzone"
    known = WireRequest("POST", "/", "", {"X-Amz-Target": "V1.ListAccelerators"}, b"{")
    unknown = WireRequest("POST", "/", "", {"X-Amz-Target": "V1.Nonsense"}, b"")
    cases = [
        ("route53", WireRequest("POST", path, "", {}, b"<open>"), "InvalidInput"),
        ("route53", WireRequest("GET", "/nowhere", "", {}, b""), "UnknownOperationException"),
        ("route53", WireRequest("GET", path, "maxitems=x", {}, b""), None),
        ("globalaccelerator", known, "SerializationException"),
        ("globalaccelerator", unknown, "UnknownOperationException"),
    ]
    for service, request, code in cases:
        try:
            CODECS[service].parse(request)
            got = None
        except AwsError as error:
            got = error.code
        assert got == code, request


def test_without_a_codec_the_error_format_follows_the_callers_headers() -> None:
    """A JSON caller gets `__type`, any other gets `ErrorResponse`."""
    error = AwsError("NotImplemented", "service 'x' is not emulated", 501)
    as_json = error_without_codec(error, WireRequest("POST", "/", "", {"X-Amz-Target": "A.B"}, b""))
    as_xml = error_without_codec(error, WireRequest("GET", "/", "", {}, b""))
    assert json.loads(as_json.body)["__type"] == "NotImplemented"
    assert b"<ErrorResponse><Error><Type>Receiver</Type><Code>NotImplemented" in as_xml.body
    assert as_json.status == as_xml.status == 501


def test_a_service_with_another_protocol_is_refused_by_name() -> None:
    """The codec says which protocols it has."""
    with pytest.raises(LookupError, match="ec2 speaks ec2; written are json, rest-xml"):
        codec_for("ec2")
