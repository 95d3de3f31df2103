"""Invoices in the books that no order calls for: whether one is an order's double, its credit, or none of our business.

Pure. Certain is what names the order: its uuid, its invoice number or its number in the description. The same customer
with the same amount counts too, as long as that customer does not stand for many.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal, Self

from koppeling.booking.credit import REVERSED
from koppeling.booking.profile import Profile
from koppeling.compared import Difference, Expected
from koppeling.differences import difference
from koppeling.snelstart.listing import Detail, Listed

_MANY: Final = 3
"""A customer of more orders of the period than these is not told by the amount alone."""

_CODES: Final = {
    "double": "double",
    "instead": "by-hand-instead",
    "credit": "credited-in-books-only",
    "unknown": "only-in-books-unknown",
}

_UUID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_OURS: Final = re.compile(rf"(?:webwinkelorder|creditorder) [0-9]+\b.*\(({_UUID})\)", re.IGNORECASE)
"""As `booking.plan` and `booking.credit` describe an invoice."""

_NUMBERED: Final = re.compile(r"(?:order|bestelling)\s*#?([0-9]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Form:
    """The form of the connection's invoice numbers, read backwards."""

    pattern: re.Pattern[str]
    nobodys: frozenset[str] = frozenset()
    """What would be the number of an order, but is of none: where the form is bare, every number seems to be one."""

    @classmethod
    def of(cls, profile: Profile) -> Self:
        """By the profile."""
        before, _, after = profile.invoice_number.partition("{number}")
        return cls(re.compile(f"{re.escape(before)}([0-9]+){re.escape(after)}({REVERSED}?)", re.IGNORECASE))

    def order_number(self, factuurnummer: str) -> str | None:
        """The order an invoice number may be of, its reversal's included; None where it is of another form."""
        found = self.pattern.fullmatch(factuurnummer)
        number = found[1].lstrip("0") or "0" if found else None
        return None if number in self.nobodys else number


@dataclass(frozen=True, slots=True)
class Explained:
    """An invoice beyond what an order calls for. `as_`: what it is to that order."""

    other: Listed
    one: Expected
    as_: Literal["double", "instead", "credit", "unknown"]

    def difference(self) -> Difference:
        """As a difference."""
        number, amount, booking_id = self.other.factuurnummer, self.other.bedrag, self.other.verkoopboeking_id
        code = _CODES[self.as_]
        shop = self.one.total if self.as_ in ("double", "instead") else None
        told = {"other": number}
        return difference(code, self.one, shop, amount, verkoopboeking_id=booking_id, facts=told)


@dataclass(slots=True)
class Explaining:
    """The orders of the period, to be found by what an invoice says."""

    form: Form
    numbers: dict[str, Expected] = field(default_factory=dict)
    invoices: dict[str, Expected] = field(default_factory=dict)
    uuids: dict[str, Expected] = field(default_factory=dict)
    customers: defaultdict[str, list[Expected]] = field(default_factory=lambda: defaultdict(list))
    """By relatie, but for those that stand for many."""
    relaties: set[str] = field(default_factory=set)
    amounts: set[Decimal] = field(default_factory=set)

    @classmethod
    def over(cls, form: Form, expected: Iterable[Expected], relaties: Mapping[str, str]) -> Self:
        """Over these invoices; `relaties`: by invoice number in lower case, on whom it stands in the books."""
        made = cls(form)
        for one in expected:
            relatie = relaties.get(one.factuurnummer.casefold()) or one.relatie_id.casefold()
            if one.kind != "reversal":
                made.numbers.setdefault(one.order_number, one)
                made.invoices[one.factuurnummer.casefold()] = one
                if one.order_uuid:
                    made.uuids[one.order_uuid.casefold()] = one
                if relatie and not one.not_due:
                    made.relaties.add(relatie)
                    made.amounts.add(abs(one.total or Decimal(0)))
                    if not one.of_many:
                        made.customers[relatie].append(one)
        return made

    def candidates(self, others: Iterable[Listed]) -> Iterator[Listed]:
        """Those that may be an order's, the likeliest first: to be read whole, as far as calls allow."""
        ranked = []
        for other in others:
            known = other.relatie_id in self.relaties
            same = bool(other.bedrag) and abs(other.bedrag) in self.amounts
            if known or same:
                ranked.append((not (known and same), not (known and other.bedrag < 0), not same, other))
        ranked.sort(key=lambda rank: rank[:3])
        return (rank[3] for rank in ranked)

    def explain(self, other: Listed, read: Detail | None) -> Explained | None:
        """Whose this invoice is; None for one that is nobody's of the period."""
        if self.of_another(read):
            return None
        one = self._named(other, read) or self._alike(other)
        if one is None:
            return None
        opposite = bool(one.total) and (other.bedrag < 0) != ((one.total or 0) < 0)
        return Explained(other, one, "credit" if opposite else "double")

    def of_another(self, read: Detail | None) -> bool:
        """Whether this software says of an invoice that it is of an order that is not of these.

        It may be of another shop of this administration, or bear a number of a form chosen before.
        """
        said = _OURS.search(read.omschrijving) if read else None
        return said is not None and said[1].casefold() not in self.uuids

    def _named(self, other: Listed, read: Detail | None) -> Expected | None:
        of = self.form.order_number(other.factuurnummer)
        if of in self.numbers:
            return self.numbers[of]
        if read is None:
            return None
        said = f"{read.omschrijving} {read.boekstuk} {other.factuurnummer}".casefold()
        for uuid in re.findall(_UUID, said):
            if uuid in self.uuids:
                return self.uuids[uuid]
        for word in re.findall(r"[^\s,;()]+", said):
            if word in self.invoices:
                return self.invoices[word]
        mentioned = [self.numbers[number] for number in _NUMBERED.findall(said) if number in self.numbers]
        # A number alone may be another party's: the customer or the amount must speak for it too.
        return next((one for one in mentioned if self._speaks_for(other, one)), None)

    def _speaks_for(self, other: Listed, one: Expected) -> bool:
        same = one.total is not None and abs(one.total) == abs(other.bedrag)
        return same or one in self.customers.get(other.relatie_id, ())

    def _alike(self, other: Listed) -> Expected | None:
        orders = self.customers.get(other.relatie_id, [])
        if not 0 < len(orders) <= _MANY or not other.bedrag:
            return None
        alike = [one for one in orders if one.total and abs(one.total) == abs(other.bedrag)]
        if len(orders) == 1 and other.bedrag < 0:
            # Credited in part: there is one order it can be of.
            alike = [one for one in orders if one.total and one.total >= -other.bedrag]
        # A number of our own form is of another order of the same customer.
        return alike[0] if alike and self.form.order_number(other.factuurnummer) is None else None
