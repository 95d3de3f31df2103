"""What an invoice comes to under each rate of VAT, and how such a rate is called: by machines, and by people."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from koppeling.booking.countries import NAMES
from koppeling.booking.vat import LineKind
from koppeling.catalogue import percentage

DUTCH: Final[dict[LineKind, str]] = {"Hoog": "hoog", "Laag": "laag", "Overig": "overig", "Geen": "nul"}
"""What a rate is of in the Netherlands, by the kind of a line."""

WITHIN_EU, EXPORT = "eu", "export"
"""Without VAT across the border: to a business elsewhere in the EU, and out of the EU."""

ABROAD: Final = "buitenland"
"""What is of another country, where nothing tells of which."""

_SAID: Final = {"nul": "zonder btw", WITHIN_EU: "binnen de EU", EXPORT: "buiten de EU"}
_FIRST: Final = (*DUTCH.values(), WITHIN_EU, EXPORT)
_PERCENTAGE: Final = re.compile(r"([0-9]+(?:,[0-9]+)?)%")


@dataclass(frozen=True, slots=True)
class Rated:
    """What an invoice comes to at one rate; euro, two decimals, negative in a credit.

    `of`: a value of `DUTCH`, `WITHIN_EU`, `EXPORT`, or two capitals of the country whose VAT it is. `net`: what was
    sold, without VAT; a gift card is a debt and not among it. Nets, VAT and gift cards add up to the invoice.
    """

    of: str
    rate: Decimal
    net: Decimal
    vat: Decimal

    @property
    def name(self) -> str:
        """As `named` has it."""
        return named(self.of, self.rate)


def named(of: str, rate: Decimal | None, code: str = "") -> str:
    """The one name of a rate: what it is of and how much, "laag 9%" or "DE 5,5%".

    Where the percentage is not known SnelStart's code of the rate stands there, "DE RRH", or nothing: "overig".
    """
    return f"{of} {code if rate is None else percentage(rate)}".rstrip()


def place(name: str) -> tuple[int, str, Decimal, str]:
    """For sorting names: the Dutch ones, other countries by code, no country last; of each the highest rate first."""
    of, _, rest = name.partition(" ")
    found = _PERCENTAGE.fullmatch(rest)
    rate = Decimal(found[1].replace(",", ".")) if found else Decimal(-1)
    at = _FIRST.index(of) if of in _FIRST else len(_FIRST) + (of == ABROAD)
    return at, of, -rate, name


def spoken(name: str) -> str:
    """For people, behind an amount: hoog (21%), binnen de EU (0%), Duitsland 19%."""
    of, _, rest = name.partition(" ")
    if of == ABROAD:
        return "van een ander EU-land"
    if of in _FIRST:
        said = _SAID.get(of, of)
        return f"{said} ({rest})" if rest else said
    country = NAMES.get(of, of)
    return f"{country} {rest}" if not rest or _PERCENTAGE.fullmatch(rest) else f"{country} (tariefcode {rest})"


def turned(rated: Iterable[Rated]) -> tuple[Rated, ...]:
    """The same with every sign turned."""
    return tuple(replace(one, net=-one.net, vat=-one.vat) for one in rated)
