"""Reports made by hand, for what needs no shop."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from koppeling.clock import AMSTERDAM
from koppeling.compared import Difference, Line, NotCompared, Reconciled
from ops.report import abroad, figures
from ops.report.values import About, Cause, Day, Report, Sale

START = date(2026, 7, 1)
ABOUT = About(
    "De <b>Theepot</b>", "theepot.example", "Theepot & Zn.", datetime(2026, 11, 23, 14, 5, tzinfo=AMSTERDAM), {}
)
DIFFERENCE = Difference("1042", "missing", Decimal("50.00"), None, "Zij <ontbreekt>.", "Boek haar & klaar.")


def sale(day: date, net: str, country: str = "DE", *, foreign: bool = True) -> Sale:
    """A sale abroad."""
    return Sale(f"{day:%j}", day, country, Decimal(net), Decimal(net) / 10, foreign)


def report(
    days: int, sales: tuple[Sale, ...] = (), *, differs: bool = True, unseen: int = 3, start: date = START
) -> Report:
    """A report over so many days, each with something on it; of `unseen` invoices the VAT was not compared."""
    end = start + timedelta(days=days - 1)
    amounts = [Decimal(100 * index + 1) / 100 for index in range(days)]
    dates = [start + timedelta(days=index) for index in range(days)]
    lines = tuple(Line(day.isoformat(), amount, amount) for day, amount in zip(dates, amounts, strict=True))
    total = sum(amounts, Decimal(0))
    done = Reconciled(
        start=start,
        end=end,
        orders=days,
        shop_total=total,
        books_total=total,
        differences=(DIFFERENCE,) if differs else (),
        days=lines,
        vat=(
            Line("hoog 21%", Decimal("21.00"), Decimal("20.00" if differs else "21.00")),
            Line("DE 19%", Decimal("-1.90"), Decimal("-1.90")),
        ),
        rates=(
            Line("hoog 21%", Decimal("100.00"), Decimal("100.00")),
            Line("eu 0%", Decimal("-10.00"), Decimal("-10.00")),
        ),
        journals=(Line("1103", total, total),),
        not_compared=NotCompared(vat=unseen),
    )
    made = figures.report(ABOUT, done, [], abroad.years(sales, [("77", start.year)] if sales else [], start, end))
    cause = Cause("vat-total", "Zin <1>.", "Raad.", ("1001", "1002"))
    return replace(
        made,
        days=tuple(Day(day, 1, 1, amount, amount) for day, amount in zip(dates, amounts, strict=True)),
        stopped=(cause,),
        waiting=(replace(cause, code="shop-not-paid", several=True),),
        latency=replace(made.latency, count=2, median=1.0, p95=2.0, slowest=90061.0, buckets=(("tot 2 s", 2),)),
    )


def nothing(start: date = START) -> Report:
    """A report over a day on which nothing was sold."""
    done = Reconciled(
        start=start,
        end=start,
        orders=0,
        shop_total=Decimal("0.00"),
        books_total=Decimal("0.00"),
        differences=(),
        days=(),
        vat=(),
        rates=(),
        journals=(),
        not_compared=NotCompared(),
    )
    return figures.report(ABOUT, done, [], abroad.years((), (), start, start))
