"""What the shop says, read tolerantly: orders, payments, statuses and the store itself.

Source: the maker's OpenAPI document and answers seen live; money is `Decimal`, times are Amsterdam's.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field

from koppeling.mijnwebwinkel import raw
from koppeling.shapes import (
    Amount,
    Flag,
    MaybeAmount,
    MaybeWhole,
    Moment,
    Shape,
    ShapeError,
    Text,
    Whole,
    decimal,
    integer,
    many,
    mapping,
    word,
    yes,
)

__all__ = [
    "Address",
    "Debtor",
    "LinePrice",
    "Order",
    "OrderLine",
    "OrderStatus",
    "PaymentSummary",
    "Payments",
    "ShapeError",
    "ShopStatuses",
    "Store",
    "Tax",
]

_CENT: Final = Decimal("0.01")
_LEAST_TOLD: Final = 3
_SHOP_NAMES: Final = {
    "total": "price.total",
    "taxes": "price.tax",
    "placed_at": "date",
    "status_changed_at": "status_changed_date",
    "lines": "orderlines",
    "prices": "price",
}

Rate = Annotated[Decimal, BeforeValidator(decimal), Field(ge=0, le=100)]
"""Per cent."""


class Tax(Shape):
    """The VAT the shop states for one rate."""

    amount: Amount
    rate: Rate


class LinePrice(Shape):
    """One rate's share of an order line, for the whole line: without VAT (up to 6 decimals) and as paid (2)."""

    amount: Amount
    amount_including_tax: MaybeAmount = None
    rate: Rate


class OrderLine(Shape):
    """One line; several prices when its costs are split over rates. Types beyond the documented ones occur."""

    id: Text = ""
    type: Text = ""
    quantity: Amount = Decimal(1)
    description: Text = ""
    prices: tuple[LinePrice, ...] = ()


class PaymentSummary(Shape):
    """How the customer paid, as the order itself says (deprecated by the shop, still the usual source)."""

    gateway: Text = ""
    method: Text = ""
    status_id: MaybeWhole = None


class _Person(Shape):
    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Nothing: neither a log line nor a traceback that prints locals is to name a customer."""
        return ()


class Address(_Person):
    """An address; `country_code` is two capitals or ""."""

    name: Text = ""
    company: Text = ""
    street: Text = ""
    number: Text = ""
    zipcode: Text = ""
    city: Text = ""
    country: Text = ""
    country_code: Text = ""
    phone: Text = ""
    tax_number: Text = ""
    bank_account: Text = ""


class Debtor(_Person):
    """The customer: what the invoice address says first, the deprecated fields of the debtor where it is silent."""

    email: Text = ""
    name: Text = ""
    company: Text = ""
    phone: Text = ""
    bank_account: Text = ""
    invoice: Address | None = None
    delivery: Address | None = None

    def told(self) -> tuple[str, ...]:
        """Every text about the customer, of three characters or more, longest first; of a name each word as well."""
        fields = {name: getattr(self, name) for name in ("email", "name", "company", "phone", "bank_account")}
        texts = set(fields.values())
        for address in (self.invoice, self.delivery):
            if address:
                texts |= set(address.model_dump(exclude={"country", "country_code"}).values())
                texts |= {f"{address.street} {address.number}", *address.name.split()}
        texts |= {*self.name.split(), self.email.partition("@")[0]}
        return tuple(sorted((text for text in texts if len(text) >= _LEAST_TOLD), key=len, reverse=True))


class Order(Shape):
    """One order. `number` is bare digits; a test order's T is in `test`."""

    number: str
    uuid: Text = Field(min_length=1, max_length=64)
    placed_at: Moment
    status: Whole
    status_changed_at: datetime | None = None
    archived: Flag = False
    test: bool = False
    currency: Text = ""
    total: Amount
    taxes: tuple[Tax, ...] = ()
    lines: tuple[OrderLine, ...] = ()
    payment_status: Text = ""
    payment: PaymentSummary | None = None
    debtor: Debtor = Field(default=Debtor(), repr=False)
    tax_strategy: Text = ""
    tax_region: Text = ""
    shipping_countries: tuple[str, ...] = ()
    business_model: Text = ""
    credited_order_number: str | None = None
    credit_order_numbers: tuple[str, ...] = ()
    discount_code: Text = ""
    locale: Text = ""
    reference: Text = Field(default="", repr=False)

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> "Order":
        """The order from the API's JSON. Raises `ShapeError`, which names the field as the shop calls it."""
        return cls.read(raw.order(payload), _SHOP_NAMES)


class Payments(Shape):
    """What the payments call says, in euro; payments made in the provider's test mode do not count.

    `authorized`: what is reserved or taken, whichever is more, per payment.
    """

    captured: Decimal = Decimal(0)
    refunded: Decimal = Decimal(0)
    authorized: Decimal = Decimal(0)
    gateway: str = ""
    method: str = ""
    count: int = 0
    tests: int = 0
    """Payments made in the provider's test mode."""

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> "Payments":
        """From the answer of ``payments?embed=mutations``; its prices are in cents."""
        listed = [mapping(item) for item in many(payload.get("payments"))]
        real = [item for item in listed if not yes(item, "isTest")]
        sums = [_mutations(many(item.get("mutations"))) for item in real]
        best = max(range(len(real)), key=lambda index: (sums[index][0], sums[index][2]), default=None)
        successful = real[best] if best is not None and (sums[best][0] or sums[best][2]) else {}
        return cls(
            captured=sum((captured for captured, _, _ in sums), Decimal(0)),
            refunded=sum((refunded for _, refunded, _ in sums), Decimal(0)),
            authorized=sum((authorized for _, _, authorized in sums), Decimal(0)),
            gateway=word(successful, "gateway"),
            method=word(successful, "method"),
            count=len(real),
            tests=len(listed) - len(real),
        )


class Store(Shape):
    """The shop behind a token."""

    id: Text
    name: Text = ""
    primary_domain: Text = ""
    currency: Text = ""
    prices_include_tax: Flag = False
    region_code: Text = ""

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> Self:
        """From ``GET /v1/store``."""
        return cls.read(payload)


class OrderStatus(Shape):
    """One of the shop's statuses; ids and texts are the shop's own."""

    status: Whole
    description: Text = ""
    credit_order: Flag = False

    @classmethod
    def parse(cls, payload: Mapping[str, Any]) -> Self:
        """From one entry of ``GET /v1/orderstatuses``."""
        return cls.read(payload)


_DENIED: Final = re.compile(r"\b(niet|nog|not|deels|gedeeltelijk|partially|partly)\b")
_COMPLETED: Final = re.compile(r"\b(afgeronde?|afgehandelde?|voltooide?|compleet|completed?|finished)\b")
_CANCELLED: Final = re.compile(r"\b(geannuleerde?|annulering|cancell?ed|cancellation)\b")


@dataclass(frozen=True, slots=True)
class ShopStatuses:
    """The shop's statuses, and what they look like by their Dutch or English description and their flag."""

    statuses: tuple[OrderStatus, ...] = ()

    def completed(self) -> tuple[int, ...]:
        """Ids that read like afgerond, for the profile to start from; never a credit status."""
        return self._like(_COMPLETED)

    def cancelled(self) -> tuple[int, ...]:
        """Ids that read like geannuleerd."""
        return self._like(_CANCELLED)

    def credit(self) -> tuple[int, ...]:
        """Ids that signify a credit order: by the shop's flag alone."""
        return tuple(status.status for status in self.statuses if status.credit_order)

    def describe(self, status: int) -> str:
        """The shop's text for a status, or its number where the shop does not list it."""
        return next((known.description for known in self.statuses if known.status == status), "") or str(status)

    def knows(self, status: int) -> bool:
        """Whether the shop listed this status when it was last asked."""
        return any(known.status == status for known in self.statuses)

    def _like(self, pattern: re.Pattern[str]) -> tuple[int, ...]:
        return tuple(
            status.status
            for status in self.statuses
            if not status.credit_order
            and pattern.search(status.description.casefold())
            and not _DENIED.search(status.description.casefold())
        )


def _mutations(mutations: Iterable[object]) -> tuple[Decimal, Decimal, Decimal]:
    """Captured, refunded and reserved-or-taken euro of one payment. The sign of a refund is not known: not used."""
    totals = dict.fromkeys(("authorize", "capture", "refund", "void"), Decimal(0))
    for mutation in map(mapping, mutations):
        kind = word(mutation, "type").lower()
        if kind in totals:
            try:
                cents = integer(mutation.get("price"))
            except ValueError:
                raise ShapeError("payments.mutations.price") from None
            totals[kind] += abs(cents) * _CENT
    reserved = max(totals["authorize"] - totals["void"], Decimal(0))
    return totals["capture"], totals["refund"], max(reserved, totals["capture"])
