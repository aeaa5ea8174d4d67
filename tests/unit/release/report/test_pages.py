"""The pages: readable by eye, by ear, on paper and without a network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from itertools import pairwise

import pytest

VOID = {"br", "col", "hr", "img", "input", "link", "meta", "source"}
VERDICTS = ("passed", "passed_filtered(3)", "refused(memorises)", "inconclusive(power)")
PAGES = [(verdict, page) for verdict in VERDICTS for page in ("report.html", "certificate.html")]


class Element:
    def __init__(self, tag: str, attributes: dict[str, str | None]) -> None:
        self.tag, self.attributes = tag, attributes
        self.children: list[Element | str] = []

    def all(self, *tags: str) -> Iterator[Element]:
        for child in self.children:
            if isinstance(child, Element):
                if child.tag in tags or not tags:
                    yield child
                yield from child.all(*tags)

    @property
    def text(self) -> str:
        parts = [child if isinstance(child, str) else child.text for child in self.children]
        return " ".join("".join(parts).split())


class Tree(HTMLParser):
    """Builds elements, and insists that every one is closed in its turn."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.open = [Element("document", {})]
        self.feed(page.decode())
        self.close()
        assert len(self.open) == 1, f"{self.open[-1].tag} is never closed"

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


@pytest.fixture(params=PAGES, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def page(request, written) -> bytes:
    verdict, name = request.param
    return written[verdict][name]


@cache
def parsed(page: bytes) -> Element:
    return Tree(page).open[0]


@pytest.fixture
def tree(page) -> Element:
    return parsed(page)


def test_page_has_one_title_and_its_headings_skip_no_level(tree):
    levels = [int(heading.tag[1]) for heading in tree.all("h1", "h2", "h3", "h4", "h5", "h6")]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert next(next(tree.all("head")).all("title")).text


def test_page_names_its_language_and_has_landmarks(tree):
    assert next(tree.all("html")).attributes["lang"] == "en"
    for landmark in ("header", "main", "footer"):
        assert len(list(tree.all(landmark))) == 1


def test_every_picture_has_a_name(tree):
    by_id = {
        element.attributes["id"]: element for element in tree.all() if element.attributes.get("id")
    }
    for image in tree.all("img"):
        assert image.attributes["alt"]
    for svg in tree.all("svg"):
        assert svg.attributes["role"] == "img"
        assert by_id[svg.attributes["aria-labelledby"]].text
        assert len(by_id[svg.attributes["aria-describedby"]].text) > 80


def test_every_table_has_a_caption_and_every_heading_of_it_a_scope(tree):
    tables = list(tree.all("table"))
    assert tables
    for table in tables:
        assert table.children
        assert next(table.all("caption")).text
        assert all(heading.attributes["scope"] in ("col", "row") for heading in table.all("th"))
        columns = len(list(next(table.all("thead")).all("th")))
        for row in next(table.all("tbody")).all("tr"):
            assert len(list(row.all("th", "td"))) == columns
            assert len(list(row.all("th"))) == 1


def test_ids_are_unique_and_what_refers_to_them_finds_them(tree):
    ids = [element.attributes["id"] for element in tree.all() if element.attributes.get("id")]
    assert len(ids) == len(set(ids))
    for element in tree.all():
        for attribute in ("aria-labelledby", "aria-describedby"):
            for name in (element.attributes.get(attribute) or "").split():
                assert name in ids
        href = element.attributes.get("href") or element.attributes.get("xlink:href") or ""
        assert not href.startswith("#") or href[1:] in ids


def test_nothing_is_loaded_and_nothing_runs(page, tree):
    assert not list(tree.all("script", "link", "iframe", "object", "embed", "base"))
    for element in tree.all():
        assert not [name for name in element.attributes if name.startswith("on")]
        for attribute in ("src", "srcset", "href", "xlink:href", "action", "data"):
            assert re.match(r"#|data:image/png;base64,|$", element.attributes.get(attribute) or "")
    text = page.decode()
    assert "@import" not in text
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", text))


def test_plots_take_their_colours_from_the_page(tree):
    for svg in tree.all("svg"):
        for element in svg.all():
            assert not re.search(r"#[0-9a-fA-F]{6}", element.attributes.get("style") or "")


def luminance(color: str) -> float:
    """Return the relative luminance of WCAG 2.2."""
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("background", ["paper", "box"])
@pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])
def test_text_and_plots_stand_out_by_day_and_by_night(written, mode, background):
    """Text by 4.5 to 1, marks of a plot by 3 to 1 (WCAG 2.2, 1.4.3 and 1.4.11)."""
    page = written["passed"]["report.html"].decode()
    rules = re.findall(r":root \{(.*?)\}", page, re.DOTALL)[mode]
    colors = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", rules))
    for name in ("ink", "muted", "link", "good", "bad", "unsure"):
        assert contrast(colors[name], colors[background]) >= 4.5, name
    for name in ("real", "synthetic"):
        assert contrast(colors[name], colors[background]) >= 3, name
