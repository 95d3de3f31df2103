"""What is added up: how orders stand, how long they took, why they wait, and sales abroad against the threshold."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import get_args

import pytest

from koppeling.booking.countries import EU, HOME, NAMES
from koppeling.booking.distance import sold, to_consumer_abroad
from koppeling.booking.oss import SINCE
from koppeling.catalogue import reason
from koppeling.compared import DifferenceKind
from koppeling.failures import Refused
from koppeling.foreseen import Outcome
from koppeling.order_row import Booking, OrderRow, Sale, State
from ops.report import abroad, dutch, figures
from ops.report.figures import causes, latency
from ops.report.values import Read, Standing
from tests.booking.world import chart, line, order, paid, profile, simple, to, untaxed
from tests.reports.samples import ABOUT, nothing, sale

BOOKING = Booking("MWW1", "u", Decimal("121.00"), "2026-11-01", "r", "mollie", "ideal")
ROW = OrderRow("1", "paid", "2026-11-01T10:00:00.000Z", "2026-11-01T10:00:02.000Z", booking=BOOKING)
UNPAID, MALFORMED = reason("shop-not-paid", payment_status="pending"), reason("vat-number-malformed")


def took(seconds: int, **changes: object) -> Read:
    """An order that was paid so long after it was first heard of."""
    paid_at = f"2026-11-01T10:{seconds // 60:02}:{seconds % 60:02}.000Z"
    row = replace(ROW, paid_at=paid_at, verkoopboeking_id="b", **changes)  # type: ignore[arg-type]  # fields of a row
    return Read("1", "booked", row=row)


def test_median_and_p95_are_of_orders_booked_as_they_came() -> None:
    """Twenty orders of 1 to 20 seconds: half within 10.5, nineteen within 19."""
    found = latency([took(seconds) for seconds in range(1, 21)])
    assert (found.count, found.median, found.p95, found.slowest) == (20, 10.5, 19.0, 20.0)
    assert dict(found.buckets)["2-5 s"] == 3
    assert sum(count for _, count in found.buckets) == 20


def test_history_and_orders_that_waited_are_left_out_of_the_times() -> None:
    """Each is counted as left out, once; so is a row without both moments."""
    reads = [
        took(1),
        took(900, run="20261101-x"),
        took(900, batch="b", first_waited_at="2026-11-01T10:00:01.000Z"),
        took(900, first_waited_at="2026-11-01T10:00:01.000Z"),
        took(1, received_at="2026-11-02T10:00:00.000Z"),
        Read("2", "booked", row=ROW),
        Read("3", "waiting", row=replace(ROW, state="waiting")),
        Read("4", "skip"),
    ]
    found = latency(reads)
    assert (found.count, found.imported, found.waited, found.unknown) == (1, 2, 1, 2)
    assert latency([]).median is None


def test_an_order_taken_back_since_took_as_long_as_its_own_invoice() -> None:
    """Not as long as until it was taken back."""
    own = Sale(BOOKING, "b", None, "2026-11-01T10:00:03.000Z")
    row = replace(ROW, state="credited", paid_at="2026-11-09T10:00:00.000Z", sale=own)
    assert latency([Read("1", "booked", row=row)]).slowest == 3.0


STANDINGS: list[tuple[Outcome, State | None, Standing]] = [
    ("booked", "paid", "done"),
    ("booked", "booked", "stopped"),
    ("book", None, "to-book"),
    ("book", "refused", "stopped"),
    ("book", "failed", "waiting"),
    ("credit", None, "to-book"),
    ("waiting", None, "waiting"),
    ("again", None, "waiting"),
    ("refuse", None, "stopped"),
    ("skip", "refused", "skipped"),
]


@pytest.mark.parametrize(("outcome", "state", "standing"), STANDINGS)
def test_an_order_stands_as_the_shop_says_now_then_as_our_row_does(
    outcome: Outcome, state: State | None, standing: Standing
) -> None:
    """Cancelled since it was refused, it is skipped; bookable but refused by SnelStart, it is refused."""
    row = replace(ROW, state=state, reason=MALFORMED) if state else None
    made = figures.report(ABOUT, nothing().done, [Read("1", outcome, UNPAID, row)], ())
    assert [name for name, count in made.standings.items() if count] == [standing]


def test_causes_are_grouped_and_the_most_frequent_comes_first() -> None:
    """One line per sentence, or per code where every order has another sentence."""
    many = [(str(number), reason("amount-no-lines", total=f"€ {number},00")) for number in range(5)]
    found = causes([("90", MALFORMED), ("91", MALFORMED), ("92", UNPAID), *many])
    assert [(one.code, len(one.numbers), one.several) for one in found] == [
        ("amount-no-lines", 5, True),
        ("vat-number-malformed", 2, False),
        ("shop-not-paid", 1, False),
    ]


def test_the_threshold_counts_all_countries_of_a_calendar_year_together() -> None:
    """Whatever VAT they had; what is taken back goes off; the day it was crossed stays known."""
    found = [
        sale(date(2026, 1, 2), "6000.00", "BE", foreign=False),
        sale(date(2026, 4, 1), "4000.00"),
        sale(date(2026, 4, 2), "0.01", "FR"),
        sale(date(2026, 9, 30), "-1000.00", "BE", foreign=False),
        sale(date(2025, 12, 31), "9000.00"),
        sale(date(2026, 12, 1), "500.00"),
    ]
    [year] = abroad.years(found, [("7", 2026), ("8", 2025)], date(2026, 9, 1), date(2026, 9, 30))
    assert (year.year, year.until, year.total) == (2026, date(2026, 9, 30), Decimal("9000.01"))
    assert year.crossed == date(2026, 4, 2)
    assert [(one.quarter, one.net, one.cumulative) for one in year.quarters] == [
        (1, Decimal("6000.00"), Decimal("6000.00")),
        (2, Decimal("4000.01"), Decimal("10000.01")),
        (3, Decimal("-1000.00"), Decimal("9000.01")),
    ]
    assert year.uncounted == ("7",)


def test_exactly_the_threshold_is_not_above_it() -> None:
    """Ten thousand euro is still below; a cent more is not."""
    [year] = abroad.years([sale(date(2026, 1, 2), "10000.00")], (), date(2026, 1, 1), date(2026, 1, 31))
    assert year.crossed is None


def test_a_period_over_new_year_has_two_years() -> None:
    """Each begins at nothing."""
    found = [sale(date(2025, 12, 31), "10.00"), sale(date(2026, 1, 1), "20.00")]
    years = abroad.years(found, (), date(2025, 12, 1), date(2026, 1, 31))
    assert [(one.year, one.total) for one in years] == [(2025, Decimal("10.00")), (2026, Decimal("20.00"))]


def test_whose_sales_count() -> None:
    """Consumers elsewhere in the EU, and businesses without a valid number; nobody else."""
    accounts = chart(oss=True)
    assert to_consumer_abroad(simple(debtor=to("DE")), accounts)
    assert to_consumer_abroad(simple(debtor=to("BE", number="BE0123456789")), accounts)
    assert not to_consumer_abroad(simple(debtor=to("BE", number="BE0428759497")), accounts)
    assert not to_consumer_abroad(untaxed(debtor=to("BE"), tax_strategy="reverse_charged_vat"), accounts)
    assert not to_consumer_abroad(simple(), accounts)
    assert not to_consumer_abroad(simple(debtor=to("US")), accounts)
    assert not to_consumer_abroad(simple(debtor=to("NL", invoice="DE")), accounts)


def test_what_a_sale_comes_to_is_told_whatever_the_administration_is_set_up_for() -> None:
    """Dutch VAT while OSS is on would be refused, and counts; gift cards do not."""
    dutch = simple(debtor=to("BE"), tax_region="NL")
    found = sold(dutch, profile(), chart(oss=True), credit=False)
    assert (found.country, found.net, found.vat, found.foreign) == ("BE", Decimal("100.00"), Decimal("21.00"), False)
    german = order(
        line(paid("119.00", "19")),
        line(paid("-19.00", "0"), kind="gift_card"),
        total="100.00",
        tax=(("19.00", "19"),),
        debtor=to("DE"),
        tax_region="DE",
    )
    found = sold(german, profile(), chart(), credit=False)
    assert (found.country, found.net, found.vat, found.foreign) == ("DE", Decimal("100.00"), Decimal("19.00"), True)


def test_where_the_shop_does_not_say_whose_vat_it_is_the_administration_does() -> None:
    """With OSS on it is the country's own; before OSS there was none, and with OSS off there is none."""
    unsaid = simple(debtor=to("BE"), tax_region="")
    assert sold(unsaid, profile(), chart(oss=True), credit=False).foreign
    assert not sold(unsaid, profile(), chart(), credit=False).foreign
    before = simple(debtor=to("BE"), tax_region="", date=f"{SINCE.year}-06-30")
    assert not sold(before, profile(), chart(oss=True), credit=False).foreign


@pytest.mark.parametrize("sign", ["-", ""])
def test_a_credit_goes_off_however_the_shop_writes_it(sign: str) -> None:
    """Whether its amounts are negative or positive."""
    credit = order(
        line(paid(f"{sign}119.00", "19")),
        total=f"{sign}119.00",
        tax=((f"{sign}19.00", "19"),),
        debtor=to("DE"),
        tax_region="DE",
    )
    found = sold(credit, profile(), chart(oss=True), credit=True)
    assert (found.net, found.vat) == (Decimal("-100.00"), Decimal("-19.00"))


def test_a_sale_in_dollars_is_not_counted_as_euro() -> None:
    """Its figures cannot be told."""
    with pytest.raises(Refused):
        sold(simple(debtor=to("BE"), currency="USD"), profile(), chart(), credit=False)


def test_every_kind_of_difference_and_every_country_has_a_dutch_name() -> None:
    """A new one without a name would end the report."""
    assert set(dutch.KINDS) == set(get_args(DifferenceKind))
    assert set(NAMES) == set(EU) - {HOME}


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0.04, "0,0 s"), (59.9, "59,9 s"), (60, "1 min 0 s"), (3599, "59 min 59 s"), (7500, "2 uur 5 min")],
)
def test_a_time_is_told_in_the_unit_that_reads_best(seconds: float, told: str) -> None:
    """Seconds with a decimal, then whole units."""
    assert dutch.duration(seconds) == told
