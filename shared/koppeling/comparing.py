"""Shop against books, invoice by invoice, without I/O: what is missing, double, different, open, credited on one side.

Our own rows are a third witness: where shop and books differ, they tell which of the two is no longer what was booked.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from koppeling.booking.rated import place, spoken
from koppeling.catalogue import euro, on
from koppeling.compared import Books, Difference, Expected, Matched, Paid, Posted, Repair
from koppeling.dating import dated
from koppeling.differences import difference
from koppeling.explaining import Explained
from koppeling.rating import plain
from koppeling.snelstart.listing import Detail, Listed

_UNDER_WAY: Final = ("received", "failed", "waiting")
_PARTLY: Final = "shop-partly-credited"
_ZERO: Final = Decimal(0)

ALIKE: Final = timedelta(days=14)
"""How far from its day an invoice is looked for that somebody booked by hand in its place."""

_SLACK: Final = timedelta(minutes=5)
"""How far SnelStart's clock may be ahead of ours, and its write behind our mark."""


def match(expected: list[Expected], listed: Mapping[str, Listed]) -> Matched:
    """Each expected invoice with the one in the books: by the id our row knows, else by its number."""
    by_number = {one.factuurnummer.casefold(): one for one in listed.values()}
    pairs: list[tuple[Expected, Listed | None]] = []
    for one in expected:
        held = listed.get(one.verkoopboeking_id.casefold()) if one.verkoopboeking_id else None
        pairs.append((one, held or by_number.get(one.factuurnummer.casefold())))
    taken = {held.verkoopboeking_id for _, held in pairs if held}
    return Matched(tuple(pairs), tuple(one for one in listed.values() if one.verkoopboeking_id not in taken))


def modified_on(held: Listed, books: Books) -> datetime | None:
    """When the sale itself was last written in SnelStart; its payment is another booking."""
    posted, read = books.posted.get(held.factuurnummer.casefold()), books.details.get(held.verkoopboeking_id)
    moments = [one.modified_on for one in (posted, read) if one and one.modified_on]
    return max(moments, default=None)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was expected and found, and whose the unexplained invoices are."""

    matched: Matched
    books: Books
    explained: tuple[Explained, ...] = ()
    strangers: tuple[Listed, ...] = ()
    """Invoices that stand for no order, of the amount of one that is absent; also some dated outside of the period."""

    def differences(self) -> Iterator[Difference]:
        """All differences, by order as they were read; then the invoices that stand for no order."""
        absent = {(one.order_number, one.kind) for one, held in self.matched.pairs if held is None and not one.not_due}
        instead: dict[tuple[str, str], Explained] = {}
        rest: list[Explained] = []
        for each in self._by_their_credits():
            key = each.one.order_number, each.one.kind
            if each.as_ != "double" or key not in absent:
                rest.append(each)
            elif key not in instead:
                instead[key] = replace(each, as_="instead")
            else:
                # One stands for it; what is there besides is its double.
                there = instead[key].other.factuurnummer
                rest.append(replace(each, one=replace(each.one, factuurnummer=there)))
        for one, held in self.matched.pairs:
            if held is None:
                yield from () if (one.order_number, one.kind) in instead else self._absent(one)
            else:
                yield from self._present(one, held)
        yield from (each.difference() for each in (*instead.values(), *rest))

    def _by_their_credits(self) -> Iterator[Explained]:
        """What credits an order that the shop credits too is that credit, entered by hand: its double when it is there.

        Of another amount it stands for one that is absent; beside those that are there it is one more.
        """
        taken: set[tuple[str, str]] = set()
        for each in self.explained:
            credit = self._credit_of(each, taken) if each.as_ == "credit" else None
            if credit is None:
                yield each
            else:
                taken.add((credit.order_number, credit.kind))
                yield replace(each, one=credit, as_="double")

    def _credit_of(self, each: Explained, taken: Collection[tuple[str, str]]) -> Expected | None:
        number, amount = each.one.order_number, each.other.bedrag
        credits_ = [
            (one, held is None and (one.order_number, one.kind) not in taken)
            for one, held in self.matched.pairs
            if not one.not_due and number == (one.order_number if one.kind == "reversal" else one.of)
        ]
        # The sort is stable: the absent one of its amount, one of its amount that is there, another absent one.
        likely = [(one, absent) for one, absent in credits_ if absent or one.total == amount]
        likely.sort(key=lambda found: (found[0].total != amount, not found[1]))
        return likely[0][0] if likely else None

    def _absent(self, one: Expected) -> Iterator[Difference]:
        if one.not_due:
            return
        if one.kind == "sale":
            yield self._missing(one)
        elif one.reason and one.verkoopboeking_id is None and _stopped(one):
            yield difference("credited-in-shop-only-refused", one, one.total, None, reason=one.reason)
        elif alike := self._alike(one):
            code = "credited-in-shop-only-deleted-alike" if one.verkoopboeking_id else "credited-in-shop-only-alike"
            yield difference(code, one, one.total, None, facts={"other": alike})
        elif one.verkoopboeking_id:
            again = self._again(one) if one.kind == "credit" else None
            yield difference("credited-in-shop-only-deleted", one, one.total, None, repair=again)
        elif gone := self._credits_gone(one):
            yield difference("credited-in-shop-only-gone", one, one.total, None, facts={"other": gone})
        else:
            yield difference("credited-in-shop-only", one, one.total, None, repair="queue")

    def _missing(self, one: Expected) -> Difference:
        alike = self._alike(one)
        if one.verkoopboeking_id:
            if alike:
                return difference("missing-deleted-alike", one, one.total, None, facts={"other": alike})
            return difference("missing-deleted", one, one.total, None, repair=self._again(one))
        if one.reason and _stopped(one):
            return difference("missing-refused", one, one.total, None, reason=one.reason)
        if one.state in _UNDER_WAY:
            return difference("missing-under-way", one, one.total, None, repair="queue")
        if alike:
            return difference("missing-alike", one, one.total, None, facts={"other": alike})
        return difference("missing", one, one.total, None, repair="queue")

    def _alike(self, one: Expected) -> str:
        """An invoice of nobody's that may be this one, booked by hand on a customer of its own.

        Of these days; in the place of one of ours that is gone it may bear any day, but was written since. A credit is
        dated by hand as one likes.
        """
        amounts = {amount for amount in (one.total, one.was) if amount}
        same = [other for other in self.strangers if other.bedrag in amounts]
        gone = one.verkoopboeking_id is not None
        found = [other for other in same if one.kind != "sale" or _near(one, other) or (gone and _since(one, other))]
        return next((other.factuurnummer for other in found), "")

    def _credits_gone(self, one: Expected) -> str:
        """The invoice that a credit takes back, where it was removed: the worker refuses that, as `number-gone`."""
        number = one.order_number if one.kind == "reversal" else one.of
        sales = [sale for sale, _ in self.matched.pairs if sale.kind == "sale" and sale.order_number == number]
        return next((sale.factuurnummer for sale in sales if self._is_gone(sale)), "")

    def _again(self, one: Expected) -> Repair | None:
        """Booked anew is only what is certainly gone: renumbered by hand it would be double."""
        return "book-again" if self._is_gone(one) else None

    def _is_gone(self, one: Expected) -> bool:
        return one.verkoopboeking_id is not None and one.verkoopboeking_id.casefold() in self.books.gone

    def _present(self, one: Expected, held: Listed) -> Iterator[Difference]:
        if one.not_due:
            yield self._not_due(one, held)
            return
        read = self.books.details.get(held.verkoopboeking_id)
        amount = self._amount(one, held)
        if amount:
            yield amount
            yield from self._changed_besides(one, held, read)
            if held.openstaand == held.bedrag:
                # Otherwise the open balance only follows from the amount.
                as_booked = amount.kind == "changed-in-shop"
                yield self._open(one, held) if as_booked else difference("not-paid-differs", one, held.bedrag, _ZERO)
        else:
            yield from self._content(one, held, read)
            yield from self._settled(one, held)
        if not one.verkoopboeking_id and one.on and dated(one, held, read) == "other":
            told = {"shop_day": on(one.on), "books_day": on(held.on)}
            yield difference("other-day", one, one.total, held.bedrag, facts=told)
        if one.reason and one.reason.code == _PARTLY:
            yield difference("credited-in-shop-only-refused", one, one.total, held.bedrag, reason=one.reason)

    def _not_due(self, one: Expected, held: Listed) -> Difference:
        if one.kind == "reversal":
            return difference("credited-in-books-only-restored", one, None, held.bedrag, reason=one.reason)
        return difference("only-in-books", one, None, held.bedrag)

    def _amount(self, one: Expected, held: Listed) -> Difference | None:
        if one.total == held.bedrag:
            return None
        # Without a total in euro the shop does not state what stands in the books.
        code = "changed-in-shop" if one.was == held.bedrag else "different-amount"
        return difference(code, one, one.total, held.bedrag)

    def _content(self, one: Expected, held: Listed, read: Detail | None) -> Iterator[Difference]:
        # Another customer is told as such: whether the VAT is another goes by the country of the order.
        for what, shop, in_books in (("vat", one.vat, self.books.vat), ("rate", one.nets, self.books.nets)):
            books = in_books(held, one.rates(held))
            if shop is not None and books is not None and books != shop:
                books = in_books(held, one.rates(held, told=True)) or {}
                changed = one.changed and not self._touched(one, held)
                told = {"in_shop": _told(shop), "in_books": _told(books)}
                amounts = sum(shop.values(), _ZERO), sum(books.values(), _ZERO)
                yield difference(f"{'changed-in-shop' if changed else 'different'}-{what}", one, *amounts, facts=told)
                yield from self._changed_besides(one, held, read)
                return
        yield from _by_hand(one, held, [*self._about(one, held, read), *self._accounts(one, held)])

    def _changed_besides(self, one: Expected, held: Listed, read: Detail | None) -> Iterator[Difference]:
        """What was changed besides an amount, from which other accounts follow."""
        return _by_hand(one, held, list(self._about(one, held, read)))

    def _about(self, one: Expected, held: Listed, read: Detail | None) -> Iterator[str]:
        if held.factuurnummer.casefold() != one.factuurnummer.casefold():
            yield f"het factuurnummer is nu {held.factuurnummer}"
        if one.verkoopboeking_id and dated(one, held, read) == "other":
            yield "de datum"
        if one.relatie_id and held.relatie_id != one.relatie_id.casefold():
            yield "de klant"
        if one.verkoopboeking_id and read and one.order_uuid.casefold() not in read.omschrijving.casefold():
            yield "de omschrijving"

    def _accounts(self, one: Expected, held: Listed) -> Iterator[str]:
        standing = self.books.standing(held)
        # By another profile it would be planned on other accounts: only what was written since counts.
        if not standing or one.accounts is None or not self._touched(one, held):
            return
        if plain(standing.accounts) != plain(one.accounts):
            yield "de grootboekrekeningen"

    def _touched(self, one: Expected, held: Listed) -> bool:
        """Whether the sale was written in SnelStart after our own last write."""
        moment = modified_on(held, self.books)
        return bool(moment and one.settled_at and moment > one.settled_at)

    def _settled(self, one: Expected, held: Listed) -> Iterator[Difference]:
        still = held.openstaand
        if still:
            if not _overpaid(held):
                yield self._open(one, held)
            else:
                told = {"open": euro(abs(still))}
                yield difference("overpaid", one, held.bedrag, held.bedrag - still, facts=told)
            return
        posted: Posted | None = self.books.posted.get(held.factuurnummer.casefold())
        journals = sorted({paid.journal for paid in by_others(one, posted.payments if posted else ())} - {one.journal})
        if one.journal is not None and journals:
            told = {"books_journal": ", ".join(map(str, journals)), "shop_journal": str(one.journal)}
            yield difference("other-journal", one, held.bedrag, held.bedrag, facts=told)

    def _open(self, one: Expected, held: Listed) -> Difference:
        told = {"open": euro(held.openstaand)}
        paid = held.bedrag - held.openstaand
        if one.state == "booked" and one.reason:
            return difference("not-paid-refused", one, held.bedrag, paid, reason=one.reason, facts=told)
        if one.in_batch:
            return difference("not-paid-under-way", one, held.bedrag, paid, facts=told)
        done = one.state in ("paid", "credited")
        again = done and one.verkoopboeking_id is not None
        if elsewhere := self._too_much_on(held):
            return difference("not-paid-elsewhere", one, held.bedrag, paid, facts={**told, "other": elsewhere})
        return difference("not-paid", one, held.bedrag, paid, repair="settle-again" if again else "queue", facts=told)

    def _too_much_on(self, held: Listed) -> str:
        """The invoice that was settled too much by just what is open of this one: its payment may stand there."""
        others = self.books.listed.values()
        return next((one.factuurnummer for one in others if _overpaid(one) and one.openstaand == -held.openstaand), "")


def by_others(one: Expected, payments: Iterable[Paid]) -> list[Paid]:
    """The payments of an invoice that are no longer as we booked them, or never were ours."""
    return [paid for paid in payments if not paid.ours or _later(paid.modified_on, one.settled_at) or _moved(one, paid)]


def _moved(one: Expected, paid: Paid) -> bool:
    """Whether a payment of many stands in another journal than we booked it in: `undo` writes them too, but there."""
    return paid.modified_on is None and one.settled_in is not None and paid.journal != one.settled_in.dagboek_nummer


def _later(modified_on: datetime | None, ours: datetime | None) -> bool:
    return modified_on is not None and ours is not None and modified_on > ours + _SLACK


def _near(one: Expected, other: Listed) -> bool:
    return one.on is not None and abs(other.on - one.on) <= ALIKE


def _since(one: Expected, other: Listed) -> bool:
    """Whether an invoice may have been written after our last write of this one."""
    return other.modified_on is None or one.settled_at is None or other.modified_on + _SLACK > one.settled_at


def _overpaid(held: Listed) -> bool:
    return bool(held.openstaand) and not (held.bedrag and _ZERO < held.openstaand / held.bedrag <= 1)


def _by_hand(one: Expected, held: Listed, what: list[str]) -> Iterator[Difference]:
    if what:
        yield difference("changed-by-hand", one, one.total, held.bedrag, facts={"what": ", ".join(what)})


def _stopped(one: Expected) -> bool:
    """Whether somebody must act before this order can be booked."""
    return one.state not in _UNDER_WAY


def is_ours(one: Expected, read: Detail | None) -> bool:
    """An invoice our row does not know is another's only when its description, read, says so."""
    return bool(one.verkoopboeking_id) or read is None or one.order_uuid.casefold() in read.omschrijving.casefold()


def _told(amounts: Mapping[str, Decimal]) -> str:
    *most, last = [f"{euro(amounts[name])} {spoken(name)}" for name in sorted(amounts, key=place)] or [euro(_ZERO)]
    return f"{', '.join(most)} en {last}" if most else last
