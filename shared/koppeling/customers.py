"""Customers: one relatie per e-mail address, found or made once, however many orders arrive at the same moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from koppeling import catalogue, clock
from koppeling.booking.profile import Profile
from koppeling.credentials import Credentials
from koppeling.directory import Directory
from koppeling.failures import Refused, Unavailable, Unknown, Unsettled
from koppeling.ledger import FREE, MINE, Lease, Mark
from koppeling.mijnwebwinkel.models import Order
from koppeling.neighbours import Neighbours
from koppeling.settings import settings
from koppeling.snelstart import relaties
from koppeling.snelstart.client import SnelStart
from koppeling.snelstart.models import Chart
from koppeling.snelstart.relaties import Relatie
from koppeling.table import ConditionFailed, Key, Row, Table

_WAIT_SECONDS = 8.0
_LOOK_EVERY_SECONDS = 0.1


class _Held(Exception):
    """Another run is finding or making this customer, until `until` at the latest."""

    def __init__(self, until: datetime) -> None:
        super().__init__("another run works on this customer")
        self.until = until


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Which relatie an order is booked on, and how it is found and made."""

    who: str
    key: Key
    look: Callable[[], Relatie | None]
    draft: Callable[[], relaties.Draft]
    notes: tuple[str, ...] = ()
    by_email: bool = False


@dataclass(frozen=True, slots=True)
class Customers:
    """The customers of one connection, remembered by a keyed hash of their e-mail address."""

    table: Table
    connection_id: str
    profile: Profile
    credentials: Credentials
    snelstart: SnelStart
    chart: Callable[[], Chart]
    neighbours: Neighbours
    all_read: bool = False
    """All of the administration's customers were read just now: who is not remembered is new."""

    def ensure(self, order: Order, vat_number: str | None = None, *, alone: bool = False) -> Relatie:
        """The relatie of this order's customer, made when there is none.

        `vat_number`: what a new one must carry. `alone`: not the relatie that stands for all consumers.

        A remembered customer costs no call, another one a look-up, a new one a look-up and a booking. Raises
        `Unavailable` (another run is making this customer and takes long, or SnelStart does not answer), `Unknown`
        (sent, no answer: the mark stays and is looked after next time), `Refused`.
        """
        wanted = self._wanted(order, vat_number, alone=alone)
        deadline = time.monotonic() + _WAIT_SECONDS
        while True:
            try:
                row, lease = self._claim(wanted.key)
            except _Held as held:
                # Two orders of one new customer at the same moment: the other run makes the relatie, we use it.
                if time.monotonic() >= deadline:
                    raise Unavailable(catalogue.reason("customer-being-made"), 5.0) from held
                time.sleep(_LOOK_EVERY_SECONDS)
                continue
            if lease is None:
                found = Relatie(row["relatie_id"], tuple(row.get("notes") or ()))
            else:
                found = self._find_or_make(wanted, lease, row, deadline)
            return Relatie(found.relatie_id, (*wanted.notes, *found.notes))

    def forget(self, order: Order, *, alone: bool = False) -> None:
        """SnelStart no longer takes the remembered relatie: look again next time."""
        key = self._wanted(order, alone=alone).key
        self.table.update(key, {"forgotten_at": clock.iso(clock.now())}, remove=("relatie_id", "notes"))

    def _wanted(self, order: Order, vat_number: str | None = None, *, alone: bool = False) -> _Wanted:
        email = order.debtor.email.strip()
        of_many = order.business_model != "B2B" and not alone
        together = self.profile.customers.collective if of_many else ""
        notes: tuple[str, ...] = ()
        if alone and not relaties.is_email(email):
            raise Refused(catalogue.reason("customer-email-needed"))
        if not together and not relaties.is_email(email):
            together = self.profile.customers.without_email
            why = "zonder geldig e-mailadres" if email else "zonder e-mailadres"
            notes = (f"De order is {why}; geboekt op de klant «{together}».",)
        if together:
            return _Wanted(
                f"\0{together}",
                self._key(f"\0{together}"),
                lambda: relaties.by_name(self.snelstart, together),
                lambda: relaties.draft_of_name(together),
                notes,
            )
        return _Wanted(
            email,
            self._key(email),
            lambda: self._directory().look(email),
            lambda: relaties.draft_for(order, self.chart(), vat_number),
            by_email=True,
        )

    def _directory(self) -> Directory:
        return Directory(self.table, self.connection_id, self.credentials, self.snelstart)

    def _key(self, who: str) -> Key:
        return self._directory().key(who)

    def _claim(self, key: Key) -> tuple[Row, Lease | None]:
        """The row, with our lease on it or, when the customer is known, without."""
        lease = Lease.take(clock.now())
        try:
            row = self.table.update(
                key,
                lease.values(),
                condition=f"attribute_not_exists(#relatie_id) AND {FREE}",
                given={"now": clock.iso(clock.now())},
            )
        except ConditionFailed as error:
            if "relatie_id" in error.row:
                return error.row, None
            raise _Held(datetime.fromisoformat(error.row["lease_until"])) from error
        return row, lease

    def _find_or_make(self, wanted: _Wanted, lease: Lease, row: Row, deadline: float) -> Relatie:
        earlier = mark = Mark.read(row.get("sent"))
        # With a mark of our own there is something to look for, whoever's turn it is.
        turn = self.neighbours.turn(wanted.who, 0.0 if earlier else deadline)
        try:
            unheard_of = earlier is None and "forgotten_at" not in row and turn.alone
            known_as_new = self.all_read and wanted.by_email and unheard_of
            found = None if known_as_new else wanted.look()
            if found is None:
                _demand_ended(earlier)
                turn.demand()
                draft = wanted.draft()
                mark = Mark(clock.now())
                self._write(wanted.key, lease, {"sent": mark.as_dict()})
                found = relaties.make(self.snelstart, draft)
        except Unknown as unknown:
            if mark and unknown.answered:
                mark = Mark(mark.sent_at, answered=True)
            turn.end(mark)
            self._release(wanted.key, lease, mark)
            raise
        except (Refused, Unavailable):
            # Certainly not made in this run: what remains is only what an earlier run left.
            turn.end(earlier)
            self._release(wanted.key, lease, earlier)
            raise
        turn.end()
        values = {"relatie_id": found.relatie_id, "notes": list(found.notes)}
        self._write(wanted.key, lease, values, remove=("owner", "lease_until", "sent"))
        return found

    def _release(self, key: Key, lease: Lease, mark: Mark | None) -> None:
        values = {"sent": mark.as_dict() if mark else None, "released_at": clock.iso(clock.now())}
        self._write(key, lease, values, remove=("owner", "lease_until"))

    def _write(self, key: Key, lease: Lease, values: Row, *, remove: tuple[str, ...] = ()) -> None:
        try:
            self.table.update(key, values, remove=remove, condition=MINE, given={"owner": lease.owner})
        except ConditionFailed as error:
            raise Unavailable(catalogue.reason("customer-being-made"), 5.0) from error


def _demand_ended(earlier: Mark | None) -> None:
    """`Unsettled` while an earlier attempt may still be under way."""
    settle = timedelta(seconds=settings().settle_seconds)
    if earlier and not earlier.may_repeat(clock.now(), settle):
        raise Unsettled(catalogue.reason("snelstart-outcome-unknown"), earlier.wait(clock.now(), settle))
