"""The made-up orders add up, to the cent, whatever the seed: what the sandbox proves rests on that."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.order_lines import Json, split
from sandbox.orders import EXPECTED, GeneratedOrder, Kind, generate, makers_example

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SEEDS = st.integers(0, 2**32)
MANY = generate(1, 2000)


def prices(raw: Json) -> Iterator[Json]:
    """Every price of every line, whether it stands alone or in a list."""
    lines = raw["orderlines"]
    assert isinstance(lines, list)
    return chain.from_iterable(line["price"] if isinstance(line["price"], list) else [line["price"]] for line in lines)


def stated(raw: Json) -> tuple[Decimal, dict[Decimal, Decimal]]:
    """The total and the VAT per rate as the order itself states them."""
    price = raw["price"]
    assert isinstance(price, dict)
    return Decimal(price["total"]), {Decimal(each["rate"]): Decimal(each["amount"]) for each in price["tax"]}


@given(SEEDS)
def test_lines_add_up_to_the_total_exactly(seed: int) -> None:
    """The lines' amounts including VAT make the order's total to the cent, but for the kind that is meant not to."""
    for order in generate(seed, 5):
        total, vat = stated(order.raw)
        assert sum(Decimal(str(each["amount_including_tax"])) for each in prices(order.raw)) == total == order.total
        assert vat == order.vat


@given(SEEDS)
def test_stated_vat_lies_within_a_cent_per_line(seed: int) -> None:
    """Per rate, the stated VAT is within one cent per line of the exact amount."""
    for order in generate(seed, 5):
        for rate, amount in order.vat.items():
            own = [
                Decimal(str(p["amount_including_tax"])) for p in prices(order.raw) if Decimal(str(p["rate"])) == rate
            ]
            assert abs(amount - sum(own) * rate / (100 + rate)) <= Decimal("0.01") * len(own)
        assert {Decimal(str(each["rate"])) for each in prices(order.raw)} == set(order.vat)


@given(SEEDS)
def test_amounts_are_written_as_the_api_writes_them(seed: int) -> None:
    """Amounts including VAT have two decimals, amounts without it six and are that amount without its VAT."""
    for each in chain.from_iterable(prices(order.raw) for order in generate(seed, 5)):
        including, excluding, rate = str(each["amount_including_tax"]), str(each["amount"]), Decimal(str(each["rate"]))
        assert re.fullmatch(r"-?\d+\.\d{2}", including)
        assert re.fullmatch(r"-?\d+\.\d{6}", excluding)
        assert abs(Decimal(including) / (1 + rate / 100) - Decimal(excluding)) <= Decimal("0.0000005")


@given(SEEDS)
def test_one_seed_gives_one_list_and_stays_within_its_span(seed: int) -> None:
    """The same seed gives the same orders, numbered and dated upwards, none later than the span."""
    start = datetime(2026, 3, 28, 12, tzinfo=AMSTERDAM)
    orders = generate(seed, 8, first_number=50, start=start, span=timedelta(days=2))
    assert orders == generate(seed, 8, first_number=50, start=start, span=timedelta(days=2))
    assert [int(order.number.removesuffix("T")) for order in orders] == list(range(50, 58))
    placed = [f"{order.raw['date']} {order.raw['time']}" for order in orders]
    assert placed == sorted(placed)
    assert all(f"{order.raw['status_changed_date']}" <= "2026-03-30" for order in orders)


@given(
    st.integers(1, 10**6),
    st.dictionaries(st.sampled_from([Decimal(0), Decimal(9), Decimal(21)]), st.integers(1, 10**5), min_size=1),
)
def test_an_amount_split_over_rates_loses_no_cent(cents: int, weights: dict[Decimal, int]) -> None:
    """Costs and discounts split over several rates make the whole amount again."""
    assert sum(part.cents for part in split(cents, weights)) == cents


def test_only_completed_paid_orders_with_something_to_pay_are_eligible() -> None:
    """What is eligible is completed, paid, no test and above zero; nothing else is all of these."""
    for order in MANY:
        ready = order.raw["status"] == 4 and order.raw.get("payment_status") == "captured"
        assert order.eligible == (ready and order.total > 0 and not order.number.endswith("T"))
        assert order.eligible == (order.expected_state == "paid")
        assert order.total >= 0


def test_the_mix_holds_what_shops_meet() -> None:
    """Two thousand orders hold every kind of order, line, rate and payment the sandbox promises."""
    raws = [order.raw for order in MANY]
    assert {order.kind for order in MANY} == set(EXPECTED) - {"dollars", "mismatch"}
    assert {rate for order in MANY for rate in order.vat} == {Decimal(0), Decimal(9), Decimal(21)}
    assert {"mollie:ideal", "paypal:paypal", "basic:cash", ""} <= {order.payment for order in MANY}
    lines = [line for raw in raws for line in raw["orderlines"]]  # type: ignore[attr-defined]  # JSON, proven by the rest
    assert {line["type"] for line in lines} == {"article", "custom", "discount", "shipping", "payment"}
    several = {line["type"] for line in lines if isinstance(line["price"], list)}
    assert several == {"discount", "shipping", "payment"}
    assert any(
        option["price"]["amount"].startswith("-")
        for line in lines
        for a in line.get("articles", ())
        for option in a["options"]
    )
    assert {raw["business_model"] for raw in raws} == {"B2C", "B2B"}
    assert {raw.get("payment_status") for raw in raws} >= {"captured", "pending", "new", "authorized", "refunded", None}


def test_customers_come_back_and_write_their_address_differently() -> None:
    """One customer orders more than once, with the e-mail address in other letter case now and then."""
    written: dict[str, set[str]] = {}
    for order in MANY:
        debtor = order.raw["debtor"]
        assert isinstance(debtor, dict)
        written.setdefault(order.email, set()).add(debtor["email"])
    assert len(written) < len(MANY)
    assert any(len(ways) > 1 for ways in written.values())
    assert all(re.search(r"@(post\.)?example\.(nl|com)$", email) for email in written)


def test_some_orders_state_vat_that_a_recomputation_would_not() -> None:
    """Per rate, the stated VAT sometimes differs from the VAT recomputed: the trap the books must survive."""

    def recomputed(order: GeneratedOrder, rate: Decimal) -> Decimal:
        own = [Decimal(str(p["amount_including_tax"])) for p in prices(order.raw) if Decimal(str(p["rate"])) == rate]
        return round(sum(own, Decimal(0)) * rate / (100 + rate), 2)

    differing = sum(any(recomputed(order, rate) != vat for rate, vat in order.vat.items()) for order in MANY)
    assert len(MANY) // 20 < differing < len(MANY) // 2


@pytest.mark.parametrize("kind", ["dollars", "mismatch"])
def test_orders_to_refuse_come_when_asked_for(kind: Kind) -> None:
    """A foreign currency, and lines that do not make the total, come only when the mix names them."""
    for order in generate(3, 5, mix={kind: 1}):
        total, _ = stated(order.raw)
        lines = sum(Decimal(str(each["amount_including_tax"])) for each in prices(order.raw))
        assert order.expected_state == "refused"
        assert (order.raw["currency"] == "USD", total - lines == 1) == (kind == "dollars", kind == "mismatch")


def test_the_makers_example_is_to_the_cent() -> None:
    """Order 27: 47.45, with VAT 0.83 at 9 % and 6.50 at 21 %, on the day asked for and crediting nothing."""
    example = makers_example(date(2026, 11, 23))
    assert stated(example.raw) == (Decimal("47.45"), {Decimal(9): Decimal("0.83"), Decimal(21): Decimal("6.50")})
    assert [str(each["amount_including_tax"]) for each in prices(example.raw)] == [
        "15.00", "9.90", "5.85", "9.75", "0.21", "0.79", "5.95",
    ]  # fmt: skip
    assert stated(example.raw) == (example.total, example.vat)
    assert (example.number, example.raw["date"], example.eligible) == ("27", "2026-11-23", True)
    assert "credited_order_number" not in example.raw
    assert makers_example(date(2026, 11, 23), credited_order_number=28).raw["credited_order_number"] == 28
