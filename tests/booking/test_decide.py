from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from koppeling.booking.decide import AskPayments, Credit, Ready, Skip, Waiting, decide, taken_back
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Payments
from tests.booking.world import STATUSES, line, order, paid, profile, simple


def outcome(
    payments: Payments | None = None,
    /,
    *,
    choices: Mapping[str, Any] | None = None,
    **changes: Any,  # noqa: ANN401 -- any field of an order
) -> tuple[str, str]:
    """What is decided about an order with these fields changed, and why."""
    match decide(simple(**changes), profile(**(choices or {})), STATUSES, payments):
        case Ready():
            return "ready", ""
        case AskPayments():
            return "ask", ""
        case Waiting(reason):
            return "waiting", reason.code
        case Skip(reason):
            return "skip", reason.code
        case Credit(of):
            return "credit", of


def test_completed_and_paid() -> None:
    """An order that is afgerond and betaald is ready."""
    assert outcome() == ("ready", "")


@pytest.mark.parametrize("status", ["pending", "new", "incomplete", "failed", "voided", "authorized"])
def test_completed_but_unpaid(status: str) -> None:
    """Completed but not paid waits, a reserved payment too."""
    assert outcome(payment_status=status) == ("waiting", "shop-not-paid")


def test_authorized_by_choice() -> None:
    """A reserved payment counts where the profile says so."""
    assert outcome(payment_status="authorized", choices={"authorized_is_paid": True}) == ("ready", "")


def test_paid_but_not_completed() -> None:
    """Paid but not completed waits, whatever the status is called."""
    assert outcome(status=1) == ("waiting", "shop-not-completed")
    assert outcome(status=3) == ("waiting", "shop-not-completed")
    assert outcome(status=77) == ("waiting", "shop-not-completed")


@pytest.mark.parametrize("status", ["", None, "unknown", "iets-nieuws"])
def test_unknown_payment_status(status: str | None) -> None:
    """Without a payment status that says something the payments are asked."""
    assert outcome(payment_status=status) == ("ask", "")


@pytest.mark.parametrize(
    ("sums", "result"),
    [
        (("121", "0", "121"), ("ready", "")),
        (("120.99", "0", "121"), ("waiting", "shop-not-paid")),
        (("0", "0", "121"), ("waiting", "shop-not-paid")),
        (("121", "121", "121"), ("skip", "shop-refunded")),
        (("121", "20", "121"), ("waiting", "shop-partly-refunded")),
        (("141", "20", "141"), ("ready", "")),
    ],
)
def test_payments_decide(sums: tuple[str, str, str], result: tuple[str, str]) -> None:
    """Captured minus refunded must cover the total."""
    captured, refunded, authorized = map(Decimal, sums)
    payments = Payments(captured=captured, refunded=refunded, authorized=authorized, count=1)
    assert outcome(payments, payment_status="unknown") == result


def test_partly_refunded_with_a_credit_order() -> None:
    """What was paid whole and refunded in part is ready once a credit order stands for the refund."""
    payments = Payments(captured=Decimal(121), refunded=Decimal(21), authorized=Decimal(121), count=1)
    assert outcome(payments, payment_status="unknown", credit_order_numbers=[28]) == ("ready", "")
    short = Payments(captured=Decimal(100), refunded=Decimal(21), authorized=Decimal(121), count=1)
    assert outcome(short, payment_status="unknown", credit_order_numbers=[28]) == ("waiting", "shop-not-paid")


def test_reserved_payments_by_choice() -> None:
    """A reserved sum in the payments counts where the profile says so."""
    reserved = Payments(authorized=Decimal(121), count=1)
    assert outcome(reserved, payment_status="", choices={"authorized_is_paid": True}) == ("ready", "")


@pytest.mark.parametrize(
    ("legacy", "result"), [(1, ("ready", "")), (5, ("waiting", "shop-not-paid")), (7, ("skip", "shop-refunded"))]
)
def test_no_payments_at_all(legacy: int, result: tuple[str, str]) -> None:
    """Where the shop knows no payments the legacy status decides."""
    assert outcome(Payments(), payment_status="", payment={"status": {"id": legacy}}) == result


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"number": "27T"}, "shop-test-order"),
        ({"test": True}, "shop-test-order"),
        ({"date": "2026-11-22"}, "shop-before-start-date"),
        ({"price": {"total": "0.00"}, "status": 1}, "shop-zero-total"),
        ({"status": 5}, "shop-cancelled"),
        ({"payment_status": "refunded"}, "shop-refunded"),
        ({"payment_status": "refunded", "status": 1}, "shop-refunded"),
    ],
)
def test_nothing_to_book(changes: dict[str, Any], code: str) -> None:
    """Test orders, zero totals, orders before the start date, cancelled and refunded ones are skipped."""
    assert outcome(**changes, choices={"start_date": date(2026, 11, 23)}) == ("skip", code)


def test_on_the_start_date() -> None:
    """An order of the start date itself is booked."""
    assert outcome(choices={"start_date": date(2026, 11, 23)}) == ("ready", "")


def test_cancelled_by_name_completed_by_choice() -> None:
    """The profile's choice of a completed status wins over what the status is called."""
    assert outcome(status=5, choices={"completed_statuses": (5,)}) == ("ready", "")


def test_credit_order_by_flag() -> None:
    """A status flagged as credit makes a credit order of what it names, paid or not, chosen as completed or not."""
    for chosen in ((4,), (9,)):
        for payment_status in ("captured", "", "pending", "refunded"):
            result = outcome(
                status=9,
                credited_order_number="0028",
                payment_status=payment_status,
                choices={"completed_statuses": chosen},
            )
            assert result == ("credit", "28")


def test_credit_order_without_original() -> None:
    """A credit status without the number of what is credited is refused."""
    with pytest.raises(Refused) as raised:
        decide(simple(status=9), profile(), STATUSES)
    assert raised.value.reason.code == "shop-credit-without-original"


def test_paid_whole_by_gift_card() -> None:
    """An order of nothing, paid whole by gift card, is revenue: ready once completed; as a discount, if VAT is left."""
    whole = order(
        line(paid("121.00")),
        line(paid("-121.00", "0"), kind="gift_card"),
        total="0.00",
        tax=(("21.00", "21"),),
        payment=None,
        payment_status="",
    )
    assert decide(whole, profile(), STATUSES) == Ready()
    assert isinstance(decide(whole.model_copy(update={"status": 1}), profile(), STATUSES), Waiting)
    assert decide(whole, profile(gift_cards="discount"), STATUSES) == Ready()
    lowered = (line(paid("121.00")), line(paid("-121.00"), kind="gift_card"))
    for tax in ((("0.00", "21"),), ()):
        free = order(*lowered, total="0.00", tax=tax)
        assert isinstance(decide(free, profile(gift_cards="discount"), STATUSES), Skip)


@pytest.mark.parametrize("tax", [(("2.10", "21"), ("-1.00", "9")), ()])
def test_nothing_to_pay_and_yet_vat(tax: tuple[tuple[str, str], ...]) -> None:
    """A discount at another rate than the goods leaves VAT on an invoice of nothing: booked, for it is declared."""
    lines = (line(paid("12.10")), line(paid("-12.10", "9"), kind="discount"))
    assert decide(order(*lines, total="0.00", tax=tax), profile(), STATUSES) == Ready()
    rounded = (line(paid("10.00")), line(paid("5.00")), line(paid("-15.00"), kind="discount"))
    assert isinstance(decide(order(*rounded, total="0.00", tax=(("0.01", "21"),)), profile(), STATUSES), Skip)
    unlike = order(line(paid("12.10")), total="0.00", tax=(("2.10", "21"),))
    assert isinstance(decide(unlike, profile(), STATUSES), Skip)


def test_linked_number_is_no_credit() -> None:
    """A linked order number with an ordinary status is no credit order, nor is a negative amount."""
    assert outcome(credited_order_number=28) == ("ready", "")
    negative = order(total="-1.00", tax=())
    assert decide(negative, profile(), STATUSES) == Ready()


def test_linked_number_with_a_status_not_listed() -> None:
    """A linked order number with a status the shop did not list is kept out of the books."""
    with pytest.raises(Refused) as raised:
        decide(simple(credited_order_number=28, status=77), profile(), STATUSES)
    assert raised.value.reason.code == "shop-credit-status-unknown"


def test_a_payment_in_test_mode_is_no_payment() -> None:
    """A provider's test payment beside the shop's legacy word "Successful" leaves the order unpaid."""
    payment = {"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1}}
    elsewhere, tested = Payments(), Payments(tests=1)
    assert outcome(elsewhere, payment_status="unknown", payment=payment) == ("ready", "")
    assert outcome(tested, payment_status="unknown", payment=payment) == ("waiting", "shop-not-paid")


@pytest.mark.parametrize(
    ("changes", "back"),
    [
        ({}, False),
        ({"status": 5}, True),
        ({"payment_status": "refunded"}, True),
        ({"status": 5, "total": "0.00", "lines": ()}, True),
        ({"status": 5, "date": "2020-01-01"}, True),
    ],
)
def test_taken_back_whatever_else_changed(changes: dict[str, Any], *, back: bool) -> None:
    """A booked order that is cancelled or refunded is taken back, also when it would be skipped for another cause."""
    changed = simple(**{name: value for name, value in changes.items() if name not in ("total", "lines")})
    if "total" in changes:
        changed = changed.model_copy(update={"total": Decimal(0), "lines": ()})
    assert taken_back(changed, profile(start_date=date(2026, 1, 1)), STATUSES) is back
