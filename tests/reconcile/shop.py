"""A shop with orders in the books, what is planted in either, and what a comparison finds."""

from dataclasses import dataclass, replace
from datetime import datetime

from koppeling import onboard
from koppeling.calls import Wait
from koppeling.compared import Reconciled
from koppeling.orders import Orders
from koppeling.reconcile import reconcile
from koppeling.table import Key
from koppeling.workplace import Workplace
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage
from tests.reconcile.bookkeeper import Bookkeeper
from tests.regimes.winkel import Json, days_ago, on, run, thing


@dataclass
class Shop:
    """A connection with some orders in the books, and somebody who works there by hand."""

    stage: Stage
    connected: Connected
    books: Bookkeeper

    def run(self, raw: Json) -> str:
        """Book this order; its number."""
        return run(self.stage, self.connected, raw)

    def sale(self, **changes: object) -> str:
        """A booked order of 121.00, of two days ago."""
        return self.run(thing(**(on(days_ago(2)) | changes)))

    def row_key(self, number: str) -> Key:
        """Where our row of an order is."""
        return Orders(self.stage.table, self.connected.id).key(number)

    def forget_in_shop(self, *numbers: str) -> None:
        """The shop no longer has these orders."""
        for number in numbers:
            self.stage.shop.untell(f"orders/{self.connected.shop_token}/{number}")

    def change_profile(self, toml: str) -> None:
        """Other choices from now on."""
        changed = onboard.change_profile(self.stage.table, self.connected.connection, toml)
        self.connected = replace(self.connected, connection=changed)

    def compared(self, days: int = 5, *, wait: Wait | None = None) -> Reconciled:
        """The orders placed in the last so many days, against the books."""
        start = datetime.fromisoformat(days_ago(days)).date()
        with Workplace.open(self.stage.table, self.connected.connection, live=False) as place:
            return reconcile(place, start, datetime.now(AMSTERDAM).date(), wait=wait)

    def found(self) -> list[tuple[str, str]]:
        """Order number and kind of every difference."""
        return [(one.order_number, one.kind) for one in self.compared().differences]
