"""The page by itself: whole, safe, readable by everybody, and the same each time."""

import re
from dataclasses import replace
from datetime import date
from decimal import Decimal
from functools import cache
from typing import get_args

import pytest

from koppeling.booking.countries import NAMES
from koppeling.catalogue import euro
from koppeling.compared import DifferenceKind, Line, NotCompared
from ops.report import dutch, page
from tests.reports.reading_back import Page
from tests.reports.samples import nothing, report, sale

SALES = (
    sale(date(2026, 2, 3), "6000.00", foreign=False),
    sale(date(2026, 5, 3), "4000.01"),
    sale(date(2026, 8, 3), "-50.00", "BE"),
)
REPORTS = {
    "a day": report(1),
    "a month": report(31, SALES),
    "a year": report(365, SALES),
    "two years": report(730, SALES, differs=False),
    "nothing": nothing(),
}


@cache
def html(name: str) -> str:
    """One of them as a page, drawn once for all tests."""
    return page.render(REPORTS[name])


@pytest.mark.parametrize("name", REPORTS)
def test_every_tag_is_closed_and_every_id_is_one(name: str) -> None:
    """A browser need not guess, and no chart uses another's parts."""
    read = Page(html(name))
    ids = read.ids()
    assert len(ids) == len(set(ids))
    used = set(re.findall(r'(?:url\(|href=")#([\w-]+)', html(name)))
    assert used <= set(ids)


@pytest.mark.parametrize("name", REPORTS)
def test_nothing_is_fetched_and_nothing_runs(name: str) -> None:
    """No address is loaded, no script is there, and the browser is told so."""
    text = html(name)
    read = Page(text)
    assert not {one.tag for one in read.elements} & {"script", "link", "img", "iframe", "object", "embed"}
    for one in read.elements:
        for link in ("src", "href", "xlink:href", "action", "data"):
            assert one.attributes.get(link, "#").startswith("#")
        assert not any(each.startswith("on") for each in one.attributes)
    assert not re.search(r"url\((?!#)|@import", text)
    assert "default-src 'none'" in text


def test_every_chart_has_a_name_and_its_figures_in_a_table() -> None:
    """Who cannot see it is told what it is, and finds the numbers beside it."""
    read = Page(html("a month"))
    sections = [one for one in read.elements if one.tag == "section"]
    drawn = 0
    for section in sections:
        for svg in section.all("svg"):
            drawn += 1
            assert svg.attributes["role"] == "img"
            assert read.by_id(svg.attributes["aria-labelledby"]).text
        assert len(section.all("table")) >= bool(section.all("svg"))
    assert drawn == 6


def test_the_same_figures_are_the_same_bytes() -> None:
    """Nothing of the moment it was drawn, or of chance, is in it."""
    assert page.render(report(31, SALES)) == page.render(report(31, SALES))
    assert "matplotlib.org" not in page.render(report(31, SALES))


def test_what_shops_are_called_is_text_and_no_html() -> None:
    """Names and sentences of others cannot become tags."""
    text = html("a month")
    assert "De &lt;b&gt;Theepot&lt;/b&gt;" in text
    assert "Theepot &amp; Zn." in text
    assert "Zij &lt;ontbreekt&gt;." in text
    assert "<ontbreekt>" not in text


def test_figures_are_written_as_the_dutch_do() -> None:
    """Amounts, dates and shares."""
    read = Page(html("a year"))
    assert "€ 66.433,65" in read.by_id("totaal-webwinkel").text
    assert read.rows("per-dag", "data-dag")["2026-07-02"][0] == "2 juli 2026"
    assert read.rows("landen-2026", "data-land")["2-DE-eigen"][1:5] == ["Duitsland", "dat land", "1", "€ 4.000,01"]
    assert "100,0% van de drempel" in Page(page.render(report(31, SALES[:2]))).by_id("drempel-2026-stand").text
    assert "gemaakt op 23 november 2026 om 14.05 uur" in read.root.text
    assert "1 dag 1 uur" in read.by_id("tijd").text


def test_a_verdict_stands_at_the_top() -> None:
    """Sluitend, so far as it was compared, or not; and how many differences there are."""
    assert "Niet sluitend" in Page(html("a month")).by_id("oordeel").text
    assert "is 1 verschil" in Page(html("a month")).by_id("oordeel").text
    partly = Page(html("two years"))
    assert partly.by_id("oordeel").text.startswith("✓ Sluitend voor zover vergeleken")
    assert "goed" not in partly.by_id("oordeel").attributes["class"].split()
    assert "Geen verschillen in wat is vergeleken" in partly.root.text
    assert "tot op de cent" not in partly.root.text
    assert "btw van 3, het tarief van de omzet van 0," in partly.root.text
    closed = Page(page.render(report(2, differs=False, unseen=0)))
    assert closed.by_id("oordeel").text.split()[:2] == ["✓", "Sluitend"]
    assert "voor zover" not in closed.root.text
    assert "tot op de cent" in closed.root.text


def test_totals_that_do_not_close_are_told_where_no_order_differs() -> None:
    """Then the page says where to look, and not that all is well."""
    made = report(2, differs=False, unseen=0)
    read = Page(page.render(replace(made, done=replace(made.done, books_total=Decimal("0.01")))))
    assert "Niet sluitend" in read.by_id("oordeel").text
    assert "Geen bestelling verschilt, maar niet elk totaal sluit" in read.by_id("oordeel").text
    assert "Geen verschillen" not in read.root.text


def test_a_period_without_anything_says_so() -> None:
    """No empty tables and charts, but sentences."""
    read = Page(html("nothing"))
    told = read.root.text
    for sentence in (
        "In deze periode zijn geen bestellingen geplaatst",
        "Er is in deze periode niets te boeken.",
        "Er is in deze periode geen btw berekend.",
        "Er staat geen bestelling stil.",
        "Er is niets verkocht aan consumenten in andere EU-landen.",
    ):
        assert sentence in told
    assert not [one for one in read.elements if one.tag in ("svg", "table")]


def test_a_year_has_its_months_and_a_month_has_not() -> None:
    """Subtotals only where there is more than one."""
    assert "juli 2026" in [one.text for one in Page(html("a year")).by_id("per-dag").all("th")]
    assert "juli 2026" not in [one.text for one in Page(html("a month")).by_id("per-dag").all("th")]


def test_many_orders_and_differences_are_cut_short() -> None:
    """Some numbers of a cause, some differences, and how many more there are."""
    made = REPORTS["a month"]
    many = replace(made.stopped[0], numbers=tuple(map(str, range(1000, 1040))))
    done = replace(made.done, differences=made.done.differences * 300)
    read = Page(page.render(replace(made, stopped=(many,), done=done)))
    assert read.rows("geweigerd", "data-code")["vat-total"][3].endswith("1024 en nog 15")
    assert len(read.by_id("verschillen").all("tr")) == 251
    assert "En nog 50" in read.root.text


def test_a_period_far_longer_than_the_shop_exists_draws_no_empty_years() -> None:
    """`--from 2000-01-01` for everything there is: the chart runs from the first day with figures to the last."""
    made = report(31)
    long = page.render(replace(made, done=replace(made.done, start=date(2000, 1, 1))))
    assert len(long) < 1.1 * len(page.render(made))


def test_every_kind_of_difference_is_written_as_in_the_guide() -> None:
    """With a capital in front, and SnelStart's name as it is."""
    made = REPORTS["a month"]
    kinds = [replace(made.done.differences[0], kind=kind) for kind in get_args(DifferenceKind)]
    read = Page(page.render(replace(made, done=replace(made.done, differences=tuple(kinds)))))
    told = [one.text for one in read.by_id("verschillen").all("b")]
    assert told == [f"{dutch.KINDS[kind][0].upper()}{dutch.KINDS[kind][1:]}." for kind in get_args(DifferenceKind)]
    assert "Alleen in SnelStart gecrediteerd." in told


_COUNTRIES = sorted(NAMES)[:12]


def test_vat_of_many_countries_is_still_read() -> None:
    """Twelve countries of two rates: each line in the table, and a chart that fits on a page beside it.

    In the chart are the Dutch rates, whatever differs and the largest; the rest is added up.
    """
    dutch_ones = [Line(name, Decimal("9.00"), Decimal("9.00")) for name in ("hoog 21%", "laag 9%", "laag 6%")]
    amounts = [(f"{code} {rate}%", Decimal(100 * at + rate)) for at, code in enumerate(_COUNTRIES) for rate in (20, 5)]
    lines = [Line(name, amount, amount) for name, amount in amounts]
    lines[1] = replace(lines[1], books=Decimal("0.00"))
    unknown = Line("buitenland", Decimal("0.00"), Decimal("5.00"))
    made = report(31)
    text = page.render(replace(made, vat=(*dutch_ones, *lines, unknown)))
    read = Page(text)
    rows = read.rows("per-tarief", "data-naam")
    assert len(rows) == 28
    assert rows["laag 6%"][0] == "Laag tarief (6%)"
    assert rows["BE 5%"][0] == "Btw België 5%"
    assert rows["buitenland"][0] == "Btw van een ander EU-land (tarief onbekend)"
    [svg] = [one for one in read.elements if one.attributes.get("aria-labelledby") == "btw-titel"]
    drawn = [one.text for one in svg.all("text")]
    assert [one for one in drawn if "tarief (" in one] == [rows[line.name][0] for line in dutch_ones]
    assert "Btw Oostenrijk 5%" in drawn
    assert rows["buitenland"][0] in drawn
    assert "Btw Oostenrijk 20%" not in drawn
    assert "14 andere tarieven" in drawn
    rest = [line for line in lines if f"Btw {NAMES[line.name[:2]]} {line.name[3:]}" not in drawn]
    assert len(rest) == 14
    assert drawn.count(euro(sum((line.shop for line in rest), Decimal(0)))) == 2
    assert float(svg.attributes["height"].removesuffix("pt")) < 540


def test_turnover_stands_below_the_vat_also_without_any() -> None:
    """What has no VAT is in no table of VAT; where a rate could not be told it is said."""
    read = Page(html("a month"))
    rows = read.rows("omzet-per-tarief", "data-naam")
    assert {name: cells[:3] for name, cells in rows.items()} == {
        "hoog 21%": ["Hoog tarief (21%)", "€ 100,00", "€ 100,00"],
        "eu 0%": ["Binnen de EU, btw verlegd (0%)", "€ -10,00", "€ -10,00"],
    }
    ids = read.ids()
    assert ids.index("per-tarief") < ids.index("omzet-per-tarief") < ids.index("per-dagboek")
    made = report(2, differs=False, unseen=0)
    names = ("nul 0%", "export 0%", "DE 19%", "buitenland")
    lines = tuple(Line(name, Decimal("1.00"), Decimal("1.00")) for name in names)
    done = replace(made.done, vat=(), rates=lines, not_compared=NotCompared(rate=2))
    read = Page(page.render(replace(made, done=done, vat=())))
    assert [cells[0] for cells in read.rows("omzet-per-tarief", "data-naam").values()] == [
        "Nultarief, vrijgesteld of KOR (0%)",
        "Uitvoer buiten de EU (0%)",
        "Duitsland 19%",
        "Ander EU-land (tarief onbekend)",
    ]
    assert "Er is in deze periode geen btw berekend." in read.root.text
    assert "Van 2 facturen was niet na te lezen onder welk tarief" in read.root.text
    assert "het tarief van de omzet van 2," in read.root.text


def test_fifteen_rates_are_all_drawn() -> None:
    """Nothing is added up that could stand there itself."""
    lines = [Line(f"{code} 20%", Decimal("9.00"), Decimal("9.00")) for code in sorted(NAMES)[:15]]
    assert "andere tarieven" not in page.render(replace(report(31), vat=tuple(lines)))


def test_invoices_dated_outside_the_period_are_marked() -> None:
    """They are in the table with an asterisk, and not in the chart."""
    made = report(31)
    late = replace(made.days[-1], day=date(2026, 11, 2))
    read = Page(page.render(replace(made, days=(*made.days, late))))
    assert read.rows("per-dag", "data-dag")["2026-11-02"][0] == "2 november 2026 *"
    assert "met een sterretje" in read.root.text
    assert "nov" not in read.by_id("dagen-titel").text + " ".join(
        one.text for one in read.elements if one.tag == "text" and one.text.endswith("nov")
    )
