"""The report's charts as SVG, readable without colour. The same figures are the same bytes.

Lengths are floats, for drawing only; what is written beside a chart comes from the figures themselves.
"""

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Decimal
from html import escape
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from koppeling.booking.distance import THRESHOLD
from ops.report import dutch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

    from koppeling.compared import Line
    from ops.report.values import Cause, Day, Latency, Year

_WIDTH: Final = 7.4
_INK, _SHOP, _BOOKS, _ALARM = "#1c2733", "#8fb8de", "#33475b", "#b3261e"
_COLOURS: Final = ("#8fb8de", "#f2c879", "#a9c99a", "#d9a5b3", "#c3b1e1", "#b8c4ce", "#e8e8e8")
_HATCHES: Final = ("", "///", "---", "xxx", "\\\\\\", "+++", "|||")
_MOST_COUNTRIES: Final = 6
_MOST_RATES, _SOME_RATES = 14, 6
"""Lines: more than these do not fit on a page, from the other on they stand closer."""

_FEW, _MANY = 7, 93
"""Days: below the one bars would be too wide, from the other on lines too thick."""

_MOST_CAUSES: Final = 12
_STYLE: Final[dict[str, object]] = {
    "svg.fonttype": "none",
    "font.size": 9,
    "hatch.linewidth": 0.5,
    "axes.edgecolor": _INK,
    "text.color": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_ID: Final = re.compile(r' id="([^"]+)"')


def days(name: str, shown: Sequence["Day"], start: date, end: date) -> str:
    """Revenue per day in shop and books, and the number of invoices, over a period with its empty days."""
    known = {one.day: one for one in shown}
    dates = [start + timedelta(days=index) for index in range((end - start).days + 1)]
    found = [known.get(one) for one in dates]
    with _drawn(name, "Omzet en bestellingen per dag", 3.6) as (figure, drawn):
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(2, 1))
        _bars(upper, [float(one.shop) if one else 0.0 for one in found], label="webwinkel", facecolor=_SHOP)
        books = [float(one.books) if one else 0.0 for one in found]
        places = range(len(books))
        ends = [[at + side for at in places] for side in (-0.5, 0.5)]
        upper.hlines(books, *ends, color=_INK, linewidth=1.5 if len(dates) < _MANY else 0.8, label="SnelStart")
        upper.set_ylabel("omzet incl. btw")
        upper.yaxis.set_major_formatter(_euros())
        upper.axhline(0, color=_INK, linewidth=0.6)
        upper.margins(y=0.1)
        if min(books) >= 0 and all(one is None or one.shop >= 0 for one in found):
            upper.set_ylim(bottom=0)
        sold, credited = [one.sales if one else 0 for one in found], [one.credits if one else 0 for one in found]
        _bars(lower, sold, label="bestellingen", facecolor=_BOOKS)
        if any(credited):
            _bars(lower, credited, sold, label="credits", facecolor="#d5dce3", edgecolor=_BOOKS)
        lower.set_ylabel("facturen")
        _whole(lower.yaxis, 4)
        lower.set_ylim(bottom=0)
        ticks = _ticks(dates)
        lower.set_xticks([at for at, _ in ticks], [text for _, text in ticks])
        beside = max(0.0, (_FEW - len(dates)) / 2)
        lower.set_xlim(-0.8 - beside, len(dates) - 0.2 + beside)
        _legend(figure, upper, lower)
    return drawn()


def _bars(axes: "Axes", lengths: Sequence[float], below: Sequence[float] = (), **style: Any) -> None:  # noqa: ANN401 -- matplotlib's
    """A bar a day; over many days one outline of all of them, which is a tenth of the size."""
    starts = below or [0.0] * len(lengths)
    if len(lengths) < _MANY:
        some = [(at, length, starts[at]) for at, length in enumerate(lengths) if length]
        at, heights, bottoms = zip(*some, strict=True) if some else ((), (), ())
        axes.bar(at, heights, 0.8, bottoms, **style)
    else:
        tops = [start + length for start, length in zip(starts, lengths, strict=True)]
        axes.fill_between(range(len(tops)), starts, tops, step="mid", **(style | {"linewidth": 0}))


def vat(name: str, lines: Sequence["Line"]) -> str:
    """VAT per rate, shop beside books; of very many those that differ, the Dutch and the largest, the rest as one."""
    shown, rest = _most(lines)
    named = [(dutch.vat(line.name), line.shop, line.books) for line in shown]
    if rest:
        sums = (sum((line.shop for line in rest), Decimal(0)), sum((line.books for line in rest), Decimal(0)))
        named.append((f"{len(rest)} andere tarieven", *sums))
    height = 0.9 + (0.6 if len(named) <= _SOME_RATES else 0.4) * len(named)
    with _drawn(name, "Btw per tarief", height) as (figure, drawn):
        axes = figure.subplots()
        for offset, side, colour, hatch in ((-0.2, "webwinkel", _SHOP, ""), (0.2, "SnelStart", "white", "////")):
            amounts = [shop if side == "webwinkel" else books for _, shop, books in named]
            places = [at + offset for at in range(len(named))]
            lengths = list(map(float, amounts))
            bars = axes.barh(places, lengths, 0.38, color=colour, edgecolor=_BOOKS, hatch=hatch, label=side)
            axes.bar_label(bars, list(map(dutch.euro, amounts)), padding=3, fontsize=8)
        axes.set_yticks(range(len(named)), [label for label, _, _ in named])
        axes.invert_yaxis()
        axes.xaxis.set_major_formatter(_euros())
        axes.xaxis.set_major_locator(MaxNLocator(nbins=5))
        axes.margins(x=0.22)
        _legend(figure, axes)
    return drawn()


def _most(lines: Sequence["Line"]) -> tuple[list["Line"], list["Line"]]:
    """What is drawn by itself, in its own order, and what is added up."""
    if len(lines) <= _MOST_RATES + 1:
        return list(lines), []

    def weight(line: "Line") -> tuple[bool, bool, Decimal]:
        return line.closes, line.name[:2].isupper(), -max(abs(line.shop), abs(line.books))

    drawn = sorted(lines, key=weight)[:_MOST_RATES]
    return [line for line in lines if line in drawn], [line for line in lines if line not in drawn]


def latency(name: str, figures: "Latency") -> str:
    """How many orders took how long."""
    with _drawn(name, "Tijd van melding tot betaalde factuur", 2.4) as (figure, drawn):
        axes = figure.subplots()
        counts = [count for _, count in figures.buckets]
        bars = axes.bar(range(len(counts)), counts, color=_SHOP, edgecolor=_BOOKS)
        axes.bar_label(bars, [dutch.number(count) if count else "" for count in counts])
        axes.set_xticks(range(len(counts)), [bucket for bucket, _ in figures.buckets])
        axes.set_ylabel("bestellingen")
        _whole(axes.yaxis, 5)
        axes.margins(y=0.15)
    return drawn()


def causes(name: str, stopped: Sequence["Cause"], waiting: Sequence["Cause"]) -> str:
    """Orders that stand still, per code: those that ask for somebody, and those that wait by themselves."""
    counts: dict[tuple[str, bool], int] = {}
    for cause, waits in [*((one, False) for one in stopped), *((one, True) for one in waiting)]:
        counts[cause.code, waits] = counts.get((cause.code, waits), 0) + len(cause.numbers)
    most = sorted(counts.items(), key=lambda each: (each[0][1], -each[1], each[0][0]))[:_MOST_CAUSES]
    with _drawn(name, "Bestellingen die stilstaan, per oorzaak", 0.9 + 0.32 * len(most)) as (figure, drawn):
        axes = figure.subplots()
        for waits, label, colour, hatch in ((False, "geweigerd", _BOOKS, ""), (True, "wacht", "white", "////")):
            some = [(at, count) for at, ((_, is_waiting), count) in enumerate(most) if is_waiting is waits]
            if some:
                places, lengths = zip(*some, strict=True)
                bars = axes.barh(places, lengths, 0.7, color=colour, edgecolor=_BOOKS, hatch=hatch, label=label)
                axes.bar_label(bars, list(map(dutch.number, lengths)), padding=3)
        axes.set_yticks(range(len(most)), [code for (code, _), _ in most])
        axes.invert_yaxis()
        axes.set_xlabel("bestellingen")
        _whole(axes.xaxis, 6)
        axes.margins(x=0.1)
        _legend(figure, axes)
    return drawn()


def quarters(name: str, year: "Year") -> str:
    """Turnover per quarter, the countries on top of each other; what is taken back hangs below."""
    totals: dict[str, Decimal] = {}
    for one in year.turnovers:
        totals[one.country] = totals.get(one.country, Decimal(0)) + one.net
    by_size = sorted(totals, key=lambda code: (-totals[code], code))
    named = by_size if len(by_size) <= _MOST_COUNTRIES + 1 else by_size[:_MOST_COUNTRIES]
    groups = [(dutch.country(code), {code}) for code in named]
    if len(named) < len(by_size):
        groups.append(("overige landen", set(by_size) - set(named)))
    names = [one.quarter for one in year.quarters]
    with _drawn(name, f"Verkoop aan consumenten elders in de EU in {year.year}", 2.6) as (figure, drawn):
        axes = figure.subplots()
        above, below = [0.0] * len(names), [0.0] * len(names)
        for (label, codes), colour, hatch in zip(groups, cycle(_COLOURS), cycle(_HATCHES)):
            nets = [_net(year, quarter, codes) for quarter in names]
            # Without those of nothing: they would stand on top of all others, at the very edge.
            some = [(at, net, above[at] if net > 0 else below[at]) for at, net in enumerate(nets) if net]
            at, lengths, starts = zip(*some, strict=True) if some else ((), (), ())
            axes.bar(at, lengths, 0.6, starts, color=colour, edgecolor=_BOOKS, hatch=hatch, label=label)
            above = [top + max(net, 0.0) for top, net in zip(above, nets, strict=True)]
            below = [low + min(net, 0.0) for low, net in zip(below, nets, strict=True)]
        axes.set_xticks(range(len(names)), [f"kwartaal {quarter}" for quarter in names])
        axes.set_xlim(-0.7, len(names) - 0.3)
        axes.set_ylabel("omzet excl. btw")
        axes.yaxis.set_major_formatter(_euros())
        axes.axhline(0, color=_INK, linewidth=0.6)
        axes.margins(y=0.1)
        _legend(figure, axes)
    return drawn()


def _net(year: "Year", quarter: int, codes: set[str]) -> float:
    found = (one.net for one in year.turnovers if one.quarter == quarter and one.country in codes)
    return float(sum(found, Decimal(0)))


def threshold(name: str, year: "Year") -> str:
    """The sum since 1 January, against the threshold."""
    first = date(year.year, 1, 1)
    steps = [(0, 0.0), *(((day - first).days, float(amount)) for day, amount in year.steps)]
    steps.append(((year.until - first).days + 1, steps[-1][1]))
    with _drawn(name, f"Opgeteld sinds 1 januari {year.year}, met de drempel", 2.4) as (figure, drawn):
        axes = figure.subplots()
        axes.step([at for at, _ in steps], [amount for _, amount in steps], where="post", color=_INK)
        axes.axhline(float(THRESHOLD), color=_ALARM, linestyle="--", linewidth=1.2)
        axes.annotate("drempel € 10.000", (3, float(THRESHOLD)), (0, 3), textcoords="offset points")
        starts = [(date(year.year, month, 1) - first).days for month in range(1, 13)]
        axes.set_xticks(starts, dutch.MONTHS)
        axes.set_xlim(0, 366)
        axes.set_ylim(
            bottom=min(0.0, *(amount for _, amount in steps)), top=1.15 * max(10000.0, *(a for _, a in steps))
        )
        axes.set_ylabel("omzet excl. btw")
        axes.yaxis.set_major_formatter(_euros())
    return drawn()


@contextmanager
def _drawn(name: str, title: str, height: float) -> Iterator[tuple[Figure, Callable[[], str]]]:
    """A figure to draw on, and what gives its SVG once that is done. `name`: unlike that of any other chart."""
    style: Any = _STYLE | {"svg.hashsalt": name}  # matplotlib's types list every key there is
    with mpl.rc_context(style):
        figure = Figure(figsize=(_WIDTH, height), layout="constrained")
        made: list[str] = []
        yield figure, lambda: made[0]
        made.append(_svg(figure, name, title))


def _svg(figure: Figure, name: str, title: str) -> str:
    """As it can stand within HTML: without prologue and metadata, with a name, and no id of another chart's."""
    file = io.StringIO()
    figure.savefig(file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
    text = file.getvalue()
    text = text[text.index("<svg ") :].rstrip()
    used = set(re.findall(r"#([\w-]+)", text))
    text = _ID.sub(lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", text)
    text = re.sub(r'(href="|url\()#', rf"\1#{name}-", text)
    label = f'<svg role="img" aria-labelledby="{name}-titel" '
    head, body = text.replace("<svg ", label, 1).split(">", 1)
    return f'{head}>\n <title id="{name}-titel">{escape(title)}</title>{body}'


def _legend(figure: Figure, *axes: "Axes") -> None:
    found = [one for each in axes for one in zip(*each.get_legend_handles_labels(), strict=True)]
    handles, labels = zip(*found, strict=True)
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)


def _whole(axis: "Axis", most: int) -> None:
    """Ticks at whole numbers, as the Dutch write them."""
    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda count, _: dutch.number(round(count))))


def _euros() -> FuncFormatter:
    return FuncFormatter(lambda amount, _: f"€ {amount:,.0f}".replace(",", "."))


def _ticks(dates: Sequence[date]) -> list[tuple[int, str]]:
    """Days that are written below: all, every week, the first of every month or of every quarter."""
    count = len(dates)
    every = next((step for step, most in ((1, 10), (2, 20), (7, 92)) if count <= most), 0)
    if every:
        return [(at, dutch.short(dates[at])) for at in range(0, count, every)]
    months = 1 if count <= 400 else 3 * (1 + count // 1500)  # noqa: PLR2004 -- a year and some
    firsts = [(at, day) for at, day in enumerate(dates) if day.day == 1]
    return [(at, f"{dutch.MONTHS[day.month - 1]} {day:%y}") for at, day in firsts[::months]]
