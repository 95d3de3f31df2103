"""A report as one HTML file that needs nothing beside it: no script, no font, no picture from elsewhere."""

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from koppeling.booking.distance import THRESHOLD
from ops.report import charts, dutch

if TYPE_CHECKING:
    from koppeling.compared import DifferenceKind
    from ops.report.values import Day, Report

MARK: Final = '<meta name="generator" content="koppeling report">'
"""By which an earlier report is known."""

_TWO_YEARS: Final = timedelta(days=731)
_MOST_NUMBERS: Final = 25
_MOST_DIFFERENCES: Final = 250
_PAGE_ROWS: Final = 30
"""Of a table: about what fits on one printed page. More are not kept together."""

_MONTH_NAMES: Final = (
    *("januari", "februari", "maart", "april", "mei", "juni"),
    *("juli", "augustus", "september", "oktober", "november", "december"),
)


def render(report: "Report") -> str:
    """The page."""
    template = _environment().get_template("report.html")
    return template.render(
        report=report,
        done=report.done,
        charts=_charts(report),
        months=_months(report.days),
        outside=[one for one in report.days if not report.done.start <= one.day <= report.done.end],
        mark=Markup(MARK),  # noqa: S704 -- a constant
        threshold=THRESHOLD,
        zero=Decimal("0.00"),
        most=_MOST_DIFFERENCES,
        page_rows=_PAGE_ROWS,
        tarief=dutch.vat,
        omzet=dutch.turnover,
        dagboek=lambda number: f"{number} {report.about.journals.get(number, '')}".strip(),
    )


def _charts(report: "Report") -> dict[str, Markup]:
    """By name, only those with something to show; made here from figures, their texts escaped where they are made."""
    drawn: dict[str, str] = {}
    if report.days:
        drawn["dagen"] = charts.days("dagen", report.days, *_drawn_from(report))
    if report.vat:
        drawn["btw"] = charts.vat("btw", report.vat)
    if report.latency.count:
        drawn["tijd"] = charts.latency("tijd", report.latency)
    if report.stopped or report.waiting:
        drawn["oorzaken"] = charts.causes("oorzaken", report.stopped, report.waiting)
    for year in report.years:
        if year.turnovers:
            drawn[f"kwartalen-{year.year}"] = charts.quarters(f"kwartalen-{year.year}", year)
            drawn[f"drempel-{year.year}"] = charts.threshold(f"drempel-{year.year}", year)
    return {name: Markup(svg) for name, svg in drawn.items()}  # noqa: S704 -- SVG of our own


def _drawn_from(report: "Report") -> tuple[date, date]:
    """The period; of more than two years only from the first day with figures up to the last."""
    start, end = report.done.start, report.done.end
    inside = [one.day for one in report.days if start <= one.day <= end]
    return (inside[0], inside[-1]) if inside and end - start > _TWO_YEARS else (start, end)


def _months(days: "tuple[Day, ...]") -> list[tuple[str, list["Day"]]]:
    """The days by month, with its name."""
    months: dict[tuple[int, int], list[Day]] = {}
    for one in days:
        months.setdefault((one.day.year, one.day.month), []).append(one)
    return [(f"{_MONTH_NAMES[month - 1]} {year}", some) for (year, month), some in months.items()]


def _numbers(numbers: tuple[str, ...]) -> str:
    more = len(numbers) - _MOST_NUMBERS
    return ", ".join(numbers[:_MOST_NUMBERS]) + (f" en nog {more}" if more > 0 else "")


def _orders(count: int) -> str:
    return f"{dutch.number(count)} bestelling{'' if count == 1 else 'en'}"


def _kind(kind: "DifferenceKind") -> str:
    """As a heading; no `str.capitalize`, which would write SnelStart's name small."""
    name = dutch.KINDS[kind]
    return name[0].upper() + name[1:]


def _of_threshold(amount: Decimal) -> str:
    return dutch.percent(amount, THRESHOLD)


def _first_of_year(year: int) -> date:
    return date(year, 1, 1)


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "euro": dutch.euro,
        "dag": dutch.day,
        "moment": dutch.moment,
        "getal": dutch.number,
        "duur": dutch.duration,
        "land": dutch.country,
        "nummers": _numbers,
        "bestellingen": _orders,
        "drempel": _of_threshold,
        "eerste_dag": _first_of_year,
        "soort": _kind,
    }
    return made
