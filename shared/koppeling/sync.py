"""The story of one order: claim, read, plan, customer, invoice, settle, record.

This file alone knows the order of events. Whatever stops an order on the way becomes its visible state, and
whatever repeats looks first at what an earlier run left behind.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from koppeling import backoff, catalogue, clock, partner, vies
from koppeling.booking.credit import credit_plan, reversal
from koppeling.booking.decide import Credit, Ready, Skip, Waiting
from koppeling.booking.periods import first_open_days
from koppeling.booking.plan import Plan, Settlement, plan, settlement
from koppeling.booking.vat import CENT
from koppeling.connections import Connection, Connections
from koppeling.customers import Customers
from koppeling.deadline import WRITE_SECONDS, Deadline
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable, Unknown, Unsettled
from koppeling.fingerprint import UNREADABLE, fingerprint
from koppeling.messages import OrderMessage
from koppeling.mijnwebwinkel.models import Order, Payments
from koppeling.orders import Booking, Busy, Claim, Kind, LeaseLost, OrderRow, Orders
from koppeling.settings import settings
from koppeling.snelstart import invoices, payments
from koppeling.snelstart.errors import NUMBER_EXISTS, RELATION_UNUSABLE, SnelStartRefused, UnknownId
from koppeling.snelstart.models import Chart
from koppeling.snelstart.payments import Payment
from koppeling.snelstart.relaties import Relatie
from koppeling.table import Table, table
from koppeling.takeback import NotYet, Takeable, of_row, of_shop, original_of
from koppeling.telemetry import logger
from koppeling.verdict import Verdict, queue_orders, verdict_on, was_taken_back
from koppeling.workplace import Workplace

_BUSY_SECONDS = 3.0
_ASK_AGAIN_SECONDS = 60.0
_ZERO = Decimal(0)
_DOUBT_THE_CHART = ("account-", "journal-", "vat-", "oss-")
"""Refusals that newer reference data may undo: an account made or repaired in SnelStart a minute ago."""

_OPERATORS = frozenset({"snelstart-subscription-key-refused", "shop-partner-token-refused", "shop-access-refused"})
"""Refusals that may be of a secret the operator has renewed meanwhile: read it anew."""

_SKIPPED = frozenset({"period-too-old"})
"""Refusals of SnelStart that nobody needs to act on: more than five years before the book year."""

_ALONE = frozenset({"reverse_charge", "oss"})
"""Regimes that SnelStart allows by who the customer is and where: not for a relatie that stands for many."""

_CLOSED = frozenset({"period-blocked", "period-vat-filed", "period-accountant-lock"})
_MOST_DAYS = 13
"""A year of months and today: every try is a call, and what is further back is closed all the more."""

_ORIGINAL_SOON, _ORIGINAL_SECONDS = timedelta(minutes=10), 20.0
"""A credit order that came before its original looks for it every so often at first, then with the poll."""

Effect = Literal["invoice", "settlement"]
Draw = Callable[[Chart, date | None], Plan]
"""A plan, given the administration's reference data and, out of a closed period, another date in the books."""


@dataclass(frozen=True, slots=True)
class Later:
    """The message is to come back after this many seconds."""

    seconds: float


def sync_order(message: OrderMessage, deadline: Deadline) -> Later | None:
    """Bring one order as far as it will go. None: done with this message; the order's row says what became of it.

    Raises `Unavailable` only when not even the row could be written.
    """
    rows = table()
    connection = Connections(rows).get(message.connection_id)
    if connection is None:
        logger.info("order of a connection that is gone", extra=_names(message))
        return None
    orders = Orders(rows, connection.id)
    if connection.paused:
        orders.keep(message.order_number, message.received_at)
        return None
    try:
        claim = orders.claim(message.order_number, message.received_at)
        if isinstance(claim, OrderRow):
            return _look_again(Workplace.open(rows, connection), claim, deadline, message)
        return _Run(rows, connection, claim, deadline, message).go()
    except Busy:
        return Later(_BUSY_SECONDS)
    except LeaseLost:
        logger.warning("another run took this order over", extra=_names(message))
        return Later(_BUSY_SECONDS)


def _look_again(place: Workplace, row: OrderRow, deadline: Deadline, message: OrderMessage) -> Later | None:
    """A finished order was announced once more: nothing to do, unless it changed in the shop."""
    if row.booking and row.booking.of:
        # The run that settled a credit order may have died before it looked at the original.
        place.orders.taken_back(row.booking.of)
        return None
    if row.state == "paid" and row.reversing:
        # A run died while it took this order back: its invoice may be in the books.
        return _Run(place.table, place.connection, place.orders.reopen(row.number), deadline, message).go()
    if row.state == "credited" and row.sale is None:
        return None
    return _look_in_shop(place, row, deadline, message)


def _look_in_shop(place: Workplace, row: OrderRow, deadline: Deadline, message: OrderMessage) -> Later | None:
    try:
        order = place.shop.order(row.number)
        verdict, asked = verdict_on(place, order)
        back = was_taken_back(place, order, asked)
    except ConnectionRefused as refused:
        place.connection_refused(refused)
        return Later(_ASK_AGAIN_SECONDS)
    except Unavailable:
        return Later(_ASK_AGAIN_SECONDS)
    except Refused:
        # It no longer says anything that could change what is in the books.
        return None
    if row.state == "paid" and back and not order.credit_order_numbers and not row.credited_by:
        return _Run(place.table, place.connection, place.orders.reopen(row.number), deadline, message).go()
    if fingerprint(order) != row.seen:
        queue_orders(place, order.credit_order_numbers)
        place.orders.saw(row.number, fingerprint(order), _changed(row, order, verdict, back=back))
    return None


def _changed(row: OrderRow, order: Order, verdict: Verdict, *, back: bool) -> Reason | None:
    """What somebody should know of an order that no longer is what was booked, and that nothing here may touch."""
    sale = row.own_sale()
    if row.sale and isinstance(verdict, Ready):
        return catalogue.reason("shop-restored")
    if sale and not back and order.total != sale.booking.total:
        return _differs("amount-booked-differs", replace(sale.booking, total=order.total), booked=sale.booking.total)
    return None


@dataclass(frozen=True, slots=True)
class _Draft:
    """An invoice about to be sent: what it holds, on whom, and what it is to the order."""

    order: Order
    plan: Plan
    customer: Relatie
    kind: Kind = "sale"
    of: str = ""


@dataclass(slots=True)
class _Run:
    """One order under our lease."""

    table: Table
    connection: Connection
    claim: Claim
    deadline: Deadline
    message: OrderMessage
    seen: str | None = None
    underway: Effect | None = None
    """The effect whose call is out right now: what an answer that it was not carried out takes the mark of."""
    journal: Settlement | None = None
    """Set straight after our own invoice: then nobody can have settled it yet."""
    later: Later | None = None
    _place: Workplace | None = field(default=None, init=False)

    @property
    def place(self) -> Workplace:
        if self._place is None:
            self._place = Workplace.open(self.table, self.connection)
        return self._place

    def go(self) -> Later | None:
        """Carry the order, and turn whatever stops it into its state."""
        try:
            self._carry()
        except Refused as refused:
            return self._refused(refused)
        except Unsettled as unsettled:
            return self._failed(unsettled.reason, at_most=unsettled.retry_after)
        except Unavailable as unavailable:
            if unavailable.reason.code in _OPERATORS:
                partner.forget()
            return self._failed(unavailable.reason, at_least=unavailable.retry_after, forget=self.underway)
        except Unknown as unknown:
            answered = self.underway if unknown.answered else None
            return self._failed(unknown.reason, at_least=unknown.retry_after, answered=answered)
        except LeaseLost:
            raise
        except Exception:
            # A mistake of ours: the order shows it, its marks stay, and the error goes on to the log and the alarm.
            self.claim.fail(catalogue.reason("koppeling-error"), backoff.due(clock.now(), self.claim.row.attempts + 1))
            raise
        return self.later

    def _carry(self) -> None:
        number = self.message.order_number
        if not number.isdigit():
            is_test = number.endswith("T") and number[:-1].isdigit()
            self.claim.skip(catalogue.reason("shop-test-order" if is_test else "shop-number-unknown"), seen="")
            return
        self._look_for_earlier_invoice()
        if self._to_be_sent() and not self._book():
            return
        self._settle()
        booking = self.claim.row.booking
        if booking and booking.of:
            self.place.orders.taken_back(booking.of)

    def _to_be_sent(self) -> bool:
        row = self.claim.row
        sale_stands = row.booking is not None and row.booking.kind == "sale"
        return row.verkoopboeking_id is None or (row.reversing and sale_stands)

    def _look_for_earlier_invoice(self) -> None:
        """An invoice was sent before and nobody knows how that ended: look, before anything is sent again."""
        row = self.claim.row
        if row.invoice is None or row.booking is None or row.verkoopboeking_id:
            return
        found = invoices.find(self.place.snelstart, row.booking.factuurnummer)
        if found:
            self._adopt(found, row.booking, by_us=True)
        elif not row.invoice.may_repeat(clock.now(), _settle_time()):
            wait = row.invoice.wait(clock.now(), _settle_time())
            raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), wait)

    def _adopt(self, found: invoices.Found, booking: Booking, *, by_us: bool) -> None:
        """The number exists: ours by uuid and amount, or somebody else's and not to be touched."""
        if not found.is_of(booking.order_uuid):
            self.underway = "invoice"
            raise Refused(catalogue.reason("number-taken", invoice_number=booking.factuurnummer))
        if found.bedrag != booking.total:
            self.underway = "invoice"
            raise Refused(_differs("amount-booked-differs", booking, booked=found.bedrag))
        self.claim.found_booked(found.verkoopboeking_id, by_us=by_us)

    def _book(self) -> bool:
        """Read, plan, find the customer, send the invoice. False when there is nothing to book (yet)."""
        order = self._read()
        verdict, paid = verdict_on(self.place, order)
        if self.claim.row.reversing:
            return self._reverse(order, paid)
        if isinstance(verdict, Credit):
            return self._book_credit(order, verdict)
        if isinstance(verdict, Skip):
            self.claim.skip(verdict.reason, seen=fingerprint(order))
            return False
        if isinstance(verdict, Waiting):
            self._wait(order, verdict.reason)
            return False
        profile = self.connection.profile
        self._send_invoice(order, lambda chart, day: plan(order, profile, chart, paid, booked_on=day))
        return True

    def _read(self) -> Order:
        try:
            order = self.place.shop.order(self.message.order_number)
        except Refused as refused:
            if refused.reason.code == "shop-order-unreadable":
                self.seen = UNREADABLE
            raise
        self.seen = fingerprint(order)
        self.claim.stated(total=str(order.total.quantize(CENT)), currency=order.currency)
        return order

    def _book_credit(self, credit: Order, verdict: Credit) -> bool:
        """Take back a part of another order, on its relatie and through the journal it was paid in."""
        found = self._original(verdict.of)
        if isinstance(found, Skip):
            self.claim.skip(found.reason, seen=fingerprint(credit))
            return False
        if isinstance(found, NotYet):
            if found.queue:
                queue_orders(self.place, (verdict.of,))
            self._wait(credit, found.reason)
            if self._waits_since() > clock.now() - _ORIGINAL_SOON:
                self.later = Later(_ORIGINAL_SECONDS)
            return False
        asked = None if found.original.gateway else self.place.shop.payments(verdict.of)
        profile = self.connection.profile

        def draw(chart: Chart, day: date | None) -> Plan:
            return credit_plan(credit, found.original, profile, chart, asked, booked_on=day)

        planned = self._plan(draw)
        if -planned.total > found.original.total:
            total, booked = catalogue.euro(-planned.total), catalogue.euro(found.original.total)
            raise Refused(catalogue.reason("amount-credit-exceeds", total=total, booked=booked))
        self.place.orders.credit(verdict.of, credit.number)
        self._send_on_open_day(_Draft(credit, planned, Relatie(found.relatie_id), "credit", verdict.of), draw)
        return True

    def _original(self, number: str) -> Takeable | NotYet | Skip:
        row = self.place.orders.get(number)
        if row is not None:
            return of_row(row)
        try:
            verdict, _ = verdict_on(self.place, self.place.shop.order(number))
        except ConnectionRefused:
            raise
        except Refused as refused:
            if refused.reason.code != "shop-order-not-found":
                # Queued, so that its own row says what somebody must do.
                return NotYet(catalogue.reason("shop-credit-waits", of=number), queue=True)
            verdict = None
        return of_shop(number, None if isinstance(verdict, Credit) else verdict)

    def _reverse(self, order: Order, paid: Payments | None) -> bool:
        """Take back the whole of an order that was cancelled or refunded after its booking."""
        sale = self.claim.row.own_sale()
        if sale is None:
            raise TypeError("an order to take back that was never booked")
        if order.credit_order_numbers or not was_taken_back(self.place, order, paid):
            # Restored in the shop, or taken back there by credit orders, before anything of ours was booked.
            queue_orders(self.place, order.credit_order_numbers)
            self.claim.stay_paid(seen=fingerprint(order))
            return False
        today = clock.now().astimezone(clock.AMSTERDAM).date()
        original = original_of(order.number, sale)
        profile = self.connection.profile
        planned = self._plan(lambda chart, _: reversal(order, original, profile, chart, paid, on=today))
        self._send(_Draft(order, planned, Relatie(sale.booking.relatie_id), "reversal"))
        return True

    def _wait(self, order: Order, reason: Reason) -> None:
        now = clock.now()
        if now - order.placed_at > backoff.WAITING_GIVEN_UP:
            self.claim.skip(
                catalogue.reason("shop-unpaid-too-long", days=backoff.WAITING_GIVEN_UP.days), seen=fingerprint(order)
            )
            return
        self.claim.wait(
            reason,
            backoff.waiting_due(now, self._waits_since()),
            seen=fingerprint(order),
            total=str(order.total.quantize(CENT)),
            currency=order.currency,
        )

    def _waits_since(self) -> datetime:
        return datetime.fromisoformat(self.claim.row.first_waited_at or clock.iso(clock.now()))

    def _plan(self, draw: Draw) -> Plan:
        chart = self.place.charts.get()
        try:
            return draw(chart, None)
        except Refused as refused:
            newer = self.place.charts.renewed(chart) if refused.reason.code.startswith(_DOUBT_THE_CHART) else None
            if newer is None:
                raise
            return draw(newer, None)

    def _send_invoice(self, order: Order, draw: Draw) -> None:
        planned = self._plan(draw)
        evidence = self._proven(planned)
        self.claim.note(*evidence)
        customer = self._customer(order, planned)
        try:
            self._send_on_open_day(_Draft(order, planned, customer), draw)
        except SnelStartRefused as refused:
            if not RELATION_UNUSABLE.intersection(refused.codes):
                raise
            # The remembered customer was made inactive or is no customer any more: take or make another, once.
            self._customers().forget(order, alone=_alone(planned))
            self._send_on_open_day(_Draft(order, planned, self._customer(order, planned)), draw)
        except UnknownId:
            # An account, journal or customer is gone since we read about it: read anew and try once more.
            self._customers().forget(order, alone=_alone(planned))
            newer = self.place.charts.renewed(self.place.charts.get())
            planned = draw(newer, None) if newer else planned
            self._send_on_open_day(_Draft(order, planned, self._customer(order, planned)), draw)

    def _customer(self, order: Order, planned: Plan) -> Relatie:
        return self._customers().ensure(order, planned.vat_number, alone=_alone(planned))

    def _proven(self, planned: Plan) -> tuple[str, ...]:
        """Before VAT is reverse-charged: what VIES says of the customer's number, where that is asked for."""
        if planned.regime != "reverse_charge" or planned.vat_number is None:
            return ()
        answer = vies.check(planned.vat_number)
        return (answer.as_note(),) if answer else ()

    def _send_on_open_day(self, draft: _Draft, draw: Draw) -> None:
        """Send; out of a closed period to the first open day, where the profile allows that."""
        try:
            self._send(draft)
        except SnelStartRefused as closed:
            if closed.reason.code not in _CLOSED or self.connection.profile.closed_period != "first-open-day":
                raise
            refused = closed
        else:
            return
        today = clock.now().astimezone(clock.AMSTERDAM).date()
        for day in first_open_days(draft.plan.factuurdatum, today)[-_MOST_DAYS:]:
            try:
                self._send(replace(draft, plan=draw(self.place.charts.get(), day)))
            except SnelStartRefused as closed:
                if closed.reason.code not in _CLOSED:
                    raise
                refused = closed
            else:
                return
        raise refused

    def _send(self, draft: _Draft) -> None:
        order, planned, customer = draft.order, draft.plan, draft.customer
        booking = Booking(
            factuurnummer=planned.factuurnummer,
            order_uuid=order.uuid,
            total=planned.total,
            factuurdatum=planned.factuurdatum.isoformat(),
            relatie_id=customer.relatie_id,
            gateway=planned.settlement.gateway,
            method=planned.settlement.method,
            kind=draft.kind,
            of=draft.of,
        )
        self.deadline.demand(WRITE_SECONDS)
        notes = (*planned.notes, *customer.notes)
        if draft.kind == "reversal":
            notes = (f"Teruggeboekt met factuur {planned.factuurnummer}.", *notes)
        self.claim.sending_invoice(booking, currency=order.currency, seen=fingerprint(order), notes=notes)
        self.underway = "invoice"
        try:
            verkoopboeking_id = invoices.send(self.place.snelstart, planned, customer.relatie_id)
        except SnelStartRefused as refused:
            if NUMBER_EXISTS not in refused.codes:
                raise
            # An invoice of this number is there, ours perhaps: the mark stays until it has been looked at.
            self.underway = None
            found = invoices.find(self.place.snelstart, booking.factuurnummer)
            if found is None:
                self.underway = "invoice"
                raise
            self._adopt(found, booking, by_us=False)
            return
        self.underway = None
        self.claim.booked(verkoopboeking_id)
        self.journal = planned.settlement

    def _settle(self) -> None:
        """Book the payment, so that the open balance is 0."""
        row = self.claim.row
        booking, verkoopboeking_id = row.booking, row.verkoopboeking_id
        if booking is None or verkoopboeking_id is None:
            raise TypeError("a booked order without its booking")
        if booking.total == _ZERO:
            # Paid whole by gift card: there is nothing to settle.
            self.claim.settled(None)
            return
        amount, journal = booking.total, self.journal
        if journal is None:
            # An earlier run or a person may have settled it already.
            self.underway = None
            balance = self._open_balance(booking, verkoopboeking_id)
            if balance == _ZERO:
                self.claim.settled(row.payment_id)
                return
            # The profile of today: an owner who was told that a journal would not do has chosen another.
            chart, profile = self.place.charts.get(), self.connection.profile
            amount, journal = balance, settlement(booking.gateway, booking.method, profile, chart)
            self.claim.sending_settlement()
        self.underway = "settlement"
        self.deadline.demand(WRITE_SECONDS)
        payment = Payment(verkoopboeking_id, booking.factuurnummer, booking.factuurdatum, amount)
        payment_id = payments.send(self.place.snelstart, payment, journal, clock.now())
        self.underway = None
        self.claim.settled(payment_id)

    def _open_balance(self, booking: Booking, verkoopboeking_id: str) -> Decimal:
        """What is open of the invoice, when that is a settlement we may send now."""
        balance = invoices.open_balance(self.place.snelstart, booking.factuurnummer, verkoopboeking_id)
        if balance is None:
            raise Refused(catalogue.reason("number-gone", invoice_number=booking.factuurnummer))
        mark = self.claim.row.settlement
        if balance != _ZERO and mark and not mark.may_repeat(clock.now(), _settle_time()):
            raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), mark.wait(clock.now(), _settle_time()))
        if not _ZERO <= balance / booking.total <= 1:
            raise Refused(_differs("amount-open-differs", booking, open=balance))
        return balance

    def _customers(self) -> Customers:
        self.deadline.demand(WRITE_SECONDS)
        place = self.place
        return Customers(
            place.table,
            self.connection.id,
            self.connection.profile,
            place.credentials,
            place.snelstart,
            place.charts.get,
        )

    def _refused(self, refused: Refused) -> Later | None:
        if isinstance(refused, ConnectionRefused):
            otherwise = self.place.connection_refused(refused)
            if otherwise is not None:
                return self._failed(otherwise, forget=self.underway)
        if refused.reason.code in _SKIPPED:
            self.claim.skip(refused.reason, seen=self.seen or "")
        else:
            self.claim.refuse(refused.reason, seen=self.seen, forget=self.underway)
        self._log(refused.reason)
        return None

    def _failed(
        self,
        reason: Reason,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        answered: Effect | None = None,
        forget: Effect | None = None,
    ) -> Later | None:
        attempts = self.claim.row.attempts + 1
        self.claim.fail(reason, backoff.due(clock.now(), attempts), answered=answered, forget=forget)
        self._log(reason)
        seconds = backoff.in_queue(attempts)
        if at_most is not None:
            return Later(min(at_most + 0.5, seconds or at_most))
        if seconds is None:
            return None
        return Later(max(seconds, at_least or 0.0))

    def _log(self, reason: Reason) -> None:
        logger.warning(
            "order stands still",
            extra=_names(self.message) | {"state": self.claim.row.state, "code": reason.code, "whose": reason.whose},
        )


def _alone(planned: Plan) -> bool:
    return planned.regime in _ALONE or planned.vat_number is not None


def _differs(code: str, booking: Booking, **found: Decimal) -> Reason:
    amounts = {name: catalogue.euro(amount) for name, amount in found.items()}
    expected = catalogue.euro(booking.total)
    return catalogue.reason(code, invoice_number=booking.factuurnummer, expected=expected, **amounts)


def _settle_time() -> timedelta:
    return timedelta(seconds=settings().settle_seconds)


def _names(message: OrderMessage) -> dict[str, str]:
    return {
        "connection_id": message.connection_id,
        "order_number": message.order_number,
        "cause": message.cause,
        "trace": message.trace,
    }
