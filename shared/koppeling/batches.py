"""Settling many invoices of an import in one booking per journal and day: once, also when no answer comes.

Where a day has few, the days of a month go together, dated on the last of them: calls are the scarce good.

Every order of a batch is marked before the batch is sent, as an order settled by itself is, so a live run that meets
one of them waits and looks, and sends nothing. SnelStart books a batch whole or not at all.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from koppeling import catalogue, clock, queues
from koppeling.booking.plan import Settlement, settlement
from koppeling.failures import ConnectionRefused, Refused, Throttled, Unavailable, Unknown, Unsettled
from koppeling.imports import Batch, Open, Run
from koppeling.ledger import Mark
from koppeling.messages import OrderMessage
from koppeling.order_row import SettledIn
from koppeling.settings import settings
from koppeling.snelstart import invoices, payments
from koppeling.snelstart.payments import Payment
from koppeling.workplace import Workplace

MOST = 100
"""Invoices in one booking."""

ENOUGH = 50
"""As many of one journal and day are settled before the day is over in the list."""

A_DAY = 8
"""From as many on a day has a booking of its own: then it costs an order an eighth of a call at the most."""

_AT_MOST_OPEN = 400
_ZERO = Decimal(0)
_WRITERS = 8

Save = Callable[[Run], Run]
"""Write where the run stands and hand it back; raises when another worker has it."""


@dataclass(frozen=True, slots=True)
class Batches:
    """The payments of one run."""

    place: Workplace
    save: Save

    def settle(self, run: Run, *, everything: bool = False) -> Run:
        """Settle what is worth a booking by now. Raises `Unavailable` and its kinds, `ConnectionRefused`."""
        run = self._finish(run)
        while invoices_ := self._next(run.unsettled, everything=everything):
            run = self._send(self._begin(run, invoices_))
        return run

    def _next(self, open_: Iterable[Open], *, everything: bool) -> tuple[Open, ...]:
        """What goes into one booking now: a large day; else, when too much is open, a day or the days of a month."""
        months: dict[tuple[str, str], list[Open]] = defaultdict(list)
        for invoice in open_:
            months[self._journal(invoice), invoice.factuurdatum[:7]].append(invoice)
        if not months:
            return ()
        too_many = sum(map(len, months.values())) > _AT_MOST_OPEN
        day = max((_largest_day(month) for month in months.values()), key=len)
        if len(day) >= (A_DAY if everything or too_many else ENOUGH):
            return tuple(day[:MOST])
        fullest = max(months.values(), key=len)
        return tuple(sorted(fullest, key=_by_date)[:MOST]) if everything or too_many else ()

    def _journal(self, invoice: Open) -> str:
        try:
            return self._settlement(invoice).dagboek_id
        except Refused:
            # Its own run says which journal will not do.
            return ""

    def _settlement(self, invoice: Open) -> Settlement:
        return settlement(invoice.gateway, invoice.method, self.place.connection.profile, self.place.charts.get())

    def _begin(self, run: Run, chosen: tuple[Open, ...]) -> Run:
        rest = tuple(invoice for invoice in run.unsettled if invoice not in chosen)
        return self.save(replace(run, unsettled=rest, sending=Batch(f"KOP{uuid.uuid4().hex[:12]}", chosen)))

    def _finish(self, run: Run) -> Run:
        """A batch was on its way when the run last stopped: look how that ended, and send it again if it did not."""
        batch = run.sending
        if batch is None:
            return run
        if batch.sent_at is None:
            return self._send(run)
        numbers = {invoice.factuurnummer: invoice.verkoopboeking_id for invoice in batch.invoices}
        balances = invoices.open_balances(self.place.snelstart, numbers)
        settled = [one for one in batch.invoices if balances.get(one.verkoopboeking_id) == _ZERO]
        if len(settled) == len(batch.invoices):
            return self._done(run, batch, None)
        mark = Mark(datetime.fromisoformat(batch.sent_at))
        settle = timedelta(seconds=settings().settle_seconds)
        if not mark.may_repeat(clock.now(), settle):
            raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), mark.wait(clock.now(), settle))
        # It never arrived. What is settled all the same was settled by a person; what is gone says so in its own run.
        for one in settled:
            self.place.orders.settled_in_batch(one.number, batch.id, None)
        left = tuple(one for one in batch.invoices if balances.get(one.verkoopboeking_id) == one.amount)
        return self._send(replace(run, sending=replace(batch, invoices=left, sent_at=None)))

    def _send(self, run: Run) -> Run:
        """Mark every order, then the batch, then send it."""
        batch = run.sending
        if batch is None:
            raise TypeError("no batch to send")
        if self.place.connection.twin_since:
            # The shop was connected a second time since: each looks for itself.
            return self._left_to_themselves(run, batch.invoices)
        batch_id = batch.id
        with ThreadPoolExecutor(_WRITERS) as writers:
            marked = list(writers.map(lambda one: self.place.orders.mark_batch(one.number, batch_id), batch.invoices))
        # Those another run has begun to settle are left to it.
        ours = tuple(one for one, is_ours in zip(batch.invoices, marked, strict=True) if is_ours)
        if not ours:
            return self.save(replace(run, sending=None))
        batch = replace(batch, invoices=ours, sent_at=clock.iso(clock.now()))
        try:
            journal = self._settlement(ours[0])
            settled_in = SettledIn(journal.dagboek_nummer, journal.dagboek_id, payments.day_of(map(_payment, ours)))
            batch = replace(batch, settled_in=settled_in)
            run = self.save(replace(run, sending=batch))
            payment_id = payments.send_together(
                self.place.snelstart, [_payment(one) for one in ours], journal, batch.id
            )
        except Unknown as unknown:
            if unknown.answered:
                self.save(replace(run, sending=replace(batch, sent_at=None)))
                raise Throttled(unknown.reason, unknown.retry_after) from unknown
            raise Unsettled(unknown.reason, float(settings().settle_seconds)) from unknown
        except (Unavailable, ConnectionRefused):
            # Certainly not sent.
            self.save(replace(run, sending=replace(batch, sent_at=None)))
            raise
        except Refused:
            # Certainly not booked: each order tries by itself and says what is the matter.
            return self._left_to_themselves(run, ours)
        return self._done(replace(run, batches=run.batches + 1), batch, payment_id)

    def _left_to_themselves(self, run: Run, open_: Iterable[Open]) -> Run:
        queues.send_orders(settings().backlog_queue_url, (self._by_itself(one) for one in open_))
        return self.save(replace(run, sending=None))

    def _by_itself(self, invoice: Open) -> OrderMessage:
        return OrderMessage(self.place.connection.id, invoice.number, "import", clock.now(), uuid.uuid4().hex)

    def _done(self, run: Run, batch: Batch, payment_id: str | None) -> Run:
        def paid(invoice: Open) -> None:
            self.place.orders.settled_in_batch(invoice.number, batch.id, payment_id, batch.settled_in)

        with ThreadPoolExecutor(_WRITERS) as writers:
            list(writers.map(paid, batch.invoices))
        return self.save(replace(run, sending=None))


def _by_date(invoice: Open) -> str:
    return invoice.factuurdatum


def _largest_day(month: Iterable[Open]) -> list[Open]:
    days: dict[str, list[Open]] = defaultdict(list)
    for invoice in month:
        days[invoice.factuurdatum].append(invoice)
    return max(days.values(), key=len)


def _payment(invoice: Open) -> Payment:
    return Payment(invoice.verkoopboeking_id, invoice.factuurnummer, invoice.factuurdatum, invoice.amount)
