"""From what was read to what a report says. Pure."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from statistics import median
from typing import Final, get_args

from koppeling.compared import Reconciled
from koppeling.failures import Reason
from koppeling.foreseen import Outcome
from koppeling.order_row import DONE, OrderRow
from ops.report.values import About, Cause, Day, Latency, Read, Report, Standing, Year

BUCKETS: Final[tuple[tuple[str, float], ...]] = (
    ("tot 2 s", 2),
    ("2-5 s", 5),
    ("5-10 s", 10),
    ("10-30 s", 30),
    ("30-60 s", 60),
    ("1-15 min", 900),
    ("15-60 min", 3600),
    ("1-24 uur", 86400),
    ("langer", math.inf),
)
"""What a time is called, and below how many seconds."""

_MOST_SENTENCES: Final = 3
_P95: Final = 0.95


def report(about: About, done: Reconciled, reads: Sequence[Read], years: tuple[Year, ...]) -> Report:
    """The whole report."""
    standing = {read.number: _standing(read) for read in reads}
    by: dict[Standing, list[tuple[str, Reason]]] = defaultdict(list)
    for read in reads:
        name, reason = standing[read.number]
        if reason:
            by[name].append((read.number, reason))
    counted = Counter(name for name, _ in standing.values())
    return Report(
        about=about,
        done=done,
        standings={name: counted[name] for name in get_args(Standing)},
        days=days(done, reads),
        vat=done.vat,
        latency=latency(reads),
        stopped=causes(by["stopped"]),
        waiting=causes(by["waiting"]),
        skipped=causes(by["skipped"]),
        years=years,
    )


_BY_OUTCOME: Final[dict[Outcome, Standing]] = {
    "skip": "skipped",
    "waiting": "waiting",
    "again": "waiting",
    "refuse": "stopped",
}


def _standing(read: Read) -> tuple[Standing, Reason | None]:
    """How an order stands and why: by what the shop says now, then by our own row."""
    if read.outcome in _BY_OUTCOME:
        return _BY_OUTCOME[read.outcome], read.reason
    row = read.row
    if row and row.reason and row.state in ("refused", "booked"):
        return "stopped", row.reason
    if row and row.state == "failed":
        return "waiting", row.reason
    return ("done" if read.outcome == "booked" else "to-book"), None


def days(done: Reconciled, reads: Iterable[Read]) -> tuple[Day, ...]:
    """The days that either side has something on, by date; invoices are counted on the day the shop calls for."""
    sales: Counter[date] = Counter()
    credits_: Counter[date] = Counter()
    for one in (one for read in reads for one in read.expected):
        if one.on and not one.not_due and one.total is not None:
            (sales if one.kind == "sale" else credits_)[one.on] += 1
    amounts = {date.fromisoformat(line.name): line for line in done.days}
    return tuple(Day(day, sales[day], credits_[day], amounts[day].shop, amounts[day].books) for day in sorted(amounts))


def latency(reads: Iterable[Read]) -> Latency:
    """Of the orders that are done, from when we first heard of them."""
    rows = [read.row for read in reads if read.row and read.row.state in DONE]
    imported = [row for row in rows if row.run or row.batch]
    waited = [row for row in rows if row.first_waited_at and row not in imported]
    took = [_seconds(row) for row in rows if row not in imported and row not in waited]
    known = sorted(seconds for seconds in took if seconds is not None)
    buckets = Counter(_bucket(seconds) for seconds in known)
    return Latency(
        count=len(known),
        median=median(known) if known else None,
        p95=known[math.ceil(_P95 * len(known)) - 1] if known else None,
        slowest=known[-1] if known else None,
        buckets=tuple((name, buckets[name]) for name, _ in BUCKETS),
        imported=len(imported),
        waited=len(waited),
        unknown=len(took) - len(known),
    )


def _seconds(row: OrderRow) -> float | None:
    sale = row.own_sale()
    paid_at = sale.paid_at if sale else row.paid_at
    if paid_at is None:
        return None
    took = (datetime.fromisoformat(paid_at) - datetime.fromisoformat(row.received_at)).total_seconds()
    return took if took >= 0 else None


def _bucket(seconds: float) -> str:
    return next(name for name, below in BUCKETS if seconds < below)


def causes(found: Iterable[tuple[str, Reason]]) -> tuple[Cause, ...]:
    """Orders by cause, the most frequent first; a code with many sentences is one cause, with its first sentence."""
    by_code: dict[str, dict[Reason, list[str]]] = defaultdict(lambda: defaultdict(list))
    for number, reason in found:
        by_code[reason.code][reason].append(number)
    made: list[Cause] = []
    for reasons in by_code.values():
        if len(reasons) <= _MOST_SENTENCES:
            made += [_cause(reason, numbers) for reason, numbers in reasons.items()]
        else:
            numbers = [number for each in reasons.values() for number in each]
            made.append(_cause(next(iter(reasons)), numbers, several=True))
    return tuple(sorted(made, key=lambda cause: (-len(cause.numbers), cause.code, cause.numbers)))


def _cause(reason: Reason, numbers: list[str], *, several: bool = False) -> Cause:
    return Cause(reason.code, reason.sentence, reason.advice, tuple(numbers), several)
