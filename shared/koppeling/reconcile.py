"""Shop against books, to the cent: both sides are read back from their APIs, and nothing is written.

Whole lists first: the shop's orders, SnelStart's invoices, the ledger's mutations. Single bookings are read only where
a list leaves a doubt, the worst doubts first, and never more than a tenth of SnelStart's hourly calls in all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import batched, islice
from typing import Any, Final

from koppeling import catalogue, clock
from koppeling.calls import Calls, Wait
from koppeling.compared import Books, Expected, Matched, Posted, Reconciled
from koppeling.comparing import ALIKE, Comparison, is_ours, match, modified_on
from koppeling.deadline import Deadline
from koppeling.expecting import Reading
from koppeling.explaining import Explained, Explaining, Form
from koppeling.failures import ConnectionRefused, Refused
from koppeling.foreseen import Preview
from koppeling.mijnwebwinkel.client import Placed, Shop, archived_choices
from koppeling.order_row import OrderRow
from koppeling.posting import posted
from koppeling.preview import Look, Progress
from koppeling.rating import Rates
from koppeling.snelstart import listing
from koppeling.snelstart.listing import Detail, Listed
from koppeling.totals import Totals
from koppeling.workplace import Workplace

LATER: Final = timedelta(days=60)
"""How long after the period's end an invoice of one of its orders is looked for: completed late, taken back since."""

_A_DAY: Final = timedelta(days=1)
_A_MONTH: Final = timedelta(days=31)
_AT_ONCE = 100
_READINGS = 3
_A_PAGE_SECONDS = 12.0
_TOUCHED = 50
_STRANGERS = 100
"""The most orders of invoices of our own form, but of no order the shop listed, that the shop is asked for singly."""

type Heed = Callable[[Look, Preview, list[Expected]], None]
"""Told of every order as it was read, and the invoices expected of it: for who wants more of them than what differs."""


def reconcile(
    place: Workplace,
    start: date,
    end: date,
    *,
    progress: Progress | None = None,
    wait: Wait | None = None,
    deadline: Deadline | None = None,
    heed: Heed | None = None,
) -> Reconciled:
    """Compare the orders placed from `start` up to and including `end` with the books.

    `wait`: waits for room in SnelStart's limits; without it `Throttled`. Failures as the calls of both sides.
    """
    calls = Calls.allowed()
    place = calls.counting(place, wait, deadline)
    look = Look.begin(place)
    foreign = look.chart.company.buitenlandse_btw_grootboek_id.casefold()
    reading = Reading(place.connection.profile, look.statuses, foreign)
    raws = list(shop_orders(place, start, end, deadline))
    expected: list[Expected] = []
    for done, some in enumerate(batched(raws, _AT_ONCE, strict=False), 1):
        if deadline:
            deadline.demand(_A_PAGE_SECONDS)
        for seen in look.over(some):
            made = reading.expected(seen)
            expected += made
            if heed:
                heed(look, seen, made)
        if progress:
            progress(min(done * _AT_ONCE, len(raws)), len(raws))
    calls.orders = len(raws)
    comparison, unread = _Side(place, look, calls, start, end).compared(expected)
    totals = Totals(comparison, unread)
    return Reconciled(
        start=start,
        end=end,
        orders=len(raws),
        shop_total=totals.shop_total,
        books_total=totals.books_total,
        differences=tuple(comparison.differences()),
        days=totals.days,
        vat=totals.vat,
        rates=totals.rates,
        journals=totals.journals,
        not_compared=totals.not_compared,
        calls=calls.made,
    )


def shop_orders(place: Workplace, start: date, end: date, deadline: Deadline | None = None) -> Iterator[dict[str, Any]]:
    """The shop's orders placed in the period, archived ones too, each once and as the shop states it."""
    listing_of = place.connection.archived_listing
    if listing_of == "unknown":
        listing_of = place.shop.archived_listing()
    for archived in archived_choices(listing_of):
        yield from _whole(place.shop, Placed(start, end, archived), deadline)


def _whole(shop: Shop, window: Placed, deadline: Deadline | None) -> Iterable[dict[str, Any]]:
    """Read again while the count changes: pages are cut by offset; an order that leaves the list shifts the rest."""
    found: dict[str, dict[str, Any]] = {}
    before = shop.count(window)
    for _ in range(_READINGS):
        for raw in shop.orders(window, before):
            found[str(raw.get("number"))] = raw
            if deadline:
                deadline.demand(_A_PAGE_SECONDS)
        after = shop.count(window)
        if after == before and len(found) >= before:
            break
        before = after
    return found.values()


@dataclass(slots=True)
class _Side:
    """The books of one period, read as far as the comparison needs it."""

    place: Workplace
    look: Look
    calls: Calls
    start: date
    end: date
    listed: dict[str, Listed] = field(default_factory=dict)
    posted: dict[str, Posted] = field(default_factory=dict)
    details: dict[str, Detail] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def compared(self, expected: list[Expected]) -> tuple[Comparison, int]:
        """The comparison, and how many unexplained invoices were left unread."""
        today = clock.now().astimezone(clock.AMSTERDAM).date()
        until = min(self.end + LATER, max(self.end, today))
        self._keep(listing.invoices_between(self.place.snelstart, self.start, until))
        self._look_for_absent(expected)
        matched = match(expected, self.listed)
        self._read_mutations(matched)
        form = Form.of(self.place.connection.profile)
        around = self._around(matched, until, today)
        unknown, others = self._strangers(form, expected, matched)
        form = self._known(form, (*others, *around), expected)
        relaties = {held.factuurnummer.casefold(): held.relatie_id for _, held in matched.pairs if held}
        explaining = Explaining.over(form, expected, relaties)
        candidates = list(explaining.candidates(others))
        for booking_id in self._doubtful(matched, candidates):
            if self.calls.left <= 0:
                break
            self._read(booking_id)
        explained = [explaining.explain(other, self.details.get(other.verkoopboeking_id)) for other in others]
        found = (*unknown, *(one for one in explained if one))
        nobodys = [other for other, one in zip(others, explained, strict=True) if one is None]
        strangers = tuple(self._nobodys((*nobodys, *around), matched, explaining))
        unread = sum(one.verkoopboeking_id not in self.details for one in candidates)
        return Comparison(self._own(matched), self._books(), found, strangers), unread

    def _books(self) -> Books:
        return Books(
            Rates.of(self.look.chart, self.place.connection.profile),
            self.listed,
            self.posted,
            self.details,
            frozenset(self.gone),
        )

    def _keep(self, invoices: Iterable[Listed]) -> list[Listed]:
        found = list(invoices)
        self.listed |= {one.verkoopboeking_id: one for one in found}
        return found

    def _look_for_absent(self, expected: list[Expected]) -> None:
        """Invoices that are not among those of the period: dated elsewhere by hand, renumbered, or truly gone."""
        absent = [one for one, held in match(expected, self.listed).pairs if held is None and not one.not_due]
        self._keep(listing.invoices_numbered(self.place.snelstart, [one.factuurnummer for one in absent]))
        for one, held in match(absent, self.listed).pairs:
            if held is None and one.verkoopboeking_id and self.calls.left > 0:
                read = self._read(one.verkoopboeking_id)
                if read:
                    self._keep(listing.invoices_numbered(self.place.snelstart, [read.factuurnummer]))

    def _around(self, matched: Matched, until: date, today: date) -> list[Listed]:
        """Invoices dated outside of the period that may stand by hand in the place of one that is absent.

        What there are no calls for stays unseen; then nothing that was removed is certain enough to be booked again.
        """
        absent = [one for one, held in matched.pairs if held is None and not one.not_due]
        before = min((one.on - ALIKE for one in absent if one.on), default=self.start)
        spans = [(before, self.start - _A_DAY)]
        if self.gone or any(one.kind != "sale" for one in absent):
            months = range((today - until).days // _A_MONTH.days + 1)
            spans += [(until + _A_DAY + at * _A_MONTH, min(today, until + (at + 1) * _A_MONTH)) for at in months]
        found: list[Listed] = []
        for first, last in spans:
            if first > last:
                continue
            if self.calls.left <= 0:
                self.gone.clear()
                break
            found += listing.invoices_between(self.place.snelstart, first, last)
        return [one for one in found if one.verkoopboeking_id not in self.listed]

    def _read(self, booking_id: str) -> Detail | None:
        key = booking_id.casefold()
        if key in self.details or key in self.gone:
            return self.details.get(key)
        read = listing.detail(self.place.snelstart, booking_id, self.look.chart.company.buitenlandse_btw_grootboek_id)
        if read is None:
            self.gone.add(key)
        else:
            self.details[key] = read
        return read

    def _read_mutations(self, matched: Matched) -> None:
        """From the first to the last day of the invoices found and of their payments, as far as we know those.

        What is left of the calls is for single bookings.
        """
        days = [held.on for _, held in matched.pairs if held]
        days += [date.fromisoformat(one.settled_in.datum) for one, held in matched.pairs if held and one.settled_in]
        if not days:
            return
        reserve = self.calls.left // 5
        amounts = {one.factuurnummer.casefold(): one.bedrag for one in self.listed.values()}
        rows = listing.mutations_between(self.place.snelstart, min(days), max(days), lambda: self.calls.left > reserve)
        try:
            self.posted = posted(rows, amounts, self.look.chart)
        except ConnectionRefused:
            raise
        except Refused:
            # A right is missing or the filter is not taken: VAT and journals then come from single bookings, or are
            # told as not compared.
            self.posted = {}

    def _strangers(
        self, form: Form, expected: list[Expected], matched: Matched
    ) -> tuple[list[Explained], list[Listed]]:
        """Invoices that stand for no order: those whose order the shop no longer knows, and those left to explain.

        What is of an order of another period is neither.
        """
        scope = {one.order_number for one in expected}
        numbered = {one.verkoopboeking_id: form.order_number(one.factuurnummer) for one in matched.others}
        outside = [number for number in dict.fromkeys(numbered.values()) if number and number not in scope]
        known = {
            number: row
            for some in batched(outside, _AT_ONCE, strict=False)
            for number, row in self.place.orders.known(list(some)).items()
        }
        unknown, others, asked = [], [], 0
        for other in matched.others:
            row = known.get(numbered[other.verkoopboeking_id] or "")
            if row is None:
                others.append(other)
                continue
            here = self.start <= self._placed(row, other) <= self.end
            own = row.booking and row.booking.kind != "reversal"
            if here and own and asked < _STRANGERS and not self._shop_knows(row.number):
                one = Expected(row.number, "", other.factuurnummer, "sale", None)
                unknown.append(Explained(other, one, "unknown"))
            asked += here
        return unknown, others

    def _known(self, form: Form, others: Iterable[Listed], expected: list[Expected]) -> Form:
        """The form, with which of these numbers is of no order: asked for where the amount is that of an order."""
        scope = {one.order_number for one in expected}
        amounts = {abs(amount) for one in expected for amount in (one.total, one.was) if amount}
        numbers = dict.fromkeys(form.order_number(one.factuurnummer) for one in others if abs(one.bedrag) in amounts)
        asked = islice((number for number in numbers if number and number not in scope), _STRANGERS)
        return replace(form, nobodys=frozenset(number for number in asked if not self._shop_knows(number)))

    def _nobodys(self, others: Iterable[Listed], matched: Matched, explaining: Explaining) -> Iterator[Listed]:
        """Those that may stand by hand in the place of an invoice that is absent: of its amount, and of no order."""
        absent = [one for one, held in matched.pairs if held is None and not one.not_due]
        amounts = {amount for one in absent for amount in (one.total, one.was)}
        for other in others:
            if other.bedrag not in amounts or explaining.form.order_number(other.factuurnummer) is not None:
                continue
            booking_id = other.verkoopboeking_id
            read = self._read(booking_id) if self.calls.left > 0 else self.details.get(booking_id)
            if not explaining.of_another(read):
                yield other

    def _placed(self, row: OrderRow, held: Listed) -> date:
        """The day an order was placed, or announced to us where its invoice is dated later."""
        if self.place.connection.profile.invoice_date == "order":
            return held.on
        return datetime.fromisoformat(row.received_at).astimezone(clock.AMSTERDAM).date()

    def _shop_knows(self, number: str) -> bool:
        try:
            self.place.shop.order(number)
        except ConnectionRefused:
            raise
        except Refused as refused:
            return refused.reason.code != "shop-order-not-found"
        return True

    def _doubtful(self, matched: Matched, candidates: list[Listed]) -> Iterator[str]:
        """The bookings to read singly, the worst doubts first."""
        books = self._books()
        pairs = [(one, held) for one, held in matched.pairs if held]
        yield from (held.verkoopboeking_id for one, held in pairs if one.verkoopboeking_id is None)
        yield from (other.verkoopboeking_id for other in candidates)
        touched = (held.verkoopboeking_id for one, held in pairs if _touched(one, modified_on(held, books)))
        # Only their descriptions are still unseen: a few will do where somebody wrote to all of them.
        yield from islice(touched, _TOUCHED)
        yield from (held.verkoopboeking_id for _, held in pairs if books.standing(held) is None)

    def _own(self, matched: Matched) -> Matched:
        """Without invoices that bear an order's number but are another's."""
        pairs: list[tuple[Expected, Listed | None]] = []
        since = self._booked_since(matched)
        for one, held in matched.pairs:
            if held and (held.verkoopboeking_id in since or _before_start(one)):
                continue
            if held is None or one.not_due or is_ours(one, self.details.get(held.verkoopboeking_id)):
                pairs.append((one, held))
                continue
            taken = catalogue.reason("number-taken", invoice_number=held.factuurnummer)
            pairs.append((replace(one, state="refused", reason=taken), None))
        return Matched(tuple(pairs), matched.others)

    def _booked_since(self, matched: Matched) -> set[str]:
        """The invoices of orders that were not to be booked when the shop was read: they were booked while we read."""
        late = [one.order_number for one, held in matched.pairs if held and one.not_due and one.kind == "sale"]
        return {
            row.verkoopboeking_id.casefold()
            for some in batched(late, _AT_ONCE, strict=False)
            for row in self.place.orders.known(list(some)).values()
            if row.verkoopboeking_id
        }


def _before_start(one: Expected) -> bool:
    """Whether an order is of before the connection: what stands in the books under its number somebody else booked."""
    return one.not_due and one.reason is not None and one.reason.code == "shop-before-start-date"


def _touched(one: Expected, moment: datetime | None) -> bool:
    return moment is not None and one.settled_at is not None and moment > one.settled_at
