"""VAT per rate, of the Netherlands and of other countries: what stands under which, and what was moved between them."""

from collections.abc import Iterator
from datetime import date

import pytest

from koppeling import calls
from koppeling.compared import Reconciled
from koppeling.reconcile import reconcile
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.exactly_once.rig import Stage
from tests.reconcile.bookkeeper import bookkeeper
from tests.reconcile.shop import Shop
from tests.regimes.winkel import (
    CANCELLED,
    CARDS,
    Json,
    connect,
    credit_of,
    days_ago,
    german,
    on,
    sold,
    thing,
    to,
)

_RRH, _PR = 8321, 8323
NUMBERS = ["all", "debtors", "none"]


@pytest.fixture
def lenient(stage: Stage) -> Iterator[None]:
    """SnelStart takes any VAT beside any turnover: by hand, and by what its document leaves open, it may be so."""
    stage.books.tell("settings", {"vat_cents_per_line": 10_000})
    yield
    stage.books.tell("settings", {"vat_cents_per_line": 1})


def _both(**changes: object) -> Json:
    """An order of 226.00 with two German rates."""
    lines = line(paid("119.00", "19")), line(paid("107.00", "7"))
    return sold(*lines, total="226.00", tax={"19": "19.00", "7": "7.00"}, **(to("DE") | on(days_ago(2)) | changes))


def _belgian(gross: str = "121.00", rate: str = "21", vat: str = "21.00", **changes: object) -> Json:
    return thing(gross, rate, vat, **(to("BE") | on(days_ago(2)) | changes))


def _account(shop: Shop, number: int) -> Json:
    [found] = [row for row in shop.connected.snelstart.get("grootboeken") if row["nummer"] == number]
    return {"id": found["id"]}


def _moved(shop: Shop, number: str, *accounts: int) -> None:
    """The lines of an invoice put on these accounts by hand, in their order; those that are left stay."""
    regels = shop.books.booking(f"MWW{number}")["boekingsregels"]
    moved = [regel | {"grootboek": _account(shop, account)} for regel, account in zip(regels, accounts, strict=False)]
    shop.books.change(f"MWW{number}", boekingsregels=[*moved, *regels[len(moved) :]])


def _lines(done: Reconciled) -> list[tuple[str, str, str]]:
    return [(one.name, str(one.shop), str(one.books)) for one in done.vat]


def _between(shop: Shop, first: date, last: date) -> Reconciled:
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        return reconcile(place, first, last)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_each_rate_has_a_line_of_its_own(shop: Shop, numbers: str) -> None:
    """Two countries, one of them with two rates, beside the Dutch ones: the Dutch first, then by country."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    for raw in (_both(), german(**on(days_ago(3))), _belgian(), _belgian("112.00", "12", "12.00")):
        shop.run(raw)
    shop.run(thing("109.00", "9", "9.00", **on(days_ago(3))))
    shop.sale()
    done = shop.compared()
    assert done.differences == ()
    assert _lines(done) == [
        ("hoog 21%", "21.00", "21.00"),
        ("laag 9%", "9.00", "9.00"),
        ("BE 21%", "21.00", "21.00"),
        ("BE 12%", "12.00", "12.00"),
        ("DE 19%", "38.00", "38.00"),
        ("DE 7%", "7.00", "7.00"),
    ]
    assert done.not_compared.vat == 0


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("numbers", NUMBERS)
def test_turnover_moved_to_another_foreign_rate_is_other_vat(shop: Shop, numbers: str) -> None:
    """The same total on another rate's account: found by mutations and by whole bookings, and both rates named."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    number, other = shop.run(german(**on(days_ago(2)))), shop.run(german(**on(days_ago(2))))
    assert shop.found() == []
    _moved(shop, number, _RRH)
    done = shop.compared()
    [only] = done.differences
    assert (only.order_number, only.kind) == (number, "different-vat")
    assert "in SnelStart € 19,00 Duitsland 7%" in only.sentence
    assert "in de webwinkel € 19,00 Duitsland 19%" in only.sentence
    assert _lines(done) == [("DE 19%", "38.00", "19.00"), ("DE 7%", "0.00", "19.00")]
    assert done.verdict == "niet sluitend"
    assert other not in only.sentence


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("numbers", NUMBERS)
def test_no_rate_is_made_up_where_nothing_shows_it(shop: Shop, monkeypatch: pytest.MonkeyPatch, numbers: str) -> None:
    """Calls enough for the lists and no more: without its rows among the mutations the VAT is told as not compared."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    number = shop.run(german(**on(days_ago(2))))
    _moved(shop, number, _RRH)
    monkeypatch.setattr(calls, "_PART", 5000 // 9)
    done = shop.compared()
    seen = numbers == "all"
    assert [one.kind for one in done.differences] == (["different-vat"] if seen else [])
    assert (done.not_compared.vat, bool(done.vat)) == (0 if seen else 1, seen)


@pytest.mark.usefixtures("lenient")
def test_one_of_two_rates_moved_to_the_other(shop: Shop) -> None:
    """All turnover on one rate: so is all of the VAT."""
    number = shop.run(_both())
    high, low, vat, _ = shop.books.booking(f"MWW{number}")["boekingsregels"]
    moved = [high, low | {"grootboek": high["grootboek"]}, vat | {"bedrag": "26.00"}]
    shop.books.change(f"MWW{number}", boekingsregels=moved)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "different-vat")]
    assert _lines(done) == [("DE 19%", "19.00", "26.00"), ("DE 7%", "7.00", "0.00")]


@pytest.mark.usefixtures("lenient")
def test_turnover_moved_in_part_is_apportioned_to_the_cent(shop: Shop) -> None:
    """Net x rate on each account, what is left of the VAT on the largest: € 90.00 at 19 % and € 110.00 at 7 %."""
    number = shop.run(_both())
    regels = shop.books.booking(f"MWW{number}")["boekingsregels"]
    regels[0]["bedrag"], regels[1]["bedrag"] = "90.00", "110.00"
    shop.books.change(f"MWW{number}", boekingsregels=regels)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "different-vat")]
    assert _lines(done) == [("DE 19%", "19.00", "18.30"), ("DE 7%", "7.00", "7.70")]


def test_cents_of_the_shop_stay_where_it_put_them(shop: Shop) -> None:
    """Rounded by the shop one up and one down, the sum of both is what the books hold: the plan's own split."""
    lines = line(paid("119.00", "19")), line(paid("107.00", "7"))
    odd = sold(*lines, total="226.00", tax={"19": "19.01", "7": "6.99"}, **(to("DE") | on(days_ago(2))))
    shop.run(odd)
    done = shop.compared()
    assert done.differences == ()
    assert _lines(done) == [("DE 19%", "19.01", "19.01"), ("DE 7%", "6.99", "6.99")]


def test_two_codes_of_one_percentage_are_one_rate(shop: Shop) -> None:
    """Belgium has 12 % under two codes: on either account it is 12 %."""
    number = shop.run(_belgian("112.00", "12", "12.00"))
    _moved(shop, number, _PR)
    done = shop.compared()
    assert [one.kind for one in done.differences] == ["changed-by-hand"]
    assert _lines(done) == [("BE 12%", "12.00", "12.00")]


def test_the_country_of_a_customer_changed_by_hand_is_unknown(shop: Shop) -> None:
    """That the customer is another is told, and no more; the books' side stands under no country."""
    first, second = shop.run(german(**on(days_ago(2)))), shop.run(_belgian())
    relaties = {number: shop.books.booking(f"MWW{number}")["klant"]["id"] for number in (first, second)}
    raw = german(**on(days_ago(2)))
    third = shop.run(raw)
    other = shop.books.booking(f"MWW{third}")["klant"]
    shop.books.change(f"MWW{first}", klant={"id": other["id"]})
    done = shop.compared()
    assert other["id"] not in relaties.values()
    [only] = done.differences
    assert (only.order_number, only.kind) == (first, "changed-by-hand")
    assert _lines(done) == [
        ("BE 21%", "21.00", "21.00"),
        ("DE 19%", "38.00", "19.00"),
        ("buitenland", "0.00", "19.00"),
    ]


def test_without_our_row_the_country_is_that_of_the_order(shop: Shop) -> None:
    """Nothing contradicts it."""
    number = shop.run(german(**on(days_ago(2))))
    shop.stage.table.delete(shop.row_key(number))
    done = shop.compared()
    assert done.differences == ()
    assert _lines(done) == [("DE 19%", "19.00", "19.00")]


def test_what_is_taken_back_goes_off_its_own_rate(shop: Shop) -> None:
    """A credit order of one of two rates, a cancelled order of both; a double stands beside them."""
    whole = {"debtor": _both()["debtor"]}
    number, cancelled = shop.run(_both(**whole)), shop.run(_both())
    seven = credit_of(number, line(paid("-107.00", "7")), total="-107.00", tax={"7": "-7.00"})
    shop.run(seven | whole | {"tax_region": "DE"} | on(days_ago(1)))
    shop.stage.change(shop.connected, cancelled, status=CANCELLED)
    shop.stage.until_done(shop.connected, cancelled)
    done = shop.compared()
    assert done.differences == ()
    assert _lines(done) == [("DE 19%", "19.00", "19.00"), ("DE 7%", "0.00", "0.00")]
    shop.books.copy(f"MWW{number}", factuurnummer="2026-0815")
    done = shop.compared()
    assert [one.kind for one in done.differences] == ["double"]
    assert _lines(done) == [("DE 19%", "19.00", "38.00"), ("DE 7%", "0.00", "7.00")]
    assert [(one.name, str(one.shop), str(one.books)) for one in done.rates] == [
        ("DE 19%", "100.00", "200.00"),
        ("DE 7%", "0.00", "100.00"),
    ]


@pytest.mark.parametrize("numbers", NUMBERS)
def test_foreign_vat_that_comes_to_nothing_stands_at_both_its_rates(shop: Shop, numbers: str) -> None:
    """Goods at one rate and a discount at the other, with as much VAT."""
    shop.stage.books.tell("settings", {"mutation_numbers": numbers})
    lines = line(paid("20.33", "7")), line(paid("-8.33", "19"), kind="discount")
    shop.run(sold(*lines, total="12.00", tax={"19": "-1.33", "7": "1.33"}, **(to("DE") | on(days_ago(2)))))
    done = shop.compared()
    assert (_lines(done), done.differences) == ([("DE 19%", "-1.33", "-1.33"), ("DE 7%", "1.33", "1.33")], ())
    assert done.verdict == "sluitend"


def test_an_order_of_nothing_that_is_to_be_taken_back_keeps_its_own_vat(shop: Shop) -> None:
    """Paid whole by gift card; only its reversal is missing, and what that comes to has no sign."""
    card = line(paid("-121.00", "0"), kind="gift_card")
    number = shop.run(sold(line(paid("121.00")), card, total="0.00", tax={"21": "21.00"}, **on(days_ago(2))))
    shop.stage.change(shop.connected, number, status=CANCELLED)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(number, "credited-in-shop-only")]
    assert _lines(done) == [("hoog 21%", "0.00", "21.00")]
    shop.stage.until_done(shop.connected, number)
    done = shop.compared()
    assert (_lines(done), done.verdict) == ([("hoog 21%", "0.00", "0.00")], "sluitend")


@pytest.mark.usefixtures("lenient")
def test_a_credit_moved_to_another_rate_is_found(shop: Shop) -> None:
    """As a sale is."""
    raw = german(**on(days_ago(2)))
    number = shop.run(raw)
    credit = credit_of(number, line(paid("-119.00", "19")), total="-119.00", tax={"19": "-19.00"})
    credited = shop.run(credit | {key: raw[key] for key in ("debtor", "tax_region")} | on(days_ago(1)))
    _moved(shop, credited, _RRH)
    done = shop.compared()
    assert [(one.order_number, one.kind) for one in done.differences] == [(credited, "different-vat")]
    assert _lines(done) == [("DE 19%", "0.00", "19.00"), ("DE 7%", "0.00", "-19.00")]


@pytest.fixture
def years(stage: Stage) -> Iterator[Shop]:
    """A shop in the book year in which the low rate went from 6 to 9 %."""
    connected = connect(stage, CARDS, huidig_boekjaar=2019)
    with bookkeeper(connected) as by_hand:
        shop = Shop(stage, connected, by_hand)
        shop.change_profile('start_date = 2018-01-01\nclosed_period = "first-open-day"\n')
        yield shop
    stage.disconnect(connected)


def _low(day: str, rate: str, gross: str, vat: str) -> Json:
    return thing(gross, rate, vat, **on(day))


@pytest.mark.usefixtures("lenient")
def test_the_low_rates_of_two_years_stand_side_by_side(years: Shop) -> None:
    """Each by its own day; what is credited of the old one in the new year goes off the old rate."""
    old = years.run(_low("2018-12-30", "6", "106.00", "6.00"))
    years.run(_low("2019-01-02", "9", "109.00", "9.00"))
    years.run(credit_of(old, line(paid("-53.00", "6")), total="-53.00", tax={"6": "-3.00"}, **on("2019-01-15")))
    done = _between(years, date(2018, 12, 1), date(2019, 1, 31))
    assert done.differences == ()
    assert _lines(done) == [("laag 9%", "9.00", "9.00"), ("laag 6%", "3.00", "3.00")]
    # A double is paired with nothing: by its own day.
    years.books.copy(f"MWW{old}", factuurnummer="H-1", factuurdatum="2019-01-02T00:00:00")
    done = _between(years, date(2018, 12, 1), date(2019, 1, 31))
    assert _lines(done) == [("laag 9%", "9.00", "15.00"), ("laag 6%", "3.00", "3.00")]


@pytest.mark.usefixtures("lenient")
def test_moved_out_of_a_closed_period_it_keeps_the_rate_of_its_supply(years: Shop) -> None:
    """Booked in 2019 with the 6 % of 2018, where SnelStart takes that; VAT moved by hand is told by that day too."""
    closed = {"vat_filed": [["2018-01-01", "2018-12-31"]]}
    years.stage.books.tell(f"administrations/{years.connected.administration}", closed)
    number = years.run(_low("2018-12-30", "6", "106.00", "6.00"))
    assert years.books.invoice(f"MWW{number}")["factuurDatum"] > "2019"
    done = _between(years, date(2018, 12, 1), date(2019, 1, 31))
    assert done.differences == ()
    assert _lines(done) == [("laag 6%", "6.00", "6.00")]
    # Another kind than was planned: by the day of the supply too.
    other = years.run(thing(**on("2018-12-30")))
    [regel] = years.books.booking(f"MWW{other}")["boekingsregels"]
    low = regel | {"btwSoort": "Laag", "grootboek": _account(years, 8210)}
    vat = [{"btwSoort": "VerkopenLaag", "btwBedrag": "21.00"}]
    years.books.change(f"MWW{other}", boekingsregels=[low], btw=vat)
    done = _between(years, date(2018, 12, 1), date(2019, 1, 31))
    assert _lines(done) == [("hoog 21%", "21.00", "0.00"), ("laag 6%", "6.00", "27.00")]
    [only] = done.differences
    assert (only.order_number, only.kind) == (other, "different-vat")
    assert "€ 21,00 laag (6%)" in only.sentence
    assert "€ 21,00 hoog (21%)" in only.sentence
