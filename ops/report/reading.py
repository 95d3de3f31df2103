"""What a report is made of, read: a comparison of the period, and the shop's sales abroad that are of its year."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from itertools import batched
from typing import Any, Final

from koppeling import clock
from koppeling.booking.distance import to_consumer_abroad
from koppeling.calls import Wait
from koppeling.compared import Expected
from koppeling.expecting import Reading
from koppeling.failures import Refused
from koppeling.foreseen import Preview
from koppeling.messages import order_number
from koppeling.mijnwebwinkel.models import Order, ShapeError
from koppeling.preview import Look, Progress
from koppeling.reconcile import LATER, reconcile, shop_orders
from koppeling.workplace import Workplace
from ops.report import abroad, figures
from ops.report.values import About, Read, Report, Sale

_AT_ONCE: Final = 100
_BEFORE_START: Final = "shop-before-start-date"


def read(
    place: Workplace,
    start: date,
    end: date,
    *,
    progress: Progress | None = None,
    earlier: Callable[[], None] | None = None,
    wait: Wait | None = None,
) -> Report:
    """The report over the orders placed from `start` up to and including `end`.

    SnelStart is asked by `reconcile` alone, within its share of the limits. For the threshold the shop's earlier
    orders of the calendar year are read too, and those of the last days before it, which may have been completed or
    taken back in it; a hundred a call, and `earlier` is told before. Failures as `reconcile`.
    """
    new_year = date(start.year, 1, 1)
    heard = _Heard(new_year - LATER)
    done = reconcile(place, start, end, progress=progress, wait=wait, heed=heard)
    look = heard.look or Look.begin(place)
    if earlier:
        earlier()
    for first, until in ((heard.since, new_year), (new_year, start)):
        if first < until:
            heard.earlier(look, shop_orders(place, first, until - timedelta(days=1)), first.year)
    connection = place.connection
    about = About(
        shop=connection.shop_name or connection.name,
        domain=connection.shop_domain,
        administration=connection.administration_name,
        made_at=clock.now().astimezone(clock.AMSTERDAM),
        journals={str(number): journal.omschrijving for number, journal in look.chart.journals.items()},
    )
    return figures.report(about, done, heard.reads, abroad.years(heard.sales, heard.unclear, start, end))


@dataclass(slots=True)
class _Heard:
    """What is kept of the orders while they go by: nothing of their customers."""

    since: date
    reads: list[Read] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    unclear: list[tuple[str, int]] = field(default_factory=list)
    look: Look | None = None

    def __call__(self, look: Look, seen: Preview, expected: list[Expected]) -> None:
        """An order of the period, as `reconcile` read it."""
        self.look = look
        self.reads.append(Read(seen.number, seen.outcome, seen.reason, seen.row, tuple(expected)))
        if seen.order is None:
            return
        if seen.reason and seen.reason.code == _BEFORE_START:
            # Nothing to book, but sold all the same.
            self._again(self._anew(look), [seen.order])
        else:
            self._sold(look, seen.order, expected)

    def earlier(self, look: Look, raws: Iterable[Mapping[str, Any]], year: int) -> None:
        """Orders of this year, from before the period: only those that go abroad are looked at further."""
        anew = self._anew(look)
        for some in batched(raws, _AT_ONCE, strict=False):
            self._again(anew, [order for order in self._parsed(some, year) if _abroad(order, look)])

    def _parsed(self, raws: Iterable[Mapping[str, Any]], year: int) -> Iterator[Order]:
        for raw in raws:
            try:
                yield Order.parse(raw)
            except ShapeError:
                self.unclear.append((order_number(raw.get("number")) or "?", year))

    def _again(self, anew: Look, orders: list[Order]) -> None:
        reading = Reading(anew.place.connection.profile, anew.statuses)
        rows = anew.place.orders.known([order.number for order in orders]) if orders else {}
        for order in orders:
            self._sold(anew, order, reading.expected(anew.at(order, rows.get(order.number))))

    def _sold(self, look: Look, order: Order, expected: list[Expected]) -> None:
        try:
            self.sales += abroad.sales(order, expected, look.place.connection.profile, look.chart)
        except Refused:
            # Told as not counted; why stands with the orders that stand still.
            due = [one.on or order.placed_at.date() for one in expected if not one.not_due]
            self.unclear += [(order.number, year) for year in {day.year for day in due}]

    def _anew(self, look: Look) -> Look:
        """The same, as if the connection had been there all the while."""
        connection = look.place.connection
        profile = connection.profile.model_copy(update={"start_date": self.since})
        return replace(look, place=replace(look.place, connection=replace(connection, profile=profile)))


def _abroad(order: Order, look: Look) -> bool:
    """Where the country cannot be told it is looked at too."""
    try:
        return to_consumer_abroad(order, look.chart)
    except Refused:
        return True
