"""VAT rules of a sales booking: the Dutch kinds, domestic reverse charge, and the VAT of other EU countries (OSS)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

from sandbox import books_chart
from sandbox.books_rates import dutch_rate, foreign_rate
from sandbox.books_relations import is_eu_business, is_eu_consumer
from sandbox.books_state import Administration, Settings
from sandbox.books_wire import CENT, Row, Violation

LINE_KINDS = frozenset({"Geen", "Laag", "Hoog", "Overig"})
DOCUMENT_KINDS = {"VerkopenLaag": "Laag", "VerkopenHoog": "Hoog", "VerkopenOverig": "Overig"}
REVERSE_CHARGED = "VerkopenVerlegd"
_VAT_FUNCTIONS = {
    "VerkopenLaag": "BtwAfteDragenLaag",
    "VerkopenHoog": "BtwAfTeDragenHoog",
    "VerkopenOverig": "BtwAfTeDragenOverig",
    REVERSE_CHARGED: "BtwAfTeDragenVerlegdVerkopen",
}
OSS_FROM = date(2021, 7, 1)
_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Line:
    """A booking line whose account is known: what VAT rules need of it."""

    account: Row
    amount: Decimal
    kind: str | None


def _base(lines: Iterable[Line]) -> Decimal:
    return sum((line.amount for line in lines), _ZERO)


def _tolerance(settings: Settings, lines: int) -> Decimal:
    return CENT * (settings.vat_cents_per_line * lines + settings.vat_cents_fixed)


def line_kinds(lines: list[Line]) -> list[Violation]:
    """Every line's kind is of the line vocabulary and one its account takes."""
    return [
        Violation("BOE-0082", f"boekingsregels[{i}].btwSoort")
        for i, line in enumerate(lines)
        if line.kind not in LINE_KINDS or line.kind not in line.account["btwSoort"]
    ]


def document_kinds(btw: list[Row]) -> list[Violation]:
    """Every entry of the document's VAT is of the document vocabulary, once, with an amount."""
    found = [
        Violation("BOE-0082", f"btw[{i}].btwSoort")
        for i, entry in enumerate(btw)
        if entry["btwSoort"] not in DOCUMENT_KINDS and entry["btwSoort"] != REVERSE_CHARGED
    ]
    kinds = [entry["btwSoort"] for entry in btw]
    if len(set(kinds)) < len(kinds) or any(entry["btwBedrag"] is None for entry in btw):
        found.append(Violation("BOE-0069"))
    return found


def vat_accounts(books: Administration, btw: list[Row]) -> list[Violation]:
    """There is an active ledger account to book every stated kind of VAT on."""
    there = {row["grootboekfunctie"] for row in books.grootboeken.values() if not row["nonactief"]}
    missing = {_VAT_FUNCTIONS[entry["btwSoort"]] for entry in btw} - there
    return [Violation("BOE-0081", functie) for functie in sorted(missing)]


def _reverse_charge(lines: list[Line], btw: list[Row]) -> list[Violation]:
    if len(btw) > 1 or any(line.kind != "Geen" for line in lines):
        return [Violation("BOE-0062")]
    if any(line.account["grootboekfunctie"] != books_chart.REVERSE_CHARGE_FUNCTION for line in lines):
        return [Violation("BOE-0082", "VerkopenVerlegd")]
    return [Violation("BOE-0069")] if btw[0]["btwBedrag"] else []


def dutch(books: Administration, settings: Settings, day: date, lines: list[Line], btw: list[Row]) -> list[Violation]:
    """The VAT per kind is lines x rate on the invoice date, within the tolerance per line of that kind."""
    if any(entry["btwSoort"] == REVERSE_CHARGED for entry in btw):
        return _reverse_charge(lines, btw)
    found = []
    stated = {DOCUMENT_KINDS[entry["btwSoort"]]: entry["btwBedrag"] for entry in btw}
    for kind in ("Laag", "Hoog", "Overig"):
        mine = [line for line in lines if line.kind == kind]
        least, most = _bounds(settings, mine, stated.get(kind, _ZERO), dutch_rate(books.btwtarieven(), kind, day))
        if (kind in stated and not mine) or not least <= stated.get(kind, _ZERO) <= most:
            found.append(Violation("BOE-0069", kind))
    return found


def _bounds(settings: Settings, lines: list[Line], vat: Decimal, rate: Decimal) -> tuple[Decimal, Decimal]:
    """The least and the most VAT that the lines of one kind allow.

    By default as an invoice with prices including VAT comes about: every price and every line's VAT a cent off at most.
    """
    net, margin = _base(lines), _tolerance(settings, len(lines))
    if settings.vat_basis == "net":
        return net * rate / 100 - margin, net * rate / 100 + margin
    least, most = ((net + vat + off) * rate / (100 + rate) for off in (-margin, margin))
    return least.quantize(CENT, ROUND_HALF_UP) - margin, most.quantize(CENT, ROUND_HALF_UP) + margin


def accounts(books: Administration, klant: Row, day: date, lines: list[Line]) -> list[Violation]:
    """Accounts that only certain customers and dates may be booked on."""
    found = []
    functions = {line.account["grootboekfunctie"] for line in lines}
    if functions & books_chart.EU_BUSINESS_FUNCTIONS and not is_eu_business(books, klant):
        found.append(Violation("BOE-0080"))
    foreign = day >= OSS_FROM and books.options.foreign_vat_on(day)
    if books_chart.OSS_FUNCTION in functions:
        if not foreign:
            found.append(Violation("BOE-0061", "factureerBuitenlandsBtw"))
        elif not is_eu_consumer(books, klant):
            found.append(Violation("BOE-0080"))
    elif any(line.account["nummer"] == books_chart.FOREIGN_VAT_NUMBER for line in lines):
        found.append(Violation("BOE-0061", "buitenlandseBtwGrootboek"))
    return found


def is_foreign(books: Administration, settings: Settings, klant: Row, day: date, lines: list[Line]) -> bool:
    """Whether the VAT of the customer's own country must be on this booking."""
    if day < OSS_FROM or not books.options.foreign_vat_on(day) or not is_eu_consumer(books, klant):
        return False
    uses_it = any(line.account["grootboekfunctie"] == books_chart.OSS_FUNCTION for line in lines)
    return settings.foreign_vat_mandatory or uses_it


def foreign(
    books: Administration, settings: Settings, klant: Row, day: date, lines: list[Line], btw: list[Row]
) -> list[Violation]:
    """Foreign VAT: no Dutch VAT at all, revenue on the account of the rate, the VAT as one more line per rate."""
    if btw:
        return [Violation("BOE-0069", "btw")]
    if any(line.kind != "Geen" for line in lines):
        return [Violation("BOE-0082")]
    vat = [line for line in lines if line.account["nummer"] == books_chart.FOREIGN_VAT_NUMBER]
    # A line on a balance account is no revenue: a gift card sold or redeemed.
    revenue = [line for line in lines if line not in vat and line.account["rekeningCode"] != "Balans"]
    if any(line.account["grootboekfunctie"] != books_chart.OSS_FUNCTION for line in revenue):
        return [Violation("BOE-0061")]
    country = books.country_of(klant)
    expected: dict[Decimal, Decimal] = {}
    for line in revenue:
        rate = foreign_rate(country, line.account["vatRateCode"], day)
        if rate is None:
            return [Violation("BOE-0069", f"{country} {line.account['vatRateCode']}")]
        expected[rate] = expected.get(rate, _ZERO) + line.amount * rate / 100
    margin = _tolerance(settings, len(revenue))
    computed = sum(expected.values(), _ZERO).quantize(CENT, ROUND_HALF_UP)
    # One line per rate; none where the VAT may as well be nothing.
    due = [amount for amount in expected.values() if abs(amount) > margin]
    off = abs(_base(vat) - computed) > margin or not len(due) <= len(vat) <= len(expected)
    return [Violation("BOE-0069")] if off else []
