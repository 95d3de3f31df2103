"""How a report writes amounts, dates and times for a Dutch reader."""

from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from koppeling import catalogue
from koppeling.booking.countries import NAMES
from koppeling.booking.rated import ABROAD, DUTCH, EXPORT, WITHIN_EU, spoken

MONTHS: Final = ("jan", "feb", "mrt", "apr", "mei", "jun", "jul", "aug", "sep", "okt", "nov", "dec")

_DUTCH: Final = {"hoog": "Hoog tarief", "laag": "Laag tarief", "overig": "Overig tarief"}
_TURNOVER: Final = {
    **_DUTCH,
    DUTCH["Geen"]: "Nultarief, vrijgesteld of KOR",
    WITHIN_EU: "Binnen de EU, btw verlegd",
    EXPORT: "Uitvoer buiten de EU",
    ABROAD: "Ander EU-land (tarief onbekend)",
}

KINDS: Final = {
    "missing": "ontbreekt",
    "double": "dubbel",
    "different-amount": "ander bedrag",
    "different-vat": "andere btw",
    "not-paid": "niet betaald",
    "overpaid": "te veel betaald",
    "other-journal": "ander dagboek",
    "credited-in-shop-only": "alleen in de webwinkel gecrediteerd",
    "credited-in-books-only": "alleen in SnelStart gecrediteerd",
    "changed-by-hand": "met de hand gewijzigd",
    "changed-in-shop": "gewijzigd in de webwinkel",
    "only-in-books": "alleen in SnelStart",
}
"""As the guide for owners calls them."""

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_TENTH: Final = Decimal("0.1")


def euro(amount: Decimal) -> str:
    """€ 1.234,56, not broken over two lines."""
    return catalogue.euro(amount).replace(" ", "\N{NO-BREAK SPACE}")


def day(value: date) -> str:
    """23 november 2026."""
    return catalogue.on(value)


def moment(value: datetime) -> str:
    """23 november 2026 om 14.05 uur."""
    return f"{day(value.date())} om {value:%H.%M} uur"


def short(value: date) -> str:
    """23 nov."""
    return f"{value.day} {MONTHS[value.month - 1]}"


def number(value: int) -> str:
    """1.234."""
    return f"{value:,}".replace(",", ".")


def percent(part: Decimal, whole: Decimal) -> str:
    """83,4%."""
    share = (part * 100 / whole).quantize(_TENTH, ROUND_HALF_UP)
    return f"{share}%".replace(".", ",")


def duration(seconds: float) -> str:
    """In the unit that reads best: 2,4 s, 3 min 20 s, 2 uur 5 min, 3 dagen."""
    if seconds < _MINUTE:
        return f"{seconds:.1f} s".replace(".", ",")
    whole = round(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min {whole % _MINUTE} s"
    if whole < _DAY:
        return f"{whole // _HOUR} uur {whole % _HOUR // _MINUTE} min"
    days = whole // _DAY
    return f"{days} dag{'' if days == 1 else 'en'} {whole % _DAY // _HOUR} uur"


def vat(name: str) -> str:
    """A rate of VAT by the name a comparison has for it: Hoog tarief (21%), Btw Duitsland 19%."""
    of, _, rest = name.partition(" ")
    if of in _DUTCH:
        return f"{_DUTCH[of]} ({rest})" if rest else _DUTCH[of]
    return "Btw van een ander EU-land (tarief onbekend)" if of == ABROAD else f"Btw {spoken(name)}"


def turnover(name: str) -> str:
    """The same of what is sold at that rate: Hoog tarief (21%), Duitsland 19%, Binnen de EU, btw verlegd (0%)."""
    of, _, rest = name.partition(" ")
    if of in _TURNOVER:
        return f"{_TURNOVER[of]} ({rest})" if rest else _TURNOVER[of]
    return spoken(name)


def country(code: str) -> str:
    """The country's name, or its code where that is none of the EU."""
    return NAMES.get(code, code)
