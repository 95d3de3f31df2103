"""What a report says: values only. Amounts are euro, `Decimal`; times are seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from koppeling.compared import Expected, Line, Reconciled
from koppeling.failures import Reason
from koppeling.foreseen import Outcome
from koppeling.order_row import OrderRow

Standing = Literal["done", "to-book", "waiting", "stopped", "skipped"]
"""How an order stands: in the books, about to be, waiting by itself, waiting for somebody, or nothing to book."""


@dataclass(frozen=True, slots=True)
class Read:
    """One order of the period as the shop states it now, with our own row and the invoices expected of it."""

    number: str
    outcome: Outcome
    reason: Reason | None = None
    row: OrderRow | None = None
    expected: tuple[Expected, ...] = ()


@dataclass(frozen=True, slots=True)
class Sale:
    """A sale to a consumer in another EU country, or what is taken back of one (negative), on its invoice date.

    `net` without VAT; `foreign`: with that country's VAT, else with Dutch.
    """

    order_number: str
    on: date
    country: str
    net: Decimal
    vat: Decimal
    foreign: bool


@dataclass(frozen=True, slots=True)
class Day:
    """One day: invoices the shop calls for, and the amounts of both sides, VAT included."""

    day: date
    sales: int
    credits: int
    shop: Decimal
    books: Decimal

    @property
    def closes(self) -> bool:
        """Whether both sides are the same to the cent."""
        return self.shop == self.books


@dataclass(frozen=True, slots=True)
class Latency:
    """How long from the first word of an order until its paid invoice; figures are None where `count` is 0.

    Left out: orders of an import, those that waited for their payment or completion, those without both moments.
    """

    count: int
    median: float | None
    p95: float | None
    slowest: float | None
    buckets: tuple[tuple[str, int], ...]
    imported: int
    waited: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Cause:
    """Why orders stand still. `several`: the sentence is another for each order, and this is one of them."""

    code: str
    sentence: str
    advice: str
    numbers: tuple[str, ...]
    several: bool = False


@dataclass(frozen=True, slots=True)
class Turnover:
    """Sales to one country under one VAT in one quarter. `invoices`: credits included."""

    quarter: int
    country: str
    foreign: bool
    invoices: int
    net: Decimal
    vat: Decimal


@dataclass(frozen=True, slots=True)
class Quarter:
    """All countries together in one quarter, and since 1 January."""

    quarter: int
    net: Decimal
    cumulative: Decimal


@dataclass(frozen=True, slots=True)
class Year:
    """One calendar year up to `until` against the threshold; `steps` is the sum after each day with sales.

    `crossed`: the first day after which the sum was above the threshold. `uncounted`: orders abroad whose figures
    cannot be told.
    """

    year: int
    until: date
    turnovers: tuple[Turnover, ...]
    quarters: tuple[Quarter, ...]
    steps: tuple[tuple[date, Decimal], ...]
    crossed: date | None
    uncounted: tuple[str, ...] = ()

    @property
    def total(self) -> Decimal:
        """What counts towards the threshold."""
        return self.quarters[-1].cumulative if self.quarters else Decimal("0.00")


@dataclass(frozen=True, slots=True)
class About:
    """Whose report it is and when it was made (`made_at` of Amsterdam). `journals`: their names by number."""

    shop: str
    domain: str
    administration: str
    made_at: datetime
    journals: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    about: About
    done: Reconciled
    standings: Mapping[Standing, int]
    days: tuple[Day, ...]
    vat: tuple[Line, ...]
    latency: Latency
    stopped: tuple[Cause, ...]
    waiting: tuple[Cause, ...]
    skipped: tuple[Cause, ...]
    years: tuple[Year, ...]

    def as_json(self) -> dict[str, Any]:
        """As `--json` prints it: the comparison, and the figures that are the report's own."""
        return {
            **self.done.as_json(),
            "standings": dict(self.standings),
            "latency": {
                "orders": self.latency.count,
                "median_seconds": self.latency.median,
                "p95_seconds": self.latency.p95,
            },
            "stopped": [{"code": one.code, "order_numbers": list(one.numbers)} for one in self.stopped],
            "waiting": [{"code": one.code, "order_numbers": list(one.numbers)} for one in self.waiting],
            "eu_consumers": [
                {
                    "year": year.year,
                    "until": year.until.isoformat(),
                    "net": str(year.total),
                    "crossed": year.crossed.isoformat() if year.crossed else None,
                    "uncounted": list(year.uncounted),
                }
                for year in self.years
            ],
        }
