"""Where a scenario plays: a shop, an administration and a connection, and the ways a reason comes to be seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from koppeling import clock
from koppeling.connections import partition
from koppeling.deadline import Deadline
from koppeling.failures import Failure, Reason
from koppeling.order_row import OrderRow
from koppeling.table import Key
from tests.exactly_once.rig import Connected, Stage
from tests.regimes import winkel

ORDINARY = winkel.CARDS
"""The profile of an ordinary shop, behind what `winkel.connect` puts before it."""


@dataclass(frozen=True)
class Scene:
    """The simulators and the local AWS, with nothing going wrong yet."""

    stage: Stage
    _made: list[Connected] = field(default_factory=list, repr=False)

    @cached_property
    def home(self) -> Connected:
        """An ordinary connection of this scenario alone."""
        return self.connect()

    def connect(
        self,
        profile: str = ORDINARY,
        *,
        plant: Sequence[Mapping[str, object]] = (),
        **options: Any,  # noqa: ANN401 -- any option of an administration
    ) -> Connected:
        """Another connection, of a new shop and a new administration: see `winkel.connect`."""
        made = winkel.connect(self.stage, profile, plant=plant, **options)
        self._made.append(made)
        return made

    def leave(self) -> None:
        """Erase the connections, so that no later scenario walks past them."""
        for made in self._made:
            self.stage.disconnect(made)

    def books(self, path: str, connected: Connected | None = None, /, **values: object) -> Any:  # noqa: ANN401 -- JSON
        """Arrange something in the administration: `grootboeken`, `dagboeken`, `relaties`, `invoices`, …."""
        return self.stage.books.tell(path, {"administration": (connected or self.home).administration} | values)

    def options(self, connected: Connected | None = None, /, **values: object) -> None:
        """Change options of the administration (`blocked`, `foreign_vat`, …)."""
        self.stage.books.tell(f"administrations/{(connected or self.home).administration}", values)

    def answers(self, code: str, path: str, *, times: int = 1, connected: Connected | None = None) -> None:
        """SnelStart refuses the next calls that write to this path with this code of its own."""
        self.stage.trouble(connected or self.home, "refused", path, error_code=code, times=times)

    def chart_ages(self, connected: Connected | None = None) -> None:
        """The reference data was read half a day ago: SnelStart is asked for it anew."""
        key = Key(partition((connected or self.home).id), "CHART")
        row = self.stage.table.get(key)
        assert row is not None
        read_at = datetime.fromisoformat(row["read_at"]) - timedelta(hours=12)
        self.stage.table.put(row | {"read_at": clock.iso(read_at)})

    def deliver(
        self, raw: Mapping[str, Any], connected: Connected | None = None, deadline: Deadline | None = None
    ) -> OrderRow:
        """Place the order in the shop and deliver its message once; its row."""
        connected = connected or self.home
        self.stage.place(connected, raw)
        return self.again(str(raw["number"]), connected, deadline)

    def again(self, number: str, connected: Connected | None = None, deadline: Deadline | None = None) -> OrderRow:
        """Deliver a message about this order; its row."""
        connected = connected or self.home
        self.stage.deliver(connected, number, deadline)
        return self.stage.row(connected, number)

    def refused(self, raw: Mapping[str, Any], connected: Connected | None = None) -> Reason:
        """With which reason the order is refused."""
        return seen(self.deliver(raw, connected), "refused")

    def skipped(self, raw: Mapping[str, Any], connected: Connected | None = None) -> Reason:
        """With which reason the order is skipped."""
        return seen(self.deliver(raw, connected), "skipped")

    def waiting(self, raw: Mapping[str, Any], connected: Connected | None = None) -> Reason:
        """For what the order waits."""
        return seen(self.deliver(raw, connected), "waiting")

    def failed(self, raw: Mapping[str, Any], connected: Connected | None = None) -> Reason:
        """Why the order is to be tried again."""
        return seen(self.deliver(raw, connected), "failed")


type Scenario = Callable[[Scene], Reason]
"""Arranges the shop, the books or the parts, enters by the public entrance, and gives the reason that is seen."""


def seen(row: OrderRow, *states: str) -> Reason:
    """The reason on an order's row, which shows one of these states."""
    assert row.state in states, (row.state, row.reason and row.reason.code)
    assert row.reason is not None
    return row.reason


def told(command: Callable[[], object]) -> Reason:
    """The reason with which a command of the operator ends."""
    try:
        command()
    except Failure as failure:
        return failure.reason
    raise AssertionError("the command was carried out")
