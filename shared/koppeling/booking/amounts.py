"""From an order's lines to nets and VAT that add up to its total, to the cent.

The customer's invoice is the truth: its total and its VAT per rate are taken as the shop states them, and what is left
is divided over the lines. Where whole cents must be placed there is one rule, `spread`.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from koppeling.booking.vat import CENT, cents, with_vat, within
from koppeling.catalogue import euro, percentage, reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import LinePrice, Order, OrderLine

Category = Literal["revenue", "shipping", "payment_costs", "discounts", "gift_cards"]

_LENGTH: Final = 250
_VOUCHERS: Final = ("gift_card", "giftcard", "store_credit")
_ORDINARY: Final = ("article", "custom", "digital", "physical", "surcharge")
_NAMES: Final[dict[Category, str]] = {
    "revenue": "artikel",
    "shipping": "verzendkosten",
    "payment_costs": "betaalkosten",
    "discounts": "korting",
    "gift_cards": "cadeaubon of tegoed",
}


@dataclass(frozen=True, slots=True)
class Part:
    """One order line's share at one rate. `gross` is what the customer paid, in cents; the exact ones are not.

    `voucher`: whether the line is about a gift card or store credit, whatever its category.
    """

    description: str
    category: Category
    rate: Decimal
    gross: Decimal
    exact_gross: Decimal
    exact_net: Decimal
    voucher: bool


@dataclass(frozen=True, slots=True)
class Amounts:
    """`nets`, one per part that is booked, and `vat` per rate; together exactly the order's total."""

    nets: tuple[tuple[Part, Decimal], ...]
    vat: tuple[tuple[Decimal, Decimal], ...]
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def amounts(order: Order, *, vouchers_are_discounts: bool) -> Amounts:
    """The nets and the VAT to book. Raises `Refused` where the shop's own figures contradict each other."""
    parts = [part for line in order.lines for part in _parts(line, vouchers_are_discounts=vouchers_are_discounts)]
    parts = [part for part in parts if part.gross or cents(part.exact_net)]
    total = cents(order.total)
    if not parts:
        raise Refused(reason("amount-no-lines", total=euro(total)))
    grosses = _grosses(parts, total)
    vat = _vat(order, parts)
    # What is owed on a voucher is its very amount: no cent is moved there.
    nets = {index: grosses[index] for index, part in enumerate(parts) if part.category == "gift_cards"}
    for rate, amount in vat.items():
        indexes = [index for index, part in enumerate(parts) if part.rate == rate and index not in nets]
        if not indexes:
            continue
        exact = [parts[index].exact_net for index in indexes]
        gross = sum((grosses[index] for index in indexes), Decimal(0))
        nets |= zip(indexes, spread([cents(net) for net in exact], exact, gross - amount), strict=True)
    # A net of 0.00 is left out: SnelStart takes no zero line (BOE-0028), and nothing is missing without it.
    booked = tuple((part, nets[index]) for index, part in enumerate(parts) if nets[index])
    if not booked:
        raise Refused(reason("amount-no-lines", total=euro(total)))
    notes = [] if grosses == [part.gross for part in parts] else [_NOTE_TOTAL]
    notes += [_vat_note(rate, amount, _computed(parts, rate)) for rate, amount in vat.items()]
    return Amounts(
        nets=booked,
        vat=tuple((rate, amount) for rate, amount in vat.items() if amount),
        notes=tuple(note for note in notes if note),
        doubts=tuple(_doubts(order)),
    )


def spread(starts: Sequence[Decimal], exact: Sequence[Decimal], total: Decimal) -> list[Decimal]:
    """`starts`, moved by as few cents as make them add up to `total`; there must be at least one.

    The one rule for cents left over: largest remainder first (what was rounded down most goes up, what was rounded up
    most goes down), at a tie the earlier line. No line moves twice before every line has moved once.
    """
    left = total - sum(starts, Decimal(0))
    step = CENT if left > 0 else -CENT
    rounds, rest = divmod(int(left / step), len(starts))
    gain = [(after - before) * step for before, after in zip(starts, exact, strict=True)]
    moved = sorted(range(len(starts)), key=lambda index: (-gain[index], index))[:rest]
    return [start + step * (rounds + (index in moved)) for index, start in enumerate(starts)]


_NOTE_TOTAL: Final = "De orderregels tellen door afronding niet precies op tot het totaal; het totaal is geboekt."


def _grosses(parts: Sequence[Part], total: Decimal) -> list[Decimal]:
    """What each part is of the total, in cents; what does not add up is spread over all but the vouchers."""
    starts = [part.gross for part in parts]
    added = sum(starts, Decimal(0))
    movable = [index for index, part in enumerate(parts) if part.category != "gift_cards"]
    if abs(total - added) > len(movable) * CENT:
        raise Refused(reason("amount-lines-total", lines=euro(added), total=euro(total)))
    if not movable:
        return starts
    kept = sum((start for index, start in enumerate(starts) if index not in movable), Decimal(0))
    moved = spread([starts[index] for index in movable], [parts[index].exact_gross for index in movable], total - kept)
    grosses = dict(enumerate(starts)) | dict(zip(movable, moved, strict=True))
    return [grosses[index] for index in range(len(parts))]


def _vat(order: Order, parts: Sequence[Part]) -> dict[Decimal, Decimal]:
    """The VAT per rate of the parts, highest rate first: the shop's own where it lies within one cent per part.

    An order without any statement of VAT gets what its lines make of it. Raises `Refused`.
    """
    stated: dict[Decimal, Decimal] = {}
    for tax in order.taxes:
        stated[tax.rate] = stated.get(tax.rate, Decimal(0)) + tax.amount
    rates = sorted({part.rate for part in parts}, reverse=True)
    for rate, amount in stated.items():
        if cents(amount) and rate not in rates:
            raise Refused(reason("vat-rate-without-lines", rate=percentage(rate), stated=euro(amount)))
    if not order.taxes:
        return {rate: _computed(parts, rate) for rate in rates}
    for rate in rates:
        amount, computed = cents(stated.get(rate, Decimal(0))), _computed(parts, rate)
        lines = sum(part.rate == rate for part in parts)
        if abs(amount - computed) > (lines if rate else 0) * CENT:
            shown, recomputed = euro(amount), euro(computed)
            raise Refused(reason("vat-total", rate=percentage(rate), stated=shown, computed=recomputed))
    return {rate: cents(stated.get(rate, Decimal(0))) for rate in rates}


def _computed(parts: Iterable[Part], rate: Decimal) -> Decimal:
    return cents(sum((within(part.gross, rate) for part in parts if part.rate == rate), Decimal(0)))


def _vat_note(rate: Decimal, amount: Decimal, computed: Decimal) -> str:
    if amount == computed:
        return ""
    return (
        f"De btw tegen {percentage(rate)} is geboekt zoals de webwinkel haar vermeldt ({euro(amount)}); "
        f"uit de orderregels volgt {euro(computed)}."
    )


def _parts(line: OrderLine, *, vouchers_are_discounts: bool) -> list[Part]:
    parts = []
    for price in line.prices:
        gross, exact_gross, exact_net = _figures(price)
        category = _category(line.type)
        voucher = is_voucher(line)
        if voucher:
            category = _voucher(gross, price.rate, vouchers_are_discounts=vouchers_are_discounts)
        parts.append(Part(_description(line, category), category, price.rate, gross, exact_gross, exact_net, voucher))
    return parts


def is_voucher(line: OrderLine) -> bool:
    """Whether a line is about a gift card or store credit: sold when its amount is positive, else redeemed."""
    return line.type in _VOUCHERS


def is_goods(line: OrderLine) -> bool:
    """Whether a line is what was bought or a cost of it: in a sale its amount is positive, unlike a discount's."""
    return not is_voucher(line) and _category(line.type) != "discounts"


def leaves_vat(order: Order) -> bool:
    """Whether lines that come to nothing leave VAT at some rate: a discount may be at another rate than the goods.

    A cent per line is rounding, in what the lines come to and in the VAT of each rate.
    """
    shares = [price for line in order.lines for price in line.prices]
    paid = [(share.rate, _figures(share)[0]) for share in shares]
    if abs(sum((gross for _, gross in paid), Decimal(0))) > len(paid) * CENT:
        return False
    left = {rate: Decimal(0) for rate, _ in paid}
    stated = [(tax.rate, tax.amount) for tax in order.taxes if tax.rate in left]
    for rate, amount in stated or [(rate, within(gross, rate)) for rate, gross in paid]:
        left[rate] += amount
    return any(abs(cents(vat)) > CENT * sum(rate == of for of, _ in paid) for rate, vat in left.items())


def _voucher(gross: Decimal, rate: Decimal, *, vouchers_are_discounts: bool) -> Category:
    """A voucher sold without VAT is a debt, and redeeming it as payment takes that debt away.

    Sold with VAT (usable for one thing only) it is revenue at once. Redeemed as a discount it lowers revenue and VAT.
    Raises `Refused` when the shop took VAT off a voucher that is to be a payment: VAT is due on the whole price; and
    when one is sold without VAT that will be a discount: its debt would never go, and its VAT never be declared.
    """
    if gross >= 0:
        if vouchers_are_discounts and gross and not rate:
            raise Refused(reason("amount-gift-card-sold", amount=euro(gross)))
        return "revenue" if rate else "gift_cards"
    if vouchers_are_discounts:
        return "discounts"
    if rate:
        raise Refused(reason("amount-gift-card-vat", amount=euro(-gross), rate=percentage(rate)))
    return "gift_cards"


def _figures(price: LinePrice) -> tuple[Decimal, Decimal, Decimal]:
    """What was paid, and the exact gross and net; what was paid wins where the shop's own net contradicts it."""
    exact = with_vat(price.amount, price.rate)
    if price.amount_including_tax is None:
        return cents(exact), exact, price.amount
    paid = cents(price.amount_including_tax)
    if _contradicts(price):
        return paid, paid, paid - within(paid, price.rate)
    return paid, exact, price.amount


def _contradicts(price: LinePrice) -> bool:
    paid = price.amount_including_tax
    return paid is not None and abs(with_vat(price.amount, price.rate) - paid) > CENT


def _category(line_type: str) -> Category:
    if "discount" in line_type or "korting" in line_type or line_type == "coupon":
        return "discounts"
    if line_type.startswith("shipping"):
        return "shipping"
    if line_type.startswith("payment"):
        return "payment_costs"
    return "revenue"


def _description(line: OrderLine, category: Category) -> str:
    product = re.sub(r"[\s\x00-\x1f\x7f-\x9f]+", " ", line.description).strip() or _NAMES[category]
    described = f"{line.quantity.normalize():f} x {product}".replace(".", ",", 1 if line.quantity % 1 else 0)
    return described if len(described) <= _LENGTH else described[: _LENGTH - 1] + "…"


def _doubts(order: Order) -> Iterable[str]:
    if not order.taxes and any(price.rate for line in order.lines for price in line.prices):
        yield "De webwinkel vermeldt geen btw bij deze bestelling; zij is uit de orderregels berekend."
    for line in order.lines:
        if line.type and _category(line.type) == "revenue" and line.type not in (*_ORDINARY, *_VOUCHERS):
            shown = re.sub(r"[^a-z0-9_-]", "", line.type)[:30]
            yield f"Een orderregel van de onbekende soort {shown} is als omzet geboekt."
        if any(_contradicts(price) for price in line.prices):
            yield "Van een orderregel spreken de bedragen met en zonder btw elkaar tegen; het betaalde is geboekt."
