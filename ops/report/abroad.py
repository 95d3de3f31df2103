"""Sales to consumers in other EU countries, per quarter and country, against the threshold. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal

from koppeling.booking.distance import THRESHOLD, sold, to_consumer_abroad
from koppeling.booking.profile import Profile
from koppeling.compared import Expected
from koppeling.mijnwebwinkel.models import Order
from koppeling.snelstart.models import Chart
from ops.report.values import Quarter, Sale, Turnover, Year

_ZERO = Decimal("0.00")


def sales(order: Order, expected: Iterable[Expected], profile: Profile, chart: Chart) -> list[Sale]:
    """What an order is of such sales; nothing for others. `Refused` where its figures cannot be told.

    The days and whether it is taken back are those of the invoices expected of it; the amounts are the order's own.
    """
    due = [one for one in expected if one.on and not one.not_due]
    if not due or not to_consumer_abroad(order, chart):
        return []
    return list(_sales(order, due, profile, chart))


def _sales(order: Order, due: Iterable[Expected], profile: Profile, chart: Chart) -> Iterator[Sale]:
    for one in due:
        found = sold(order, profile, chart, credit=one.kind == "credit")
        if one.kind == "reversal":
            found = found.taken_back()
        if one.on:
            yield Sale(one.order_number, one.on, found.country, found.net, found.vat, found.foreign)


def years(found: Sequence[Sale], unclear: Iterable[tuple[str, int]], first: date, last: date) -> tuple[Year, ...]:
    """The calendar years from that of `first` up to `last`, each from 1 January; `unclear`: numbers with their year."""
    of_year: dict[int, list[str]] = defaultdict(list)
    for number, year in unclear:
        of_year[year].append(number)
    return tuple(
        _year(
            year,
            min(date(year, 12, 31), last),
            sorted((sale for sale in found if sale.on.year == year and sale.on <= last), key=_order),
            tuple(of_year[year]),
        )
        for year in range(first.year, last.year + 1)
    )


def _order(sale: Sale) -> tuple[date, str]:
    return sale.on, sale.order_number


def _year(year: int, until: date, found: Sequence[Sale], unclear: tuple[str, ...]) -> Year:
    steps: dict[date, Decimal] = {}
    total = _ZERO
    for sale in found:
        total += sale.net
        steps[sale.on] = total
    crossed = next((day for day, amount in steps.items() if amount > THRESHOLD), None)
    return Year(year, until, _turnovers(found), _quarters(found, until), tuple(steps.items()), crossed, unclear)


def _turnovers(found: Iterable[Sale]) -> tuple[Turnover, ...]:
    groups: dict[tuple[int, str, bool], list[Sale]] = defaultdict(list)
    for sale in found:
        groups[quarter_of(sale.on), sale.country, sale.foreign].append(sale)
    return tuple(
        Turnover(
            quarter=quarter,
            country=country,
            foreign=foreign,
            invoices=len(some),
            net=sum((sale.net for sale in some), _ZERO),
            vat=sum((sale.vat for sale in some), _ZERO),
        )
        for (quarter, country, foreign), some in sorted(groups.items())
    )


def _quarters(found: Sequence[Sale], until: date) -> tuple[Quarter, ...]:
    made: list[Quarter] = []
    total = _ZERO
    for quarter in range(1, quarter_of(until) + 1):
        net = sum((sale.net for sale in found if quarter_of(sale.on) == quarter), _ZERO)
        total += net
        made.append(Quarter(quarter, net, total))
    return tuple(made)


def quarter_of(day: date) -> int:
    """1 to 4."""
    return (day.month + 2) // 3
