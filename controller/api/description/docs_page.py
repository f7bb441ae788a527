"""`/docs`: the OpenAPI document as one HTML page, rendered by the server.

The page has no script and loads nothing, so it can be read on a phone, in a text browser and during
an outage of other services. On a narrow screen the cells of a table are below each other, so that
the page is never scrolled sideways.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from controller.api.description.openapi import Document

_STYLE = """
:root { color-scheme: light dark; --line: #8886; --soft: #8882;
  --link: light-dark(#0550ae, #79b8ff) }
body { font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem;
  overflow-wrap: anywhere }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line) }
h3 { margin: 2rem 0 .25rem } h3 code { font-size: 1.05rem; font-weight: 600 }
:target { outline: 2px solid var(--line); outline-offset: .3rem }
a { color: var(--link) } a:focus-visible { outline: 3px solid; outline-offset: 2px }
code, pre { font: 14px/1.4 ui-monospace, monospace; background: var(--soft); border-radius: 4px }
code { padding: .1em .3em } pre { padding: .75rem; white-space: pre-wrap }
table { border-collapse: collapse; width: 100%; margin: .75rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0 }
th { font-weight: 600 } td { min-width: 5rem } td:last-child { width: 50% }
tr { border-bottom: 1px solid var(--line) }
nav ul { columns: 17rem; column-gap: 2rem; padding: 0; list-style: none }
nav li { break-inside: avoid; padding-bottom: .5rem } nav code { display: block }
@media (max-width: 40rem) {
  table, thead, tbody, tr, td { display: block }
  th:not(:first-child), td:empty { display: none }
  tr { padding: .5rem 0 } td, td:last-child { padding: .1rem 0; width: auto }
  td:not(:first-child) { padding-left: 1rem }
}
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Forbids scripts and loading; allows the page's own style sheet by its hash."""


def page(document: Document) -> str:
    """The HTML page for a document of `openapi.document`."""
    info = document["info"]
    parts = [
        f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
        f"<p>{escape(info['description'])}</p>",
        '<p>For programs: <a href="/openapi.json">/openapi.json</a></p>',
        *_table_of_contents(document),
        *_operations(document),
        "<h2>Types</h2>",
        *_types(document["components"]["schemas"]),
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: API</title><style>{_STYLE}</style></head>\n"
        f"<body><main>\n{chr(10).join(parts)}\n</main></body></html>\n"
    )


def _operations_of(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _table_of_contents(document: Document) -> Iterator[str]:
    yield "<nav><ul>"
    for method, path, operation in _operations_of(document):
        link = f'<a href="#{operation["operationId"]}">{escape(operation["summary"])}</a>'
        yield f"<li>{_code(f'{method} {path}')} {link}</li>"
    yield "</ul></nav>"


def _operations(document: Document) -> Iterator[str]:
    group = None
    for method, path, operation in _operations_of(document):
        if operation["tags"][0] != group:
            group = operation["tags"][0]
            yield f"<h2>{escape(group.capitalize())}</h2>"
        yield f'<h3 id="{operation["operationId"]}">{_code(f"{method} {path}")}</h3>'
        yield f"<p><strong>{escape(operation['summary'])}.</strong> "
        yield f"{_prose(operation.get('description', ''))}</p>"
        yield from _parameters(operation["parameters"])
        yield from _body(operation.get("requestBody"))
        yield from _responses(operation["responses"])


def _parameters(parameters: Iterable[Document]) -> Iterator[str]:
    rows = [
        (
            _code(parameter["name"]),
            parameter["in"],
            _type(parameter["schema"]),
            _prose(parameter["description"]),
        )
        for parameter in parameters
    ]
    if rows:
        yield from _table(("Parameter", "In", "Type", "Meaning"), rows)


def _body(body: Document | None) -> Iterator[str]:
    if body is not None:
        (content,) = body["content"].values()
        yield f"<p>Body: {_type(content['schema'])}</p>"
        yield from _example(content)


def _responses(responses: Document) -> Iterator[str]:
    rows, problems = [], []
    for status, response in responses.items():
        if "$ref" in response:
            problems.append(_code(status))
            continue
        content = response.get("content", {})
        types = [f"{escape(media)} {_type(each['schema'])}" for media, each in content.items()]
        headers = [f"{_code(name)}: {_prose(h['description'])}" for name, h in _headers(response)]
        rows.append(
            (
                _code(status),
                "<br>".join(types) or "nothing",
                "<br>".join([_prose(response["description"]), *headers]),
            )
        )
    yield from _table(("Answer", "Content", "Meaning"), rows)
    yield f'<p>May be refused with {", ".join(problems)}: a <a href="#Problem">Problem</a>.</p>'
    for response in responses.values():
        for content in response.get("content", {}).values():
            yield from _example(content)


def _headers(response: Document) -> Iterable[tuple[str, Document]]:
    headers: Document = response.get("headers", {})
    return headers.items()


def _example(content: Document) -> Iterator[str]:
    if "example" in content:
        text = json.dumps(content["example"], ensure_ascii=False, indent=2)
        yield f"<pre>{escape(text)}</pre>"


def _types(schemas: Document) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield f'<h3 id="{escape(name)}">{escape(_shown_name(name))}</h3>'
        yield f"<p>{_prose(schema.get('description', ''))}</p>"
        if "enum" in schema:
            yield f"<p>One of {', '.join(_code(value) for value in schema['enum'])}.</p>"
        required = schema.get("required", ())
        rows = [
            (
                _code(key),
                _type(value),
                ("" if key in required else "Optional. ") + _prose(value.get("description", "")),
            )
            for key, value in schema.get("properties", {}).items()
        ]
        if rows:
            yield from _table(("Key", "Type", "Meaning"), rows)


def _type(schema: Document) -> str:
    """A schema in a few words as HTML, with links to named types."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{_shown_name(name)}</a>'
    if "anyOf" in schema:
        return " or ".join(_type(each) for each in schema["anyOf"])
    match schema.get("type"):
        case "array":
            return f"list of {_type(schema.get('items', {}))}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"map to {_type(schema['additionalProperties'])}"
        case "object" if "patternProperties" in schema:
            (values,) = schema["patternProperties"].values()
            return f"map to {_type(values)}"
        case None:
            return "anything"
        case kind:
            return escape(f"{kind} ({schema['format']})" if "format" in schema else str(kind))


def _shown_name(name: str) -> str:
    """A type's name for people: `Page of Item` where pydantic writes `Page_Item_`."""
    outer, _, item = name.removesuffix("_").partition("_")
    return f"{outer} of {item}" if item else name


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    yield "<table><thead><tr>"
    yield "".join(f"<th>{escape(head)}</th>" for head in heads)
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
    yield "</tbody></table>"


def _code(text: Any) -> str:
    return f"<code>{escape(str(text))}</code>"


def _prose(text: str) -> str:
    """A description as HTML; docstrings mark names with backquotes."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))
