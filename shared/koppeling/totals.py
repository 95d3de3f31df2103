"""What both sides come to, per day, per rate the VAT and what it is on, and per journal. Pure."""

from collections import defaultdict
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from koppeling.booking.rated import place
from koppeling.compared import Expected, Line, NotCompared
from koppeling.comparing import Comparison, by_others
from koppeling.dating import dated
from koppeling.rating import Basis
from koppeling.snelstart.listing import Listed

_ZERO = Decimal("0.00")


class _Sides:
    """Two columns, by name."""

    def __init__(self) -> None:
        self.shop: defaultdict[str, Decimal] = defaultdict(lambda: _ZERO)
        self.books: defaultdict[str, Decimal] = defaultdict(lambda: _ZERO)

    def lines(self, key: Callable[[str], Any] | None = None) -> tuple[Line, ...]:
        names = sorted({*self.shop, *self.books}, key=key)
        return tuple(Line(name, self.shop[name], self.books[name]) for name in names)


class Totals:
    """The totals of a comparison; an invoice whose VAT, rate or journal nothing shows is in no column of that table.

    One whose day nothing shows is in both on the day it bears.
    """

    def __init__(self, comparison: Comparison, unread: int) -> None:
        self._books = comparison.books
        self._days, self._vat, self._rates, self._journals = _Sides(), _Sides(), _Sides(), _Sides()
        self._unseen = {"vat": 0, "rate": 0, "journal": 0, "date": 0}
        self.shop_total = self.books_total = _ZERO
        for one, held in comparison.matched.pairs:
            self._pair(one, held)
        for other in comparison.explained:
            # It stands for no invoice that is planned: by the rates of its own day.
            by = Basis(other.other.on, other.one.rates(other.other, told=True).country)
            self._in_books(other.other, by)
        self.days, self.journals = self._days.lines(), self._journals.lines()
        self.vat, self.rates = self._vat.lines(place), self._rates.lines(place)
        self.not_compared = NotCompared(**self._unseen, unread=unread)

    def _pair(self, one: Expected, held: Listed | None) -> None:
        if one.not_due:
            if held:
                self._in_books(held, one.rates(held, told=True))
            return
        if one.total is not None:
            self.shop_total += one.total
            day = self._day(one, held)
            if day:
                self._days.shop[day.isoformat()] += one.total
        if held:
            self.books_total += held.bedrag
            self._days.books[held.on.isoformat()] += held.bedrag
        self._pair_rates(one, held)
        self._pair_journal(one, held)

    def _day(self, one: Expected, held: Listed | None) -> date | None:
        how = dated(one, held, self._books.details.get(held.verkoopboeking_id)) if held else "other"
        self._unseen["date"] += how == "untold"
        return one.on if held is None or how == "other" else held.on

    def _pair_rates(self, one: Expected, held: Listed | None) -> None:
        for what, sides, shop, in_books in (
            ("vat", self._vat, one.vat, self._books.vat),
            ("rate", self._rates, one.nets, self._books.nets),
        ):
            books = in_books(held, one.rates(held, told=True)) if held else {}
            if shop is None or books is None:
                self._unseen[what] += held is not None
                continue
            for name, amount in shop.items():
                sides.shop[name] += amount
            for name, amount in books.items():
                sides.books[name] += amount

    def _pair_journal(self, one: Expected, held: Listed | None) -> None:
        if not one.total:
            return
        posted = self._books.posted.get(held.factuurnummer.casefold()) if held else None
        payments = posted.payments if posted else ()
        settled = sum((paid.amount for paid in payments), _ZERO)
        whole = held is None or settled == held.bedrag - held.openstaand
        if one.journal is None or not whole:
            self._unseen["journal"] += held is not None
            return
        others = by_others(one, payments)
        for paid in payments:
            # What we booked ourselves went where the profile of that day sent it.
            chosen = one.journal if paid in others else paid.journal
            self._journals.shop[str(chosen)] += paid.amount
            self._journals.books[str(paid.journal)] += paid.amount
        rest = one.total - settled
        if rest:
            chosen = payments[0].journal if payments and not others else one.journal
            self._journals.shop[str(chosen)] += rest

    def _in_books(self, held: Listed, by: Basis) -> None:
        self.books_total += held.bedrag
        self._days.books[held.on.isoformat()] += held.bedrag
        for name, amount in (self._books.vat(held, by) or {}).items():
            self._vat.books[name] += amount
        for name, amount in (self._books.nets(held, by) or {}).items():
            self._rates.books[name] += amount
        posted = self._books.posted.get(held.factuurnummer.casefold())
        for paid in posted.payments if posted else ():
            self._journals.books[str(paid.journal)] += paid.amount
