"""The story of one order: claim, read, plan, customer, invoice, settle, record.

This file alone knows the order of events. Whatever stops an order on the way becomes its visible state, and
whatever repeats looks first at what an earlier run left behind.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from koppeling import backoff, catalogue, clock, partner
from koppeling.booking.decide import AskPayments, Ready, Skip, Waiting, decide
from koppeling.booking.plan import Plan, Settlement, plan, settlement
from koppeling.booking.vat import CENT
from koppeling.connections import Connection, Connections
from koppeling.customers import Customers
from koppeling.deadline import WRITE_SECONDS, Deadline
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable, Unknown, Unsettled
from koppeling.fingerprint import fingerprint
from koppeling.messages import OrderMessage
from koppeling.mijnwebwinkel.models import Order, Payments, ShopStatuses
from koppeling.orders import Booking, Busy, Claim, LeaseLost, OrderRow, Orders
from koppeling.settings import settings
from koppeling.snelstart import invoices, payments
from koppeling.snelstart.errors import NUMBER_EXISTS, RELATION_UNUSABLE, SnelStartRefused, UnknownId
from koppeling.snelstart.models import Chart
from koppeling.snelstart.payments import Payment
from koppeling.snelstart.relaties import Relatie
from koppeling.table import Table, table
from koppeling.telemetry import logger
from koppeling.workplace import Workplace

_BUSY_SECONDS = 3.0
_ZERO = Decimal(0)
_DOUBT_THE_CHART = ("account-", "journal-", "vat-")
"""Refusals that newer reference data may undo: an account made or repaired in SnelStart a minute ago."""

_OPERATORS = frozenset({"snelstart-subscription-key-refused", "shop-partner-token-refused", "shop-access-refused"})
"""Refusals that may be of a secret the operator has renewed meanwhile: read it anew."""

Effect = Literal["invoice", "settlement"]


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
            return None
        return _Run(rows, connection, claim, deadline, message).go()
    except Busy:
        return Later(_BUSY_SECONDS)
    except LeaseLost:
        logger.warning("another run took this order over", extra=_names(message))
        return Later(_BUSY_SECONDS)


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
        return None

    def _carry(self) -> None:
        if not self.message.order_number.isdigit():
            self.claim.skip(catalogue.reason("shop-test-order"), seen="")
            return
        self._look_for_earlier_invoice()
        if self.claim.row.verkoopboeking_id is None and not self._book():
            return
        self._settle()

    def _look_for_earlier_invoice(self) -> None:
        """An invoice was sent before and nobody knows how that ended: look, before anything is sent again."""
        row = self.claim.row
        if row.invoice is None or row.booking is None or row.verkoopboeking_id:
            return
        found = invoices.find(self.place.snelstart, row.booking.factuurnummer)
        if found:
            self._adopt(found, row.booking)
        elif not row.invoice.may_repeat(clock.now(), _settle_time()):
            wait = row.invoice.wait(clock.now(), _settle_time())
            raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), wait)

    def _adopt(self, found: invoices.Found, booking: Booking) -> None:
        """The number exists: ours by uuid and amount, or somebody else's and not to be touched."""
        if not found.is_of(booking.order_uuid):
            self.underway = "invoice"
            raise Refused(catalogue.reason("number-taken", invoice_number=booking.factuurnummer))
        if found.bedrag != booking.total:
            self.underway = "invoice"
            raise Refused(_differs("amount-booked-differs", booking, booked=found.bedrag))
        self.claim.found_booked(found.verkoopboeking_id)

    def _book(self) -> bool:
        """Read, plan, find the customer, send the invoice. False when there is nothing to book (yet)."""
        order = self._read()
        verdict, paid = self._decide(order)
        if isinstance(verdict, Skip):
            self.claim.skip(verdict.reason, seen=fingerprint(order))
            return False
        if isinstance(verdict, Waiting):
            self._wait(order, verdict.reason)
            return False
        planned = self._plan(order, self.place.charts.get(), paid)
        self._send_invoice(order, planned, paid)
        return True

    def _read(self) -> Order:
        order = self.place.shop.order(self.message.order_number)
        self.seen = fingerprint(order)
        return order

    def _decide(self, order: Order) -> tuple[Ready | Skip | Waiting, Payments | None]:
        statuses, profile = ShopStatuses(self.connection.statuses), self.connection.profile
        verdict, asked = decide(order, profile, statuses, None), None
        if isinstance(verdict, AskPayments):
            asked = self.place.shop.payments(order.number)
            verdict = decide(order, profile, statuses, asked)
        if isinstance(verdict, AskPayments):
            raise TypeError("the payments were asked for twice")
        if isinstance(verdict, Ready) and asked is None and order.payment is None:
            # Paid, but the order does not say how: the journal depends on it.
            asked = self.place.shop.payments(order.number)
        return verdict, asked

    def _wait(self, order: Order, reason: Reason) -> None:
        now = clock.now()
        since = datetime.fromisoformat(self.claim.row.first_waited_at or clock.iso(now))
        if now - order.placed_at > backoff.WAITING_GIVEN_UP:
            self.claim.skip(
                catalogue.reason("shop-unpaid-too-long", days=backoff.WAITING_GIVEN_UP.days), seen=fingerprint(order)
            )
            return
        self.claim.wait(
            reason,
            backoff.waiting_due(now, since),
            seen=fingerprint(order),
            total=str(order.total.quantize(CENT)),
            currency=order.currency,
        )

    def _plan(self, order: Order, chart: Chart, paid: Payments | None) -> Plan:
        try:
            return plan(order, self.connection.profile, chart, paid)
        except Refused as refused:
            newer = self.place.charts.renewed(chart) if refused.reason.code.startswith(_DOUBT_THE_CHART) else None
            if newer is None:
                raise
            return plan(order, self.connection.profile, newer, paid)

    def _send_invoice(self, order: Order, planned: Plan, paid: Payments | None) -> None:
        customer = self._customers().ensure(order)
        try:
            self._send(order, planned, customer)
        except SnelStartRefused as refused:
            if not RELATION_UNUSABLE.intersection(refused.codes):
                raise
            # The remembered customer was made inactive or is no customer any more: take or make another, once.
            self._customers().forget(order)
            self._send(order, planned, self._customers().ensure(order))
        except UnknownId:
            # An account, journal or customer is gone since we read about it: read anew and try once more.
            self._customers().forget(order)
            newer = self.place.charts.renewed(self.place.charts.get())
            again = plan(order, self.connection.profile, newer, paid) if newer else planned
            self._send(order, again, self._customers().ensure(order))

    def _send(self, order: Order, planned: Plan, customer: Relatie) -> None:
        booking = Booking(
            factuurnummer=planned.factuurnummer,
            order_uuid=order.uuid,
            total=planned.total,
            factuurdatum=planned.factuurdatum.isoformat(),
            relatie_id=customer.relatie_id,
            gateway=planned.settlement.gateway,
            method=planned.settlement.method,
        )
        self.deadline.demand(WRITE_SECONDS)
        self.claim.note(*planned.notes, *customer.notes)
        self.claim.sending_invoice(booking, currency=order.currency, seen=fingerprint(order))
        self.underway = "invoice"
        try:
            verkoopboeking_id = invoices.send(self.place.snelstart, planned, customer.relatie_id)
        except SnelStartRefused as refused:
            if NUMBER_EXISTS not in refused.codes:
                raise
            found = invoices.find(self.place.snelstart, booking.factuurnummer)
            if found is None:
                raise
            self._adopt(found, booking)
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
        amount, journal = booking.total, self.journal
        if journal is None:
            # An earlier run or a person may have settled it already.
            self.underway = None
            balance = self._open_balance(booking, verkoopboeking_id)
            if balance == _ZERO:
                self.claim.paid(row.payment_id)
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
        self.claim.paid(payment_id)

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
