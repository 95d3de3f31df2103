"""What would become of orders, and why: the story of `sync` told ahead, without a single write anywhere.

It reads the shop, the administration's reference data (always anew), our rows, and which invoice numbers are taken.
What SnelStart says only to a booking itself stays unknown: a closed period, a customer it does not take. Only its calls
to SnelStart are counted, as everybody's are.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from itertools import batched
from typing import Any

from koppeling import catalogue, clock, vies
from koppeling.booking.credit import Original, credit_plan, reversal
from koppeling.booking.decide import Credit, Ready, Skip, Waiting, taken_back
from koppeling.booking.plan import Plan, plan, settlement
from koppeling.charts import load
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable
from koppeling.foreseen import Invoice, Line, Outcome, Preview, Standing
from koppeling.messages import order_number
from koppeling.mijnwebwinkel.client import Placed, archived_choices
from koppeling.mijnwebwinkel.models import Order, Payments, ShapeError, ShopStatuses
from koppeling.order_row import OrderRow
from koppeling.snelstart import invoices, listing
from koppeling.snelstart.models import Chart
from koppeling.takeback import NotYet, Takeable, of_row, of_shop, original_of
from koppeling.verdict import Verdict, verdict_by, waited_too_long
from koppeling.workplace import Workplace

_AT_ONCE = 25
"""Orders whose invoice numbers are looked up in one call: calls to SnelStart are scarce."""

_ADOPTED = "Factuur {number} staat al in SnelStart en is van deze bestelling: zij wordt niet nog eens geboekt."

type Progress = Callable[[int, int], None]
"""Told after every few orders: how many were looked at, of how many."""


def preview_order(place: Workplace, number: str) -> Preview:
    """What would become of one order. Failures as the calls of `Shop` and `SnelStart.get`; `Refused` is an outcome."""
    row = place.orders.get(number)
    if not number.isdigit():
        return Preview(number, "skip", catalogue.reason("shop-test-order"), row=row)
    look = Look.begin(place)
    try:
        order = place.shop.order(number)
    except ConnectionRefused:
        raise
    except Refused as refused:
        return _unread(number, refused.reason, row)
    return look.up([look.at(order, row)])[0]


def preview_since(place: Workplace, start: date, end: date, progress: Progress | None = None) -> Iterator[Preview]:
    """What would become of the orders placed from `start` up to and including `end`, as they are read.

    By number, the archived ones last where the shop lists those apart. Failures as `preview_order`.
    """
    listing = place.connection.archived_listing
    if listing == "unknown":
        listing = place.shop.archived_listing()
    windows = [Placed(start, end, archived) for archived in archived_choices(listing)]
    counted = [(window, place.shop.count(window)) for window in windows]
    expected, done = sum(count for _, count in counted), 0
    look = Look.begin(place)
    listed = (raw for window, count in counted for raw in place.shop.orders(window, count))
    for raws in batched(listed, _AT_ONCE, strict=False):
        yield from look.up(look.over(raws))
        done += len(raws)
        if progress:
            progress(done, max(done, expected))


@dataclass(frozen=True, slots=True)
class Look:
    """One connection at this moment."""

    place: Workplace
    chart: Chart
    statuses: ShopStatuses
    read: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, place: Workplace) -> "Look":
        """Read the administration's reference data and the shop's statuses anew."""
        return cls(place, load(place.snelstart), ShopStatuses(place.shop.order_statuses()))

    def over(self, raws: Iterable[Mapping[str, Any]]) -> list[Preview]:
        """Orders as the shop lists them; one that moved between two pages comes once."""
        numbered = {order_number(raw.get("number")) or "?": raw for raw in raws}
        fresh = {number: raw for number, raw in numbered.items() if number not in self.read}
        self.read.update(fresh)
        rows = self.place.orders.known(list(fresh))
        return [self._parsed(number, raw, rows.get(number)) for number, raw in fresh.items()]

    def _parsed(self, number: str, raw: Mapping[str, Any], row: OrderRow | None) -> Preview:
        try:
            order = Order.parse(raw)
        except ShapeError as error:
            return _unread(number, catalogue.reason("shop-order-unreadable", field=str(error)), row)
        return self.at(order, row)

    def at(self, order: Order, row: OrderRow | None) -> Preview:
        """One order, but for what SnelStart knows of its invoice number."""
        if row and row.undone:
            return Preview(order.number, "skip", order=order, row=row, reason=row.reason)
        seen = Preview(order.number, "refuse", order=order, row=row)
        try:
            if row and _stands(row):
                return self._booked(order, row, seen)
            return self._ahead(order, row, seen)
        except ConnectionRefused:
            raise
        except Refused as refused:
            return replace(seen, reason=refused.reason)

    def up(self, previews: list[Preview]) -> list[Preview]:
        """The same, with what SnelStart has already under these numbers: ours, or another's and then refused.

        Refused as well is the credit of an invoice that it no longer has. Two calls at the most, and more for what is
        taken or not there.
        """
        taken = invoices.taken(self.place.snelstart, [one.sends.factuurnummer for one in previews if one.sends])
        back = {one.takes_back.factuurnummer: one.takes_back.verkoopboeking_id for one in previews if one.takes_back}
        there = invoices.open_balances(self.place.snelstart, back)
        found = [
            self._found(one, one.sends) if one.sends and one.sends.factuurnummer in taken else one for one in previews
        ]
        return [self._taking_back(one, one.takes_back, there) if one.takes_back else one for one in found]

    def _taking_back(self, seen: Preview, standing: Standing, there: Container[str]) -> Preview:
        number, booking_id = standing.factuurnummer, standing.verkoopboeking_id
        # Not under its number: renumbered, which is no reason to refuse, or gone.
        if booking_id in there or listing.detail(self.place.snelstart, booking_id, "") is not None:
            return seen
        return replace(seen, outcome="refuse", reason=catalogue.reason("number-gone", invoice_number=number))

    def _found(self, seen: Preview, planned: Plan) -> Preview:
        number, total = planned.factuurnummer, planned.total
        found = invoices.find(self.place.snelstart, number)
        if found is None or seen.order is None:
            return seen
        if not found.is_of(seen.order.uuid):
            return replace(seen, outcome="refuse", reason=catalogue.reason("number-taken", invoice_number=number))
        if found.bedrag != total:
            expected, booked = catalogue.euro(total), catalogue.euro(found.bedrag)
            differs = catalogue.reason("amount-booked-differs", invoice_number=number, expected=expected, booked=booked)
            return replace(seen, outcome="refuse", reason=differs)
        return replace(seen, notes=(*seen.notes, _ADOPTED.format(number=number)))

    def _booked(self, order: Order, row: OrderRow, seen: Preview) -> Preview:
        """An order whose invoice is there: planned anew to tell why it was booked so, or taken back."""
        booking, profile = row.booking, self.place.connection.profile
        if booking and row.state == "booked" and booking.total:
            # Refused, this is what keeps it from being settled.
            settlement(booking.gateway, booking.method, profile, self.chart)
        try:
            _, paid = self._verdict(order)
            if row.state == "paid" and self._back(order, paid) and not (order.credit_order_numbers or row.credited_by):
                return self._reversed(order, row, seen, paid)
            planned = self._as_booked(order, row, paid)
        except ConnectionRefused:
            raise
        except Refused as refused:
            return replace(seen, outcome="booked", reason=refused.reason, notes=row.notes)
        return replace(seen, outcome="booked", invoice=planned, notes=row.notes)

    def _back(self, order: Order, paid: Payments | None) -> bool:
        return taken_back(order, self.place.connection.profile, self.statuses, paid)

    def _as_booked(self, order: Order, row: OrderRow, paid: Payments | None) -> Invoice | None:
        booking = row.booking
        if booking and booking.kind == "credit":
            original = self._original(booking.of)
            original = original.original if isinstance(original, Takeable) else original
            return self._credit(order, original) if isinstance(original, Original) else None
        if paid is None and order.payment is None and order.total:
            paid = self.place.shop.payments(order.number)
        return self._invoice(plan(order, self.place.connection.profile, self.chart, paid))

    def _ahead(self, order: Order, row: OrderRow | None, seen: Preview) -> Preview:
        """An order that is not in the books, or whose taking back is under way."""
        verdict, paid = self._verdict(order)
        if row and row.reversing:
            if self._back(order, paid) and not order.credit_order_numbers:
                return self._reversed(order, row, seen, paid)
            return replace(seen, outcome="booked", notes=row.notes)
        match verdict:
            case Skip(reason):
                return replace(seen, outcome="skip", reason=reason)
            case Waiting(reason):
                return _waiting(order, seen, reason)
            case Credit(of):
                return self._crediting(order, of, seen)
            case Ready():
                planned = plan(order, self.place.connection.profile, self.chart, paid)
                return self._proven(_as(seen, "book", self._invoice(planned)), planned)

    def _crediting(self, order: Order, of: str, seen: Preview) -> Preview:
        original = self._original(of)
        match original:
            case Takeable(original=booked, verkoopboeking_id=booking_id):
                back = Standing(booked.factuurnummer, booking_id)
                return replace(_as(seen, "credit", self._credit(order, booked)), takes_back=back)
            case Original():
                return _as(seen, "credit", self._credit(order, original))
            case Skip(reason):
                return replace(seen, outcome="skip", reason=reason)
            case NotYet(reason=reason):
                return _waiting(order, seen, reason, of)

    def _proven(self, seen: Preview, planned: Plan) -> Preview:
        """As `sync` does before VAT is reverse-charged: ask VIES, where this deployment asks it."""
        if planned.regime != "reverse_charge" or planned.vat_number is None:
            return seen
        try:
            answer = vies.check(planned.vat_number)
        except Refused as refused:
            return replace(seen, outcome="refuse", reason=refused.reason)
        except Unavailable as unavailable:
            return replace(seen, outcome="again", reason=unavailable.reason)
        return replace(seen, notes=(*seen.notes, answer.as_note())) if answer else seen

    def _reversed(self, order: Order, row: OrderRow, seen: Preview, paid: Payments | None) -> Preview:
        sale = row.own_sale()
        if sale is None:
            raise TypeError("an order to take back that was never booked")
        today = clock.now().astimezone(clock.AMSTERDAM).date()
        original = original_of(order.number, sale)
        planned = reversal(order, original, self.place.connection.profile, self.chart, paid, on=today)
        back = Standing(original.factuurnummer, sale.verkoopboeking_id)
        return replace(_as(seen, "credit", self._invoice(planned)), takes_back=back)

    def _credit(self, order: Order, original: Original) -> Invoice:
        paid = None if original.gateway else self.place.shop.payments(original.order_number)
        return self._invoice(credit_plan(order, original, self.place.connection.profile, self.chart, paid))

    def _original(self, number: str) -> Takeable | Original | NotYet | Skip:
        """What a credit order takes back: as booked, or as it would be booked before it."""
        row = self.place.orders.get(number)
        found = of_row(row) if row else None
        if isinstance(found, Takeable | Skip):
            return found
        try:
            order = self.place.shop.order(number)
            verdict, paid = self._verdict(order)
        except ConnectionRefused:
            raise
        except Refused as refused:
            if refused.reason.code != "shop-order-not-found":
                return NotYet(catalogue.reason("shop-credit-waits", of=number), queue=True)
            return of_shop(number, None)
        if not isinstance(verdict, Ready):
            return of_shop(number, None if isinstance(verdict, Credit) else verdict)
        try:
            planned = plan(order, self.place.connection.profile, self.chart, paid)
        except Refused:
            return of_shop(number, verdict)
        way = planned.settlement
        return Original(number, planned.factuurnummer, planned.factuurdatum, planned.total, way.gateway, way.method)

    def _verdict(self, order: Order) -> tuple[Verdict, Payments | None]:
        return verdict_by(self.place, order, self.statuses)

    def _invoice(self, planned: Plan) -> Invoice:
        journal = self.chart.journals.get(planned.settlement.dagboek_nummer)
        lines = tuple(
            Line(
                omschrijving=regel.omschrijving,
                grootboek_nummer=regel.grootboek_nummer,
                grootboek_omschrijving=self.chart.accounts[regel.grootboek_nummer].omschrijving,
                bedrag=regel.bedrag,
                btw_soort=regel.btw_soort,
            )
            for regel in planned.regels
        )
        return Invoice(planned, lines, journal.omschrijving if journal else "")


def _unread(number: str, reason: Reason, row: OrderRow | None) -> Preview:
    """An order the shop does not show; in the books it stays what it was."""
    booked = row is not None and row.verkoopboeking_id is not None
    return Preview(number, "booked" if booked else "refuse", reason, row=row)


def _as(seen: Preview, outcome: Outcome, invoice: Invoice) -> Preview:
    return replace(seen, outcome=outcome, invoice=invoice, notes=invoice.plan.notes)


def _waiting(order: Order, seen: Preview, reason: Reason, of: str = "") -> Preview:
    waited_since = seen.row.first_waited_at if seen.row else None
    since = datetime.fromisoformat(waited_since) if waited_since else clock.now()
    given_up = waited_too_long(order, since, of)
    if given_up:
        return replace(seen, outcome="skip", reason=given_up)
    return replace(seen, outcome="waiting", reason=reason)


def _stands(row: OrderRow) -> bool:
    """Whether the invoice this order calls for is in the books: its own, or the one that takes it back."""
    to_reverse = row.reversing and row.booking is not None and row.booking.kind == "sale"
    return row.verkoopboeking_id is not None and not to_reverse
