"""The page on paper, by its own CSS, read as a printing browser reads it: there is none at hand to print with."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from koppeling.booking.countries import NAMES
from koppeling.compared import Line
from ops.report import page
from tests.reports.reading_back import Element, Page
from tests.reports.samples import report, sale
from tests.reports.test_page import REPORTS, html

type Rules = dict[str, dict[str, str]]
"""Declarations by selector; the last one said holds, as all that matters here is said once with one weight."""

_A4_MM = (210.0, 297.0)
_NARROWEST_MM = 10.0
"""What printers leave white at the edge whatever a page asks: some 4 to 6 mm."""


def _css() -> str:
    [head] = Page(html("a month")).root.all("head")
    [style] = head.all("style")
    return re.sub(r"/\*.*?\*/", "", style.text)


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """What stands before each outermost pair of braces, and between them."""
    at = 0
    while (opened := css.find("{", at)) >= 0:
        depth, end = 1, opened + 1
        while depth:
            depth += {"{": 1, "}": -1}.get(css[end], 0)
            end += 1
        yield css[at:opened].strip(), css[opened + 1 : end - 1]
        at = end
    assert not css[at:].strip()


def _rules(css: str) -> Rules:
    found: Rules = {}
    for selectors, body in _blocks(css):
        told = dict(part.split(":", 1) for part in body.split(";") if part.strip())
        for selector in selectors.split(","):
            declared = found.setdefault(" ".join(selector.split()), {})
            declared.update({name.strip(): value.strip() for name, value in told.items()})
    return found


def _printed() -> Rules:
    """What holds on paper: what holds everywhere, and over it what is for print alone."""
    everywhere = {selector: body for selector, body in _blocks(_css()) if not selector.startswith("@media")}
    assert {selector for selector, _ in _blocks(_css()) if selector.startswith("@media")} == {"@media print"}
    found = _rules("".join(f"{selector} {{{body}}}" for selector, body in everywhere.items()))
    for selector, told in _rules(dict(_blocks(_css()))["@media print"]).items():
        found.setdefault(selector, {}).update(told)
    return found


def test_the_paper_is_a4_with_room_at_its_edges() -> None:
    """As printers in the Netherlands have it; nothing is lost at an edge that cannot be printed on."""
    paper = _printed()["@page"]
    assert paper["size"] == "A4"
    margins = [float(one.removesuffix("mm")) for one in paper["margin"].split()]
    top, side, bottom = margins
    assert min(margins) >= _NARROWEST_MM
    assert _A4_MM[0] - 2 * side >= 170
    assert _A4_MM[1] - top - bottom >= 250


@pytest.mark.parametrize("selector", ["tr", "figure", "table.kort", ".oordeel"])
def test_what_belongs_together_is_not_cut_by_the_end_of_a_page(selector: str) -> None:
    """A row, a drawing with its caption, a short table, the verdict; by its old name too, for older browsers."""
    told = _printed()[selector]
    assert (told["break-inside"], told["page-break-inside"]) == ("avoid", "avoid")


def test_a_table_longer_than_a_page_is_cut_where_it_stands() -> None:
    """Two rates for each country: kept whole it would leave a page all but empty before it, and be cut after all."""
    made = report(31)
    for count, whole in ((25, True), (54, False)):
        lines = tuple(Line(f"DE {rate}%", Decimal(1), Decimal(1)) for rate in range(count))
        read = Page(page.render(replace(made, vat=lines, done=replace(made.done, rates=lines))))
        for name in ("per-tarief", "omzet-per-tarief"):
            assert ("kort" in read.by_id(name).attributes.get("class", "").split()) is whole
    abroad = tuple(sale(date(2026, month, 2), "1.00", code) for month in (1, 4, 7) for code in sorted(NAMES)[:12])
    read = Page(page.render(report(31, abroad)))
    assert "class" not in read.by_id("landen-2026").attributes


@pytest.mark.parametrize("selector", ["h2", "h3", "caption", "figcaption", "tr.maand"])
def test_what_announces_something_stands_on_the_same_page(selector: str) -> None:
    """No heading at the foot of a page, with what it is of on the next."""
    told = _printed()[selector]
    assert (told["break-after"], told["page-break-after"]) == ("avoid", "avoid")


def test_a_total_does_not_begin_a_page() -> None:
    """It stands below something of what it is the sum of."""
    told = _printed()["tr.som"]
    assert (told["break-before"], told["page-break-before"]) == ("avoid", "avoid")


@pytest.mark.parametrize("name", REPORTS)
def test_a_table_over_pages_has_its_headings_on_each(name: str) -> None:
    """Every table has them in a `thead`, and nothing else in it."""
    assert _printed()["thead"]["display"] == "table-header-group"
    for table in Page(html(name)).root.all("table"):
        head, body = [one for one in table.within if one.tag in ("thead", "tbody")]
        assert (head.tag, body.tag) == ("thead", "tbody")
        assert len(head.all("tr")) == 1
        assert {one.tag for one in head.all("tr")[0].within} == {"th"}
        assert len(body.all("tr")) == len(table.all("tr")) - 1


def _sized(one: Element) -> bool:
    return bool({"style", "width"} & one.attributes.keys())


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_wider_than_the_page(name: str) -> None:
    """The drawings shrink to it, tables take its width, long words break; only amounts and days are kept whole."""
    told = _printed()
    assert (told["main"]["max-width"], told["main"]["padding"]) == ("none", "0")
    assert (told["figure svg"]["max-width"], told["figure svg"]["height"]) == ("100%", "auto")
    assert told["table"]["width"] == "100%"
    for selector in ("h1", "p", "li", "td", "th"):
        assert told[selector]["overflow-wrap"] in ("anywhere", "break-word")
    whole = {selector for selector, rule in told.items() if rule.get("white-space") == "nowrap"}
    assert whole == {".bedrag", "#per-dag th"}
    fixed = {rule[name] for rule in told.values() for name in ("width", "min-width") if name in rule}
    assert fixed == {"100%"}
    read = Page(html(name))
    drawn = [svg for figure in read.root.all("figure") for svg in figure.all("svg")]
    assert drawn == read.root.all("svg")
    within = {id(part) for svg in drawn for tag in _tags(svg) for part in svg.all(tag)} | {id(svg) for svg in drawn}
    assert not [one for one in read.elements if _sized(one) and id(one) not in within]


def _tags(svg: Element) -> set[str]:
    return {one.tag for one in svg.within} | {tag for one in svg.within for tag in _tags(one)}


def test_what_colour_says_is_printed_with_its_colour() -> None:
    """A browser leaves backgrounds out to save ink, unless told; what a background is behind is dark enough anyway."""
    told = _printed()
    backgrounds = {selector for selector, rule in told.items() if rule.keys() & {"background", "background-color"}}
    assert backgrounds == {"body", "tr.maand > *"}
    for name in ("print-color-adjust", "-webkit-print-color-adjust"):
        assert told["body"][name] == "exact"


@pytest.mark.parametrize("name", REPORTS)
def test_what_colour_says_is_said_without_it_too(name: str) -> None:
    """On a printer with black ink alone: good and bad have a sign beside their colour."""
    signs = {"goed": "✓", "mis": "✗"}
    for one in Page(html(name)).elements:
        kinds = set(one.attributes.get("class", "").split()) & signs.keys()
        if one.tag == "span" and kinds:
            assert one.text.startswith(signs[kinds.pop()])
