"""Wire formats of AWS services, driven by the service models that botocore ships.

The server's half of the protocols: requests are read with botocore's *response* parser and answers
are written with its *request* serializer, each applied to the opposite shape. Both are private
methods; the round-trip test over every operation fails the day they move. This is the only file of
the emulator that may import botocore.

Formats: the Smithy specification, *AWS JSON 1.1 protocol* and *AWS restXml protocol*. The model's
constraints (required, range, length, enum) are enforced as AWS does, with its "validation error
detected" wording. Not enforced: patterns. Not written: other protocols, streaming, and
payload-bound members, which neither emulated service uses.
"""

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qs, unquote
from uuid import uuid4
from xml.etree import ElementTree

from botocore import parsers, serialize
from botocore.loaders import Loader
from botocore.model import ListShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from controller.sandbox.emulator.http.wire_messages import AwsError, Params, WireReply, WireRequest

# The code with which each service refuses a request that breaks its own model.
_INVALID_REQUEST_CODES = {
    "route53": "InvalidInput",
    "globalaccelerator": "InvalidArgumentException",
}
_JSON = "application/x-amz-json-1.1"
_XML = "text/xml"


def codec_for(service: str) -> "Codec":
    """The codec of one service. Raises LookupError for a protocol that is not supported."""
    model = ServiceModel(Loader().load_service_model(service, "service-2"), service)
    codecs: dict[str, type[Codec]] = {"json": JsonCodec, "rest-xml": RestXmlCodec}
    protocol = model.metadata["protocol"]
    if protocol not in codecs:
        raise LookupError(f"{service} speaks {protocol}; written are {', '.join(codecs)}")
    return codecs[protocol](model)


class Codec(ABC):
    """Turns requests into operations with parameters, and results or errors into replies."""

    protocol: str

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._invalid_code = _INVALID_REQUEST_CODES.get(model.service_name, "ValidationException")
        # botocore declares these as base classes; the methods used are private to subclasses.
        self._parser: Any = parsers.create_parser(self.protocol)
        self._serializer: Any = serialize.create_serializer(self.protocol, False)

    def parse(self, request: WireRequest) -> tuple[str, Params]:
        """The operation's name and its parameters, validated by the service's model.

        Raises AwsError for an unknown operation, an unreadable body, or a broken constraint.
        """
        operation, params = self._read(request)
        self._refuse_invalid(operation, params)
        return str(operation.name), params

    def dump(self, operation: str, result: Params) -> WireReply:
        """The successful reply of an operation."""
        model = self.model.operation_model(operation)
        status = int(model.http.get("responseCode", 200))
        headers = {"x-amzn-RequestId": str(uuid4())}
        if model.output_shape is None:
            return WireReply(status, headers, b"")
        present = {name: value for name, value in result.items() if value is not None}
        return self._write(model.output_shape, status, headers, present)

    def error(self, error: AwsError) -> WireReply:
        """The reply for an error, with the model's HTTP status where it names one."""
        status = error.status
        for shape in self.model.error_shapes:
            if error.code == shape.name:
                status = int((shape.metadata.get("error") or {}).get("httpStatusCode", status))
        return self._write_error(AwsError(error.code, error.message, status))

    @abstractmethod
    def _read(self, request: WireRequest) -> tuple[OperationModel, Params]: ...

    @abstractmethod
    def _write(
        self, shape: StructureShape, status: int, headers: dict[str, str], members: Params
    ) -> WireReply: ...

    @abstractmethod
    def _write_error(self, error: AwsError) -> WireReply: ...

    def _refuse_invalid(self, operation: OperationModel, params: Params) -> None:
        if operation.input_shape is None:
            return
        report = ParamValidator().validate(params, operation.input_shape)
        if report.has_errors():
            raise AwsError(self._invalid_code, report.generate_report())
        found = list(_broken_constraints(operation.input_shape, params, ""))
        if found:
            text = f"{len(found)} validation error{'s' * (len(found) > 1)} detected: "
            raise AwsError(self._invalid_code, text + "; ".join(found))


class JsonCodec(Codec):
    """AWS JSON 1.1: the operation is named in `X-Amz-Target`, everything else is in the body."""

    protocol = "json"

    def _read(self, request: WireRequest) -> tuple[OperationModel, Params]:
        name = request.header("X-Amz-Target").rpartition(".")[2]
        if name not in self.model.operation_names:
            raise AwsError("UnknownOperationException", f"no operation {name!r}")
        operation = self.model.operation_model(name)
        try:
            body = json.loads(request.body or b"{}")
        except ValueError as error:
            raise AwsError("SerializationException", f"body is not JSON: {error}") from error
        if operation.input_shape is None:
            return operation, {}
        return operation, self._parser._parse_shape(operation.input_shape, body)

    def _write(
        self, shape: StructureShape, status: int, headers: dict[str, str], members: Params
    ) -> WireReply:
        holder: dict[str, Any] = {}
        self._serializer._serialize(holder, members, shape, "body")
        body = json.dumps(holder["body"]).encode()
        return WireReply(status, headers | {"Content-Type": _JSON}, body)

    def _write_error(self, error: AwsError) -> WireReply:
        return json_error(error)


class RestXmlCodec(Codec):
    """REST-XML: the operation is named by method and path, the body is an XML document."""

    protocol = "rest-xml"

    def __init__(self, model: ServiceModel) -> None:
        super().__init__(model)
        routes = [_Route(model.operation_model(name)) for name in model.operation_names]
        # The most literal route first: /hostedzone/{Id}/rrset before /hostedzone/{Id}.
        self._routes = sorted(routes, key=lambda route: route.generality)

    def _read(self, request: WireRequest) -> tuple[OperationModel, Params]:
        for route in self._routes:
            labels = route.match(request.method, request.path)
            if labels is not None:
                return route.operation, self._members(route.operation, labels, request)
        raise AwsError("UnknownOperationException", f"no operation {request.method} {request.path}")

    def _members(
        self, operation: OperationModel, labels: Mapping[str, str], request: WireRequest
    ) -> Params:
        shape = operation.input_shape
        if shape is None:
            return {}
        query = {name: values[0] for name, values in parse_qs(request.query).items()}
        sources = {"uri": labels, "querystring": query, "header": request.headers}
        members: dict[str, Any] = {}
        for name, member in shape.members.items():
            source = sources.get(member.serialization.get("location", ""))
            wire_name = member.serialization.get("name", name)
            if source is not None and wire_name in source:
                members[name] = self._scalar(member, source[wire_name])
        return members | self._body_members(shape, request.body)

    def _body_members(self, shape: StructureShape, body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        try:
            # One default namespace is declared at the root; botocore's parser wants bare tags.
            root = ElementTree.fromstring(re.sub(rb'\sxmlns="[^"]+"', b"", body, count=1))
        except ElementTree.ParseError as error:
            raise AwsError("InvalidInput", f"Invalid XML; {error}") from error
        parsed: dict[str, Any] = self._parser._parse_shape(shape, root)
        located = {name for name, m in shape.members.items() if "location" in m.serialization}
        return {name: value for name, value in parsed.items() if name not in located}

    def _scalar(self, shape: Shape, text: str) -> object:
        readers: dict[str, Callable[[str], object]] = {"integer": int, "long": int}
        try:
            return readers.get(shape.type_name, str)(text)
        except ValueError as error:
            raise AwsError(self._invalid_code, f"{text!r} is not a {shape.type_name}") from error

    def _write(
        self, shape: StructureShape, status: int, headers: dict[str, str], members: Params
    ) -> WireReply:
        in_body = {}
        for name, value in members.items():
            where = shape.members[name].serialization
            if where.get("location") == "header":
                headers[where["name"]] = str(value)
            else:
                in_body[name] = value
        root = shape.serialization.get("name", shape.name)
        holder = ElementTree.Element("holder")
        self._serializer._serialize(shape, in_body, holder, root)
        holder[0].set("xmlns", f"https://route53.amazonaws.com/doc/{self.model.api_version}/")
        return WireReply(status, headers | {"Content-Type": _XML}, _document(holder[0]))

    def _write_error(self, error: AwsError) -> WireReply:
        return xml_error(error)


class _Route:
    """One operation's HTTP method and path pattern."""

    def __init__(self, operation: OperationModel) -> None:
        self.operation = operation
        self._method = operation.http["method"]
        path = operation.http["requestUri"].partition("?")[0].rstrip("/")
        labels = re.findall(r"{(\w+)}", path)
        self.generality = (len(labels), -len(path))
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", path)
        self._pattern = re.compile(rf"{pattern}/?")

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        """The path's labels; None when the request is of another operation."""
        found = self._pattern.fullmatch(path) if method == self._method else None
        if found is None:
            return None
        return {name: unquote(value) for name, value in found.groupdict().items()}


def json_error(error: AwsError) -> WireReply:
    """An error in AWS JSON 1.1 (Smithy, *Operation error serialization*)."""
    headers = {"x-amzn-RequestId": str(uuid4()), "x-amzn-errortype": error.code}
    body = json.dumps({"__type": error.code, "message": error.message}).encode()
    return WireReply(error.status, headers | {"Content-Type": _JSON}, body)


def xml_error(error: AwsError) -> WireReply:
    """An error in REST-XML: `ErrorResponse` (Smithy, *restXml: Error response serialization*)."""
    request_id = str(uuid4())
    root = ElementTree.Element("ErrorResponse")
    inner = ElementTree.SubElement(root, "Error")
    ElementTree.SubElement(inner, "Type").text = "Sender" if error.status < 500 else "Receiver"
    ElementTree.SubElement(inner, "Code").text = error.code
    ElementTree.SubElement(inner, "Message").text = error.message
    ElementTree.SubElement(root, "RequestId").text = request_id
    headers = {"x-amzn-RequestId": request_id, "Content-Type": _XML}
    return WireReply(error.status, headers, _document(root))


def error_without_codec(error: AwsError, request: WireRequest) -> WireReply:
    """An error for a request whose service is unknown: the format is guessed from its headers."""
    is_json = "X-Amz-Target" in request.headers or "json" in request.header("Content-Type")
    return json_error(error) if is_json else xml_error(error)


def _document(root: ElementTree.Element) -> bytes:
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root)


def _broken_constraints(shape: Shape, value: Any, path: str) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name, member in value.items():
            yield from _broken_constraints(shape.members[name], member, f"{path}.{name}".strip("."))
        return
    if isinstance(shape, ListShape):
        for number, item in enumerate(value, 1):
            yield from _broken_constraints(shape.member, item, f"{path}.{number}.member")
    yield from _broken_bounds(shape, value, path)


def _broken_bounds(shape: Shape, value: Any, path: str) -> Iterator[str]:
    limits = shape.metadata
    size = value if isinstance(value, int | float) else len(value) if _has_length(value) else 0
    noun = "value" if isinstance(value, int | float) else "length"
    wrong = f"Value '{value}' at '{path}' failed to satisfy constraint: Member must"
    if size < limits.get("min", size):
        yield f"{wrong} have {noun} greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        yield f"{wrong} have {noun} less than or equal to {limits['max']}"
    if limits.get("enum") and value not in limits["enum"]:
        yield f"{wrong} satisfy enum value set: {limits['enum']}"


def _has_length(value: object) -> bool:
    return isinstance(value, str | bytes | list | dict)
