"""A report over a shop of every kind of order, its figures against what the simulated SnelStart itself holds."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest

from koppeling import onboard
from koppeling.workplace import Workplace
from ops.report import page, reading
from ops.report.values import Report
from tests import leaks
from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage
from tests.reconcile.bookkeeper import bookkeeper
from tests.reconcile.planting import PLANTED
from tests.reconcile.shop import Shop
from tests.regimes.winkel import CANCELLED, CARDS, credit_of, days_ago, german, on, reversed_to, thing, to, untaxed
from tests.reports.reading_back import Page, amount
from tests.undo.hand import history, imported

FOREIGN_VAT, OSS = 1520, "InstallatieTeleverkoopBinnenEUgeen"
RATES = {"VerkopenHoog": "hoog 21%", "VerkopenLaag": "laag 9%"}
ACCOUNTS = {8200: "hoog 21%", 8210: "laag 9%", 8300: "eu 0%", 8310: "export 0%", 8320: "DE 19%"}
TODAY = datetime.now(AMSTERDAM).date()
FIRST = TODAY - timedelta(days=5)
ZERO = Decimal(0)


@dataclass
class Winkel(Shop):
    """A shop whose name is not its token, so that the one may be read and the other may not."""

    token: str = ""
    koppelsleutel: str = ""

    def report(self, first: date = FIRST) -> Report:
        """From this day up to today."""
        with Workplace.open(self.stage.table, self.connected.connection, live=False) as place:
            return reading.read(place, first, TODAY)

    def german_credit(self, number: str) -> str:
        """Half of a German order, credited."""
        half = credit_of(number, line(paid("-59.50", "19")), total="-59.50", tax={"19": "-9.50"})
        return self.run(half | {key: german()[key] for key in ("tax_region", "debtor")} | on(days_ago(1)))


@pytest.fixture
def winkel(stage: Stage) -> Iterator[Winkel]:
    """A fresh connection, foreign VAT switched on, without orders."""
    token = f"token{uuid.uuid4().hex}"
    stage.shop.tell("stores", {"token": token, "name": "De Theepot", "primary_domain": "theepot.example"})
    made = stage.books.tell("administrations", {"naam": "Boeken van de Theepot", "foreign_vat": True})
    added = onboard.add(stage.table, "Theepot", token, made["koppelsleutel"], PROFILE + CARDS)
    connected = Connected(added.connection, token, made["id"])
    with bookkeeper(connected) as by_hand:
        yield Winkel(stage, connected, by_hand, token, made["koppelsleutel"])
    stage.disconnect(connected)


@dataclass
class Planted:
    """A shop with orders of every regime; which orders are what."""

    winkel: Winkel
    changed: str
    refused: str
    waiting: str
    skipped: str
    page: Page
    html: str


@pytest.fixture
def planted(winkel: Winkel) -> Planted:
    """Every regime, credits, a cancelled order, one refused, one that waits, one for nothing, one changed by hand."""
    for raw in (
        thing(**on(days_ago(2))),
        thing("109.00", "9", "9.00", **on(days_ago(3))),
        untaxed(**to("US")),
        untaxed(**reversed_to("BE")),
        german(**on(days_ago(3))),
        german(**on(days_ago(40))),
    ):
        winkel.run(raw)
    winkel.german_credit(winkel.run(german(**on(days_ago(4)))))
    cancelled = winkel.run(german(**on(days_ago(2))))
    winkel.stage.change(winkel.connected, cancelled, status=CANCELLED)
    winkel.stage.until_done(winkel.connected, cancelled)
    refused, waiting = winkel.run(thing(currency="USD")), thing(status=1)
    winkel.stage.place(winkel.connected, waiting)
    skipped = winkel.run(thing(status=CANCELLED))
    changed = winkel.sale()
    PLANTED["different-amount"][0](winkel, changed)
    html = page.render(winkel.report())
    return Planted(winkel, changed, refused, str(waiting["number"]), skipped, Page(html), html)


def test_amounts_are_those_of_the_books(planted: Planted) -> None:
    """The total, each day, each rate of VAT and each journal, as the simulator's own ledger has them."""
    invoices = planted.winkel.stage.ledger(planted.winkel.connected)["invoices"]
    days: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    vat: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    turnover: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    journals: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
    for invoice in invoices:
        if invoice["factuurdatum"][:10] < FIRST.isoformat():
            continue
        days[invoice["factuurdatum"][:10]] += Decimal(invoice["factuurbedrag"])
        for one in invoice["btw"]:
            vat[RATES[one["btwSoort"]]] += Decimal(one["btwBedrag"])
        for regel in invoice["regels"]:
            if regel["grootboek"] == FOREIGN_VAT:
                vat["DE 19%"] += Decimal(regel["bedrag"])
            else:
                turnover[ACCOUNTS[regel["grootboek"]]] += Decimal(regel["bedrag"])
        for one in invoice["betalingen"]:
            journals[str(one["dagboek"])] += Decimal(one["bedrag"])
    read = planted.page
    assert {name: amount(cells[4]) for name, cells in read.rows("per-dag", "data-dag").items()} == days
    assert {name: amount(cells[2]) for name, cells in read.rows("per-tarief", "data-naam").items()} == vat
    assert {name: amount(cells[2]) for name, cells in read.rows("omzet-per-tarief", "data-naam").items()} == turnover
    assert {name: amount(cells[2]) for name, cells in read.rows("per-dagboek", "data-naam").items()} == journals
    assert amount(read.by_id("totaal-snelstart").text) == sum(days.values())
    assert amount(read.by_id("totaal-webwinkel").text) == sum(days.values()) + Decimal("60.50")


def test_a_difference_stands_with_its_day_its_kind_and_its_advice(planted: Planted) -> None:
    """What was changed by hand is told; everything else is equal."""
    read = planted.page
    assert "Niet sluitend" in read.by_id("oordeel").text
    unequal = [day for day, cells in read.rows("per-dag", "data-dag").items() if "verschil € 60,50" in cells[5]]
    assert unequal == [days_ago(2)]
    assert [row for row, cells in read.rows("per-tarief", "data-naam").items() if "gelijk" not in cells[3]] == [
        "hoog 21%"
    ]
    rows = [row for row in read.by_id("verschillen").all("tr") if "data-soort" in row.attributes]
    told = {(row.attributes["data-soort"], row.all("th")[0].text): row.text for row in rows}
    assert set(told) == {("different-amount", planted.changed), ("missing", planted.refused)}
    assert "Kijk welke van beide klopt" in told["different-amount", planted.changed]


def test_orders_that_stand_still_are_told_with_their_cause(planted: Planted) -> None:
    """Refused, waiting and skipped, each with sentence, advice and order number."""
    read = planted.page
    for table, code, number in (
        ("geweigerd", "currency-not-eur", planted.refused),
        ("wachtend", "shop-not-completed", planted.waiting),
        ("overgeslagen", "shop-cancelled", planted.skipped),
    ):
        rows = read.rows(table, "data-code")
        assert list(rows) == [code]
        assert rows[code][0] == "1"
        assert rows[code][3] == number
    assert "USD" in read.rows("geweigerd", "data-code")["currency-not-eur"][1]
    assert "9 geboekt, 0 nog te boeken, 1 wachtend, 1 geweigerd en 1 overgeslagen" in read.by_id("standen").text


def test_times_are_of_all_orders_that_are_done(planted: Planted) -> None:
    """Each within seconds here, and counted once in the histogram."""
    read = planted.page
    assert "Van 9 bestellingen is bekend" in read.by_id("tijd").text
    cells = [cell.text for cell in read.by_id("tijden").all("td")]
    assert sum(map(int, cells)) == 9


def test_sales_abroad_are_those_of_the_books_since_1_january(planted: Planted) -> None:
    """Per quarter, credits off, earlier orders of the year with them; reverse charge and export not among them."""
    net: defaultdict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    vat: defaultdict[tuple[int, int], Decimal] = defaultdict(lambda: ZERO)
    count: Counter[tuple[int, int]] = Counter()
    for invoice in planted.winkel.stage.ledger(planted.winkel.connected)["invoices"]:
        day = date.fromisoformat(invoice["factuurdatum"][:10])
        if day.year < FIRST.year or not any(regel["grootboekfunctie"] == OSS for regel in invoice["regels"]):
            continue
        quarter = day.year, (day.month + 2) // 3
        count[quarter] += 1
        for regel in invoice["regels"]:
            kind = net if regel["grootboekfunctie"] == OSS else vat
            kind[quarter] += Decimal(regel["bedrag"])
    read = planted.page
    told = {
        (year, int(name.split("-")[0])): cells
        for year in range(FIRST.year, TODAY.year + 1)
        if read.has(f"landen-{year}")
        for name, cells in read.rows(f"landen-{year}", "data-land").items()
        if name.endswith("-DE-eigen")
    }
    assert {quarter: amount(cells[4]) for quarter, cells in told.items()} == net
    assert {quarter: amount(cells[5]) for quarter, cells in told.items()} == vat
    assert {quarter: int(cells[3]) for quarter, cells in told.items()} == count
    assert sum(net.values()) > 0


def test_no_customer_and_no_secret_is_in_it(planted: Planted) -> None:
    """Names, addresses, e-mail addresses, VAT numbers, tokens and keys are nowhere in the file."""
    winkel = planted.winkel
    people = winkel.stage.ledger(winkel.connected)["relaties"]
    texts = {str(one[name]) for one in people if one["relatiecode"] > 0 for name in ("naam", "email", "btwNummer")}
    secrets = {winkel.token, winkel.koppelsleutel, "Dorpsstraat", "5341GE"}
    assert len(texts) > 3
    assert leaks.found({one for one in texts | secrets if len(one) > 3 and one != "None"}, planted.html) == []


def test_nothing_is_written_and_snelstart_is_asked_as_by_a_comparison(winkel: Winkel) -> None:
    """Not one call more, and only reading ones."""
    winkel.run(german(**on(days_ago(2))))
    winkel.run(german(**on(days_ago(40))))
    before = winkel.stage.calls(winkel.connected)
    done = winkel.report().done
    spent = winkel.stage.calls(winkel.connected) - before
    assert {call for call in spent if not call.startswith("GET ")} <= {"POST /b2b/token"}
    assert sum(count for call, count in spent.items() if "/b2b/" not in call) == done.calls
    assert done.calls == winkel.compared().calls


def test_sales_from_before_the_connection_count_towards_the_threshold(winkel: Winkel) -> None:
    """They are not to be booked, but they were sold; so are those the administration refuses."""
    winkel.change_profile(f"start_date = {days_ago(2)}\n")
    dutch = thing(**(to("BE") | on(days_ago(1)) | {"tax_region": "NL"}))
    raws = german(**on(days_ago(3))), german(**on(days_ago(9))), dutch, german(status=1, **on(days_ago(1)))
    winkel.stage.place(winkel.connected, *raws)
    made = winkel.report()
    assert made.standings == {"done": 0, "to-book": 0, "waiting": 1, "stopped": 1, "skipped": 1}
    sold = sum(one.total for one in made.years)
    early = TODAY - timedelta(days=9)
    assert sold == (300 if early.year == FIRST.year else 200)
    assert {(one.country, one.foreign) for year in made.years for one in year.turnovers} == {
        ("DE", True),
        ("BE", False),
    }


def test_a_sale_of_december_that_was_completed_in_january_counts_in_january(winkel: Winkel) -> None:
    """Its invoice is of this year, as VAT returns have it; one that was completed in December is not."""
    winkel.change_profile('invoice_date = "completed"\n')
    december, january = f"{FIRST.year - 1}-12-30", f"{FIRST.year}-01-02"
    late = on(december) | {"status_changed_date": january}
    winkel.stage.place(winkel.connected, german(**late), german(**on(december)), german(currency="USD", **on(december)))
    [made] = winkel.report(date(FIRST.year, 1, 1)).years[:1]
    assert (made.total, made.steps[0][0]) == (Decimal("100.00"), date(FIRST.year, 1, 2))
    assert made.uncounted == ()


def test_a_sale_abroad_whose_amount_cannot_be_told_is_named(winkel: Winkel) -> None:
    """In dollars, it is not counted, and the report says which order that is."""
    raw = german(currency="USD", **on(days_ago(1)))
    winkel.stage.place(winkel.connected, raw)
    made = winkel.report()
    assert [one.uncounted for one in made.years][-1:] == [(str(raw["number"]),)]
    assert f"niet vaststaat: bestelling {raw['number']}." in page.render(made)


def test_imported_history_is_left_out_of_the_times(winkel: Winkel) -> None:
    """Its orders waited for their import, not for us."""
    numbers = history(winkel.stage, winkel.connected, 3)
    assert imported(winkel.stage, winkel.connected).finished
    made = winkel.report()
    assert (made.latency.count, made.latency.imported) == (0, len(numbers))
    told = Page(page.render(made)).root.text
    assert "geen bestellingen waarvan de tijd tot boeken bekend is" in told
    assert f"{len(numbers)} bestellingen uit een import" in told
