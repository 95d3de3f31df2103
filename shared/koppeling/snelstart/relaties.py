"""Relaties: finding one by e-mail address or name, and making one from what an order knows.

SnelStart checks optional fields strictly and one bad one refuses the whole relatie, so everything is checked here
first, and what it refuses all the same is left out and tried once more, with a note.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from stdnum import iban

from koppeling.booking import vatnumbers
from koppeling.booking.countries import code_of
from koppeling.clock import AMSTERDAM
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Address, Order
from koppeling.snelstart.client import SnelStart, is_id, literal
from koppeling.snelstart.errors import REFUSED_FIELDS, SnelStartRefused
from koppeling.snelstart.models import Chart

_NAAM, _STRAAT, _POSTCODE, _PLAATS, _CONTACT, _TELEFOON, _EMAIL = 50, 50, 25, 50, 50, 25, 250
"""Field limits of the API's documentation."""

_EMAIL_SHAPE = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\".]+(\.[^@\s,;<>()\".]+)+")
_PHONE_SHAPE = re.compile(r"\+?[0-9][0-9 ()./-]{4,23}")
_OPTIONAL = ("telefoon", "vestigingsAdres", "iban", "btwNummer")


@dataclass(frozen=True, slots=True)
class Draft:
    """A relatie to make, and notes (without anybody's data) on what had to be left out."""

    body: dict[str, Any]
    notes: tuple[str, ...] = ()
    needed: frozenset[str] = frozenset()
    """Fields the booking depends on: never left out."""


@dataclass(frozen=True, slots=True)
class Relatie:
    """A relatie to book on."""

    relatie_id: str
    notes: tuple[str, ...] = ()


def is_email(text: str) -> bool:
    """Whether a text can stand in a relatie's e-mail field."""
    return len(text) <= _EMAIL and _EMAIL_SHAPE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class Customer:
    """An active customer as SnelStart lists it; `email` in lower case, `code` ascends with age."""

    relatie_id: str
    code: int
    email: str
    naam: str


def customers(snelstart: SnelStart, filter_: str | None = None) -> Iterator[Customer]:
    """The active customers among the relaties that pass the filter, 500 a call."""
    for row in snelstart.pages("relaties", filter_):
        if _usable(row):
            email = str(row.get("email") or "").strip().casefold()
            yield Customer(row["id"], _code(row), email, str(row.get("naam") or ""))


def modified_since(snelstart: SnelStart, moment: datetime) -> Iterator[Customer]:
    """The active customers that were made or changed since a moment."""
    return customers(snelstart, _modified(moment))


def _modified(since: datetime) -> str:
    return f"ModifiedOn gt datetime'{since.astimezone(AMSTERDAM):%Y-%m-%dT%H:%M:%S}'"


def matching(snelstart: SnelStart, email: str, changed_since: datetime | None) -> list[Customer]:
    """The customers found by an e-mail address, as written and in lower case, and those changed since a moment."""
    spellings = sorted({email.strip(), email.strip().lower()})
    clauses = [f"Email eq {literal(spelling)}" for spelling in spellings]
    if changed_since:
        clauses.append(_modified(changed_since))
    try:
        found = list(customers(snelstart, " or ".join(clauses)))
    except SnelStartRefused:
        # The documentation shows no `or`: asked one by one then, by address alone.
        found = [
            customer for spelling in spellings for customer in customers(snelstart, f"Email eq {literal(spelling)}")
        ]
    return [customer for customer in found if customer.email]


def oldest(found: Iterable[Customer], email: str) -> Relatie | None:
    """The oldest of these customers with this e-mail address, in whatever letter case; a note when there are more."""
    return _oldest([customer for customer in found if customer.email == email.strip().casefold()], "dit e-mailadres")


def by_name(snelstart: SnelStart, naam: str) -> Relatie | None:
    """The oldest active customer of exactly this name; for relaties that stand for many customers."""
    found = customers(snelstart, f"Naam eq {literal(naam)}")
    return _oldest([customer for customer in found if customer.naam == naam], "deze naam")


def has_vat_number(snelstart: SnelStart, relatie_id: str) -> bool:
    """Whether a relatie carries a VAT number, whichever. Failures as `SnelStart.get`."""
    row = snelstart.get(f"relaties/{relatie_id}")
    return isinstance(row, dict) and bool(str(row.get("btwNummer") or "").strip())


def make(snelstart: SnelStart, draft: Draft) -> Relatie:
    """Make the relatie; optional fields it is refused for are left out once. Failures as `SnelStart.post`."""
    try:
        return Relatie(str(snelstart.post("relaties", draft.body)["id"]), draft.notes)
    except SnelStartRefused as refused:
        about = [code for code in refused.codes if code.startswith("REL-")]
        dropped = {name for code in about for name in REFUSED_FIELDS.get(code, _OPTIONAL)} & draft.body.keys()
        if not dropped or dropped & draft.needed:
            raise
        body = {name: value for name, value in draft.body.items() if name not in dropped}
        note = f"Klant aangemaakt zonder {', '.join(sorted(dropped))}: SnelStart keurde dat af ({', '.join(about)})."
        return Relatie(str(snelstart.post("relaties", body)["id"]), (*draft.notes, note))


def draft_for(order: Order, chart: Chart, vat_number: str | None = None) -> Draft:
    """A relatie with everything the order knows that SnelStart accepts.

    `vat_number`: the number without which the booking would be wrong; it is in the draft or SnelStart refuses.
    """
    draft = _Drafting(order, chart).draft()
    if vat_number is None:
        return draft
    return Draft({**draft.body, "btwNummer": vat_number}, draft.notes, frozenset({"btwNummer"}))


def draft_of_name(naam: str) -> Draft:
    """A relatie that stands for many customers."""
    return Draft({"relatiesoort": ["Klant"], "naam": naam[:_NAAM]})


@dataclass(slots=True)
class _Drafting:
    order: Order
    chart: Chart
    notes: list[str] = field(default_factory=list)

    def draft(self) -> Draft:
        debtor = self.order.debtor
        company, person, email = debtor.company.strip(), debtor.name.strip(), debtor.email.strip()
        naam = company or person or f"Webwinkelklant order {self.order.number}"
        body: dict[str, Any] = {
            "relatiesoort": ["Klant"],
            "naam": self._cut(naam, _NAAM, "De naam is ingekort: SnelStart neemt er 50 tekens van."),
            "email": email,
            "factuurEmailVersturen": {"shouldSend": False, "email": email},
        }
        address = self._address(debtor.invoice, person)
        if address:
            body["vestigingsAdres"] = address
        if debtor.phone.strip():
            self._checked(body, "telefoon", debtor.phone.strip(), "telefoonnummer", _PHONE_SHAPE.fullmatch)
        if debtor.bank_account.strip():
            self._checked(body, "iban", iban.compact(debtor.bank_account), "IBAN", iban.is_valid)
        number = debtor.invoice.tax_number.strip() if debtor.invoice else ""
        if number:
            # As in `vatnumbers.checked`: typed without its prefix it is tried with that of the address.
            compact = vatnumbers.valid(number) or vatnumbers.valid(self._country() + number) or number
            self._checked(body, "btwNummer", compact, "btw-nummer", self._fits_country)
        return Draft(body, tuple(self.notes))

    def _fits_country(self, number: str) -> bool:
        return vatnumbers.valid(number) is not None and vatnumbers.country_of(number) == self._country()

    def _country(self) -> str:
        """The invoice address's, two capitals, however the shop wrote it; "" where it cannot be told."""
        try:
            return code_of(self.order.debtor.invoice or Address(), self.chart)
        except Refused:
            return ""

    def _address(self, invoice: Address | None, person: str) -> dict[str, Any] | None:
        """All or nothing: SnelStart refuses an address of which only a part is filled (REL-0060)."""
        if invoice is None:
            return None
        straat = " ".join(f"{invoice.street} {invoice.number}".split())
        # Its own code first: what only counts as another country for VAT is no other in an address.
        land = self.chart.countries.get(invoice.country_code) or self.chart.countries.get(self._country())
        parts = (straat, invoice.zipcode.strip(), invoice.city.strip(), land)
        if not any(parts[:3]):
            return None
        fits = len(parts[0]) <= _STRAAT and len(parts[1]) <= _POSTCODE and len(parts[2]) <= _PLAATS
        if not (all(parts) and land and fits):
            self.notes.append("Het adres is weggelaten: het is niet volledig of te lang voor SnelStart.")
            return None
        address: dict[str, Any] = {"straat": straat, "postcode": parts[1], "plaats": parts[2], "land": {"id": land.id}}
        if person:
            address["contactpersoon"] = person[:_CONTACT]
        return address

    def _checked(self, body: dict[str, Any], name: str, value: str, word: str, is_good: Any) -> None:  # noqa: ANN401 -- a predicate, truthy or not
        if is_good(value):
            body[name] = value
        else:
            self.notes.append(f"Het {word} is weggelaten: het is niet geldig.")

    def _cut(self, text: str, length: int, note: str) -> str:
        if len(text) > length:
            self.notes.append(note)
        return text[:length].strip()


def _usable(row: dict[str, Any]) -> bool:
    """SnelStart's own relaties carry a negative relatiecode or the kind Eigen: never a match."""
    kinds = row.get("relatiesoort") or []
    return (
        is_id(row.get("id"))
        and "Klant" in kinds
        and "Eigen" not in kinds
        and not row.get("nonactief")
        and _code(row) >= 0
    )


def _code(row: dict[str, Any]) -> int:
    code = row.get("relatiecode")
    return code if isinstance(code, int) else 0


def _oldest(found: list[Customer], shared: str) -> Relatie | None:
    """Codes are handed out in ascending order, so the lowest is the oldest."""
    if not found:
        return None
    notes = (
        (f"Er zijn {len(found)} klanten met {shared} in SnelStart; de oudste is gebruikt.",) if len(found) > 1 else ()
    )
    return Relatie(min(found, key=lambda customer: customer.code).relatie_id, notes)
