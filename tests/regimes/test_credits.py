"""What was booked is taken back by the shop's credit orders, each once and never more than there is."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest

from koppeling.sync import Later
from tests.booking.world import line, paid
from tests.exactly_once.crashes import Crash, wire
from tests.exactly_once.rig import Connected, Stage
from tests.regimes.crediting import paid_order, state
from tests.regimes.winkel import (
    CANCELLED,
    CREDIT,
    connect,
    content,
    credit_of,
    invoices,
    of,
    reversed_to,
    run,
    settled,
    sold,
    thing,
    to,
    untaxed,
)


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


def test_full_credit(stage: Stage, home: Connected) -> None:
    """A full credit order mirrors its sale, names it, goes back through its journal, and both are credited."""
    sale = sold(
        line(paid("121.00")),
        line(paid("6.05"), kind="shipping"),
        line(paid("1.21"), kind="payment"),
        total="128.26",
        tax={"21": "22.26"},
        payment={"gateway_name": "paypal", "method_name": "paypal", "status": {"id": 1, "text": "Successful"}},
    )
    number = paid_order(stage, home, sale)
    lines: Any = sale["orderlines"]
    credit = run(stage, home, credit_of(number, *lines, total="128.26", tax={"21": "22.26"}))
    invoice = settled(stage, home, f"MWW{credit}")
    assert content(invoice) == ([(8200, "-100.00"), (8202, "-5.00"), (8203, "-1.00")], {"VerkopenHoog": "-22.26"})
    assert f"MWW{number}" in invoice["omschrijving"]
    assert (invoice["factuurbedrag"], invoice["betalingen"][0]["dagboek"]) == ("-128.26", 1104)
    assert invoice["klant"]["id"] == invoices(stage, home)[f"MWW{number}"]["klant"]["id"]
    assert state(stage, home, credit) == ("credited", None)
    assert state(stage, home, number) == ("credited", None)


@pytest.mark.parametrize("sign", ["", "-"])
def test_partial_credits(stage: Stage, home: Connected, sign: str) -> None:
    """Several credit orders of one order, amounts negative or positive: paid until the last of it is taken back."""
    sale = sold(line(paid("242.00")), line(paid("6.05"), kind="shipping"), total="248.05", tax={"21": "43.05"})
    number = paid_order(stage, home, sale)
    tax = {"21": f"{sign}21.00"}
    first = run(stage, home, credit_of(number, line(paid(f"{sign}121.00")), total=f"{sign}121.00", tax=tax))
    assert content(settled(stage, home, f"MWW{first}"))[0] == [(8200, "-100.00")]
    assert state(stage, home, number) == ("paid", None)
    goods, sent = line(paid(f"{sign}121.00")), line(paid(f"{sign}6.05"), kind="shipping")
    tax = {"21": f"{sign}22.05"}
    second = run(stage, home, credit_of(number, goods, sent, total=f"{sign}127.05", tax=tax))
    assert content(settled(stage, home, f"MWW{second}"))[0] == [(8200, "-100.00"), (8202, "-5.00")]
    assert [state(stage, home, each)[0] for each in (number, first, second)] == ["credited"] * 3


def test_credits_at_the_same_moment(stage: Stage, home: Connected) -> None:
    """Two credit orders of one order, worked on at once, are both booked, and the order is credited."""
    number = paid_order(stage, home, sold(line(paid("242.00")), total="242.00", tax={"21": "42.00"}))
    parts = [credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"}) for _ in range(2)]
    stage.place(home, *parts)
    numbers = [str(part["number"]) for part in parts]
    with ThreadPoolExecutor(len(numbers)) as pool:
        list(pool.map(lambda each: stage.deliver(home, each), numbers))
    for each in numbers:
        stage.until_done(home, each)
        settled(stage, home, f"MWW{each}")
    assert state(stage, home, number) == ("credited", None)


def test_a_credit_beyond_the_whole(stage: Stage, home: Connected) -> None:
    """A credit order after the whole was taken back is an invoice the customer has all the same: booked."""
    number = paid_order(stage, home)
    for gross, vat in (("121.00", "21.00"), ("12.10", "2.10")):
        credit = run(stage, home, credit_of(number, line(paid(gross)), total=gross, tax={"21": vat}))
        settled(stage, home, f"MWW{credit}")
    assert state(stage, home, number) == ("credited", None)


@pytest.mark.parametrize("regime", ["reverse charge", "export", "oss", "gift card"])
def test_credit_of_every_regime(stage: Stage, regime: str) -> None:
    """A credit order falls under its sale's rules: same accounts, same relatie, no VAT where there was none."""
    connected = connect(stage, foreign_vat=regime == "oss")
    abroad: dict[str, Any] = {
        "reverse charge": reversed_to("BE"),
        "export": to("US") | {"tax_strategy": "zero_percent"},
        "oss": to("DE"),
        "gift card": {},
    }[regime]
    card, whole = line(paid("121.00")), line(paid("-121.00", "0"), kind="gift_card")
    sale = {
        "oss": thing("119.00", "19", "19.00", **abroad),
        "gift card": sold(card, whole, total="0.00", tax={"21": "21.00"}),
    }.get(regime, untaxed(**abroad))
    number = paid_order(stage, connected, sale)
    lines: Any = sale["orderlines"]
    price: Any = sale["price"]
    tax = {each["rate"]: each["amount"] for each in price["tax"]}
    credit = run(stage, connected, credit_of(number, *lines, total=price["total"], tax=tax, **abroad))
    back, there = settled(stage, connected, f"MWW{credit}"), invoices(stage, connected)[f"MWW{number}"]
    assert [(ledger, -Decimal(amount)) for ledger, amount in content(back)[0]] == [
        (ledger, Decimal(amount)) for ledger, amount in content(there)[0]
    ]
    assert back["klant"]["id"] == there["klant"]["id"]
    assert state(stage, connected, credit) == ("credited", None)
    assert state(stage, connected, number) == ("credited", None)


def test_credit_announced_first(stage: Stage, home: Connected) -> None:
    """A credit order that comes before its original queues it, waits for it, and is booked after it."""
    sale = thing()
    number = str(sale["number"])
    credit_raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
    credit = str(credit_raw["number"])
    stage.place(home, sale, credit_raw)
    assert isinstance(stage.deliver(home, credit), Later)
    assert state(stage, home, credit) == ("waiting", "shop-credit-waits")
    assert [message.order_number for message in stage.queued()] == [number]
    assert of(stage, home, number) == []
    assert stage.deliver(home, number) is None
    assert stage.deliver(home, credit) is None
    settled(stage, home, f"MWW{credit}")
    assert [state(stage, home, each)[0] for each in (number, credit)] == ["credited", "credited"]


@pytest.mark.parametrize("announced", [True, False])
def test_credit_of_what_was_never_booked(stage: Stage, home: Connected, *, announced: bool) -> None:
    """One never booked is never credited, whether its own message came or not yet came."""
    sale = thing()
    number = str(sale["number"])
    stage.place(home, sale | {"status": CANCELLED})
    if announced:
        assert stage.deliver(home, number) is None
    credit = run(stage, home, credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"}))
    assert state(stage, home, credit) == ("skipped", "shop-credit-of-unbooked")
    assert of(stage, home, number) == []


def test_credit_of_an_order_the_shop_does_not_know_just_now(stage: Stage, home: Connected) -> None:
    """One 404 is no verdict: the credit order waits, and is booked once its original is."""
    sale = thing()
    number = str(sale["number"])
    raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
    stage.place(home, raw)
    credit = str(raw["number"])
    assert stage.deliver(home, credit) is not None
    assert state(stage, home, credit) == ("waiting", "shop-credit-waits")
    stage.place(home, sale)
    assert stage.deliver(home, number) is None
    assert stage.deliver(home, credit) is None
    settled(stage, home, f"MWW{credit}")


def test_a_credit_larger_than_its_original_is_refused(stage: Stage, home: Connected) -> None:
    """More cannot be given back than was booked."""
    sale = thing()
    number = str(sale["number"])
    stage.place(home, sale)
    assert stage.deliver(home, number) is None
    credit = run(stage, home, credit_of(number, line(paid("500.00")), total="500.00", tax={"21": "86.78"}))
    assert state(stage, home, credit) == ("refused", "amount-credit-exceeds")


def test_an_order_restored_after_its_reversal_says_so(stage: Stage, home: Connected) -> None:
    """Cancelled by mistake, taken back, restored: it is not booked again in silence, it tells what to do."""
    sale = thing()
    number = str(sale["number"])
    stage.place(home, sale)
    assert stage.deliver(home, number) is None
    stage.change(home, number, status=CANCELLED)
    assert stage.deliver(home, number) is None
    assert state(stage, home, number)[0] == "credited"
    stage.change(home, number, status=4)
    assert stage.deliver(home, number) is None
    assert state(stage, home, number) == ("credited", "shop-restored")


def test_credit_of_what_is_refused(stage: Stage, home: Connected) -> None:
    """A credit order waits for an original that is refused, and follows once that is booked."""
    sale = thing(currency="USD")
    number = run(stage, home, sale)
    credit_raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
    stage.place(home, credit_raw)
    credit = str(credit_raw["number"])
    assert isinstance(stage.deliver(home, credit), Later)
    assert state(stage, home, credit) == ("waiting", "shop-credit-waits")
    stage.change(home, number, currency="EUR")
    stage.deliver(home, number)
    stage.deliver(home, credit)
    assert [state(stage, home, each)[0] for each in (number, credit)] == ["credited", "credited"]


def test_credit_of_what_cannot_be_read(stage: Stage, home: Connected) -> None:
    """An original that was not announced and cannot be read is queued for its own refusal; the credit order waits."""
    sale = thing()
    number = str(sale["number"])
    credit_raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
    stage.place(home, sale | {"price": {"tax": [], "total": "veel"}}, credit_raw)
    assert isinstance(stage.deliver(home, str(credit_raw["number"])), Later)
    assert state(stage, home, str(credit_raw["number"])) == ("waiting", "shop-credit-waits")
    assert [message.order_number for message in stage.queued()] == [number]


def test_credit_orders_refused(stage: Stage, home: Connected) -> None:
    """A credit status without an original, and an unknown status with one, are refused."""
    nameless = run(stage, home, thing(status=CREDIT))
    assert state(stage, home, nameless) == ("refused", "shop-credit-without-original")
    unknown = run(stage, home, thing(status=77, credited_order_number=1))
    assert state(stage, home, unknown) == ("refused", "shop-credit-status-unknown")


def test_a_credit_order_whose_worker_died(stage: Stage, home: Connected) -> None:
    """Whichever call of a credit order the run dies after: announced again, both are credited, nothing twice."""
    for at in range(40):
        number = paid_order(stage, home)
        raw = credit_of(number, line(paid("121.00")), total="121.00", tax={"21": "21.00"})
        stage.place(home, raw)
        credit = str(raw["number"])
        with wire(at, "after") as tapped, suppress(Crash):
            stage.deliver(home, credit)
        if not tapped.struck:
            assert at > 10
            return
        stage.time_passes(home)
        stage.until_done(home, credit)
        settled(stage, home, f"MWW{credit}")
        assert [state(stage, home, each)[0] for each in (number, credit)] == ["credited", "credited"]
    raise AssertionError("a credit order of more than 40 calls")
