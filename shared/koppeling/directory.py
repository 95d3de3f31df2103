"""Which customers the administration has already, remembered by a keyed hash of their e-mail address.

Whether SnelStart's `Email eq` minds letter case is not known, so a look-up by one spelling may miss a customer written
another way. The whole list is therefore read once when a shop is connected; every look-up after that also asks for
whatever was changed since, in the same call. What is known costs no call at all.
"""

from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched

from koppeling import clock, connections
from koppeling.credentials import Credentials
from koppeling.deadline import Deadline
from koppeling.snelstart import relaties
from koppeling.snelstart.client import SnelStart
from koppeling.snelstart.relaties import Customer
from koppeling.table import ConditionFailed, Key, Table

_OVERLAP = timedelta(hours=3)
"""`ModifiedOn` is a wall clock without a zone: an hour for the night the clocks go back, the rest for clocks that
differ."""

_STALE = timedelta(hours=24)

_CROWD = 400
"""Customers in one answer that show the administration is being filled, by an import say; 500 is a page."""

_CROWDED = timedelta(minutes=15)
_WRITERS = 10
_ROWS = 100
_KEEP_SECONDS = 20.0
"""For one more page of a slow SnelStart, and for writing down how far it came."""


@dataclass(frozen=True, slots=True)
class Directory:
    """The customers of one connection's administration that have an e-mail address."""

    table: Table
    connection_id: str
    credentials: Credentials
    snelstart: SnelStart

    def key(self, who: str) -> Key:
        """The row of a customer, by e-mail address in whatever letter case."""
        partition = connections.partition(self.connection_id)
        return Key(partition, f"CUSTOMER#{self.credentials.customer_key(who)}")

    def read_whole(self, deadline: Deadline | None = None) -> int:
        """Read all relaties, 500 a call, and remember the customers among them; how many those are.

        `Unavailable` when `deadline` is near; the next reading has only the rest to write.
        """
        began = clock.now()
        remembered = self._remember(relaties.customers(self.snelstart), deadline)
        self._advance(began)
        return remembered

    def read_changes(self, deadline: Deadline | None = None) -> int:
        """Remember the customers that were made or changed since the last reading; how many those are.

        `Unavailable` as `read_whole`.
        """
        since = self._read_until()
        if since is None:
            return self.read_whole(deadline)
        began = clock.now()
        remembered = self._remember(relaties.modified_since(self.snelstart, since - _OVERLAP), deadline)
        self._advance(began)
        return remembered

    def look(self, email: str) -> relaties.Relatie | None:
        """The oldest active customer with this address: one call, whatever the letter case on either side.

        While thousands of customers are being made it is not asked each time which ones those are: that would cost a
        call for every 500. They are read once in `_CROWDED`, and looked for by address alone in between.
        """
        began, row = clock.now(), self.table.get(self._place()) or {}
        since = datetime.fromisoformat(row["until"]) if row else None
        crowded = row.get("crowded_until", "") > clock.iso(began)
        changed_since = since - _OVERLAP if since and not crowded else None
        found = relaties.matching(self.snelstart, email, changed_since)
        crowd = len(found) > _CROWD
        if changed_since and since and (crowd or began - since > _STALE):
            # So that the answers stay short: what changed since is remembered now, and asked for from here on.
            wanted = email.strip().casefold()
            self._remember(customer for customer in found if customer.email != wanted)
            self._advance(began, crowd=crowd)
        return relaties.oldest(found, email)

    def _remember(self, found: Iterable[Customer], deadline: Deadline | None = None) -> int:
        by_email: dict[str, list[Customer]] = defaultdict(list)
        for customer in found:
            by_email[customer.email].append(customer)
            _demand_time(deadline)
        by_email.pop("", None)
        with ThreadPoolExecutor(_WRITERS) as writers:
            for emails in batched(by_email, _ROWS, strict=False):
                _demand_time(deadline)
                known = self.table.get_many([self.key(email) for email in emails])
                new = [email for email in emails if self.key(email) not in known]
                list(writers.map(self._remember_one, new, [by_email[email] for email in new]))
        return len(by_email)

    def _remember_one(self, email: str, customers: list[Customer]) -> None:
        relatie = relaties.oldest(customers, email)
        if relatie is None:
            return
        key = self.key(email)
        row = {"relatie_id": relatie.relatie_id, "notes": list(relatie.notes)}
        # What an order decided, or is deciding right now, stands.
        with suppress(ConditionFailed):
            self.table.put({"pk": key.pk, "sk": key.sk, **row}, condition="attribute_not_exists(pk)")

    def _place(self) -> Key:
        return Key(connections.partition(self.connection_id), "DIRECTORY")

    def _read_until(self) -> datetime | None:
        row = self.table.get(self._place())
        return datetime.fromisoformat(row["until"]) if row else None

    def _advance(self, until: datetime, *, crowd: bool = False) -> None:
        quiet = {"crowded_until": clock.iso(until + _CROWDED)} if crowd else {}
        self.table.update(self._place(), {"until": clock.iso(until), **quiet})


def _demand_time(deadline: Deadline | None) -> None:
    if deadline:
        deadline.demand(_KEEP_SECONDS)
