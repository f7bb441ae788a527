"""The page `/docs`: complete, safe, and readable without loading anything else."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from controller.api.app import DECLARED
from controller.api.description.docs_page import CONTENT_SECURITY_POLICY, page
from controller.api.description.openapi import document
from controller.api.routes.docs import reference_routes
from tests.api.callers import guarded
from tests.api.serving import api

ROUTES = (*DECLARED, *reference_routes(DECLARED))
VOID = {"meta", "br"}


class Outline(HTMLParser):
    """The elements of a page, and whether they are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.links += [value or "" for name, value in attrs if name == "href"]
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("style", "src")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


async def served_page() -> tuple[str, str]:
    """The page and its policy, as a caller without a token gets them."""
    async with api(guarded(), running=False) as served:
        answer = await served.get("/docs")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    return answer.text, answer.headers["Content-Security-Policy"]


async def test_it_names_every_route_and_every_type_and_its_links_resolve() -> None:
    """Well-formed, each id once."""
    text, _ = await served_page()
    outline = Outline(text)
    for route in ROUTES:
        assert f"<code>{route.method} {route.path}</code>" in text
        assert route.summary in text
    assert outline.open == []
    assert len(set(outline.ids)) == len(outline.ids)
    inside = [link[1:] for link in outline.links if link.startswith("#")]
    assert set(inside) <= set(outline.ids)
    assert [link for link in outline.links if not link.startswith("#")] == ["/openapi.json"]


async def test_it_loads_nothing_and_runs_no_script() -> None:
    """No script, picture or font; the policy forbids them, too."""
    text, policy = await served_page()
    assert Outline(text).tags.isdisjoint({"script", "img", "link", "iframe", "form", "object"})
    assert "url(" not in text
    assert "@import" not in text
    assert policy == CONTENT_SECURITY_POLICY
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


async def test_it_can_be_read_on_a_phone() -> None:
    """The width is the device's, cells of tables are below each other, long lines break."""
    text, _ = await served_page()
    assert '<meta name="viewport" content="width=device-width, initial-scale=1">' in text
    assert "@media (max-width: 40rem)" in text
    assert "overflow-wrap: anywhere" in text
    assert "white-space: pre-wrap" in text
    assert not re.search(r"[^-]width: \d+(px|rem)", text)


async def test_the_keyboard_focus_is_visible() -> None:
    """In any colour scheme; a link is underlined, so that it needs no colour either."""
    text, _ = await served_page()
    assert "a:focus-visible { outline: 3px solid" in text
    assert "text-decoration" not in text
    assert "outline: none" not in text


async def test_types_are_named_as_people_write_them() -> None:
    """Pages and lists by their items, maps by their values."""
    text, _ = await served_page()
    assert '<a href="#Page_FiguresView_">Page of FiguresView</a>' in text
    assert "<td><code>nearest</code></td><td>map to number</td>" in text
    assert ">Page_" not in text


def test_all_text_is_escaped() -> None:
    """Text of the document cannot become markup."""
    found = document(ROUTES, secured=True)
    found["info"]["title"] = "<script>alert(1)</script>"
    found["paths"]["/v1/status"]["get"]["summary"] = "<b>bold</b> & more"
    text = page(found)
    assert "<script" not in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in text
