"""What a plan comes to per rate of VAT, and how rates are called."""

from decimal import Decimal
from typing import Any

from koppeling.booking.content import content_of
from koppeling.booking.credit import negative
from koppeling.booking.plan import plan
from koppeling.booking.rated import named, place, spoken
from tests.booking.world import chart, line, order, paid, profile, simple, to, untaxed

ACCOUNTS = chart(oss=True)


def test_names_sort_and_read() -> None:
    """One form for machines, in an order of its own; another for people."""
    names = ["buitenland", "FR 5,5%", "DE RRH", "DE 7%", "DE 19%", "laag 6%", "overig", "hoog 21%", "laag 9%"]
    assert sorted(names, key=place) == [
        *("hoog 21%", "laag 9%", "laag 6%", "overig"),
        *("DE 19%", "DE 7%", "DE RRH", "FR 5,5%", "buitenland"),
    ]
    assert named("FR", Decimal("5.500")) == "FR 5,5%"
    assert named("DE", Decimal("20.0")) == "DE 20%"
    assert [spoken(name) for name in ("FR 5,5%", "DE RRH", "hoog 21%", "overig", "buitenland")] == [
        *("Frankrijk 5,5%", "Duitsland (tariefcode RRH)", "hoog (21%)", "overig", "van een ander EU-land"),
    ]


def _rated(**changes: Any) -> list[tuple[str, str, str]]:  # noqa: ANN401 -- any field of an order
    lines = (
        line(paid("121.00")),
        line(paid("-12.10"), kind="discount"),
        line(paid("109.00", "9")),
        line(paid("5.00", "0")),
    )
    card = line(paid("-21.00", "0"), kind="gift_card")
    tax = (("18.90", "21"), ("9.00", "9"), ("0.00", "0"))
    planned = plan(order(*lines, card, total="201.90", tax=tax, **changes), profile(), ACCOUNTS)
    assert sum((one.net + one.vat for one in planned.rated), Decimal(0)) == Decimal("222.90")
    return [(one.name, str(one.net), str(one.vat)) for one in planned.rated]


def test_a_plan_says_what_it_comes_to_per_rate() -> None:
    """Discounts off their own rate, and a gift card nowhere: it is no turnover."""
    assert _rated() == [("hoog 21%", "90.00", "18.90"), ("laag 9%", "100.00", "9.00"), ("nul 0%", "5.00", "0")]


def test_a_plan_says_so_in_every_regime() -> None:
    """Across the border without VAT, abroad with the country's own, and without any under the small scheme."""
    reversed_ = untaxed(debtor=to("BE", number="BE0428759497"), tax_strategy="reverse_charged_vat")
    german = order(line(paid("119.00", "19")), total="119.00", tax=(("19.00", "19"),), debtor=to("DE"), tax_region="DE")
    for raw, accounts, expected in (
        (reversed_, ACCOUNTS, "eu 0%"),
        (untaxed(debtor=to("US"), tax_region=""), ACCOUNTS, "export 0%"),
        (german, ACCOUNTS, "DE 19%"),
        (untaxed(), chart(kor=True), "nul 0%"),
    ):
        [only] = plan(raw, profile(), accounts).rated
        assert (only.name, only.net) == (expected, Decimal("100.00"))
        [back] = negative(plan(raw, profile(), accounts)).rated
        assert (back.name, back.net, back.vat) == (expected, -only.net, -only.vat)


def test_what_was_booked_is_still_known_as_such() -> None:
    """The fingerprint of an invoice is as it was before rates were told: it is kept on the rows of years."""
    assert content_of(plan(simple(), profile(), ACCOUNTS)) == "23d51c01e3f9f65e"
