"""Whether an order may be booked now: afgerond and betaald, as the shop says it and the profile reads it."""

from dataclasses import dataclass
from typing import Final

from koppeling.booking.amounts import is_voucher, leaves_vat
from koppeling.booking.profile import Profile
from koppeling.catalogue import euro, on, reason
from koppeling.failures import Reason, Refused
from koppeling.mijnwebwinkel.models import Order, Payments, ShopStatuses


@dataclass(frozen=True, slots=True)
class Ready:
    """Completed and paid."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not yet, but perhaps later: to be asked again."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to book."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class AskPayments:
    """The order does not say whether it is paid: read its payments and decide again."""


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit order: what it takes back is the order with the number `of`. Plan it with `credit_plan`."""

    of: str


Decision = Ready | Waiting | Skip | AskPayments | Credit

_DECIDED: Final = frozenset(
    {
        *("captured", "authorized", "pending", "new", "incomplete", "failed", "refunded", "voided"),
    }
)
"""The documented words but `unknown`; at any other word the payments themselves are asked."""
_LEGACY_SUCCESSFUL: Final = 1
_LEGACY_REFUNDED: Final = 7


def decide(order: Order, profile: Profile, statuses: ShopStatuses, payments: Payments | None = None) -> Decision:
    """What to do with the order as it stands.

    A credit order is what the order's status says it is: neither a negative amount nor a linked order number alone
    makes one. Raises `Refused` for a credit order that does not name its original, and for one that may be a credit.
    """
    skipped = _nothing_to_book(order, profile)
    if skipped is not None:
        return Skip(skipped)
    if _is_credit(order, statuses):
        return _credit(order)
    completed = order.status in profile.completed_statuses
    if not completed and order.status in statuses.cancelled():
        return Skip(reason("shop-cancelled", status=statuses.describe(order.status)))
    if _refunded(order, payments):
        return Skip(reason("shop-refunded"))
    if not completed:
        return Waiting(reason("shop-not-completed", status=statuses.describe(order.status)))
    # An order of nothing, such as one paid whole by gift card, carries no payment information at all.
    return _paid(order, profile, payments) if order.total else Ready()


def taken_back(order: Order, profile: Profile, statuses: ShopStatuses, payments: Payments | None = None) -> bool:
    """Whether an order that was booked has been cancelled or wholly refunded in the shop, whatever else changed."""
    completed = order.status in profile.completed_statuses
    return (not completed and order.status in statuses.cancelled()) or _refunded(order, payments)


def _nothing_to_book(order: Order, profile: Profile) -> Reason | None:
    if order.test:
        return reason("shop-test-order")
    placed = order.placed_at.date()
    if profile.start_date is not None and not profile.books(placed):
        return reason("shop-before-start-date", date=on(placed), start_date=on(profile.start_date))
    if order.total == 0 and not (_touches_vouchers(order, profile) or leaves_vat(order)):
        return reason("shop-zero-total")
    return None


def _touches_vouchers(order: Order, profile: Profile) -> bool:
    """Nothing to pay, yet something to book: a gift card paid for all of it, or was given away."""
    prices = (price for line in order.lines if is_voucher(line) for price in line.prices)
    return profile.gift_cards == "payment" and any(price.amount_including_tax or price.amount for price in prices)


def _is_credit(order: Order, statuses: ShopStatuses) -> bool:
    if statuses.knows(order.status):
        return order.status in statuses.credit()
    if order.credited_order_number is not None:
        # The shop did not list it: it may be a new credit status, and booking that as a sale is the worse mistake.
        raise Refused(reason("shop-credit-status-unknown", status=order.status))
    return False


def _credit(order: Order) -> Credit:
    if order.credited_order_number is None:
        raise Refused(reason("shop-credit-without-original"))
    return Credit(order.credited_order_number)


def _undecided(order: Order) -> bool:
    return order.payment_status not in _DECIDED


def _legacy(order: Order) -> int | None:
    return order.payment.status_id if order.payment else None


def _refunded(order: Order, payments: Payments | None) -> bool:
    if not _undecided(order):
        return order.payment_status == "refunded"
    if payments is not None and payments.captured:
        return payments.refunded >= payments.captured
    return _legacy(order) == _LEGACY_REFUNDED


def _paid(order: Order, profile: Profile, payments: Payments | None) -> Decision:
    paid_words = ("captured", "authorized") if profile.authorized_is_paid else ("captured",)
    if not _undecided(order):
        return Ready() if order.payment_status in paid_words else _unpaid(order)
    if payments is None:
        return AskPayments()
    if not payments.count:
        # A payment made outside of the shop's payment services leaves only the legacy status behind.
        paid_elsewhere = _legacy(order) == _LEGACY_SUCCESSFUL and not payments.tests
        return Ready() if paid_elsewhere else _unpaid(order)
    received = payments.authorized if profile.authorized_is_paid else payments.captured
    # What went back after a whole payment is for its credit orders to book.
    credited = bool(order.credit_order_numbers) and payments.captured >= order.total
    if credited or received - payments.refunded >= order.total:
        return Ready()
    if payments.refunded and payments.captured >= order.total:
        captured, refunded = euro(payments.captured), euro(payments.refunded)
        return Waiting(reason("shop-partly-refunded", captured=captured, refunded=refunded))
    return _unpaid(order)


def _unpaid(order: Order) -> Waiting:
    return Waiting(reason("shop-not-paid", payment_status=order.payment_status or "onbekend"))
