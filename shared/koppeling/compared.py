"""What a reconciliation compares and what it comes to: values only. Amounts are euro."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, Self

from koppeling.booking.rated import Rated
from koppeling.failures import Reason
from koppeling.order_row import Kind, SettledIn, State
from koppeling.rating import Basis, Rates, Standing, plain
from koppeling.snelstart.listing import Detail, Listed

DifferenceKind = Literal[
    "missing",
    "double",
    "different-amount",
    "different-vat",
    "not-paid",
    "overpaid",
    "other-journal",
    "credited-in-shop-only",
    "credited-in-books-only",
    "changed-by-hand",
    "changed-in-shop",
    "only-in-books",
]

Repair = Literal["queue", "book-again", "settle-again"]
"""What `--repair` may do about it: queue the order, after opening its row again where that says it is done."""

Verdict = Literal["sluitend", "sluitend voor zover vergeleken", "niet sluitend"]
"""What was not compared is no difference, but without it nothing is called sluitend alone."""


@dataclass(frozen=True, slots=True)
class Expected:
    """An invoice that should be in the books, by what the shop states now; our own row beside it as a witness.

    `total` is None where the shop states none in euro. `rated` is what it comes to per rate of VAT, `accounts` per
    ledger account id without VAT; None where no invoice can be planned. `was`, `on`, `relatie_id` and
    `verkoopboeking_id`: as our row has it booked, `on` else as planned. `settled_at`: when we last wrote to it.
    """

    order_number: str
    order_uuid: str
    factuurnummer: str
    kind: Kind
    total: Decimal | None
    rated: tuple[Rated, ...] | None = None
    accounts: Mapping[str, Decimal] | None = None
    redeemed: Decimal = Decimal(0)
    """What of it vouchers without VAT paid or took off, as a plan has it."""
    supplied_on: date | None = None
    """The day whose rates those are."""
    country: str = ""
    """Where the goods go, two capitals, of another country of the EU; else ""."""
    on: date | None = None
    not_before: date | None = None
    """Where our row does not say on which day it was booked: the first that may be, when `on` is but the last."""
    journal: int | None = None
    was: Decimal | None = None
    of: str = ""
    """The number of the order a credit order takes back."""
    relatie_id: str = ""
    of_many: bool = False
    """Whether its customer is one that stands for many."""
    verkoopboeking_id: str | None = None
    settled_at: datetime | None = None
    state: State | None = None
    reason: Reason | None = None
    changed: bool = False
    """Whether the order in the shop is no longer as our row last saw it."""
    settled_in: SettledIn | None = None
    """Where we settled it together with others."""
    in_batch: bool = False
    """Whether an import is going to settle it, together with others."""
    not_due: bool = False
    """The shop says it is not to be booked (yet); only what stands in the books all the same counts."""

    @property
    def vat(self) -> dict[str, Decimal] | None:
        """By the names of the rates; None where no invoice can be planned."""
        return None if self.rated is None else plain({one.name: one.vat for one in self.rated})

    @property
    def nets(self) -> dict[str, Decimal] | None:
        """What is sold without VAT, in the same way."""
        return None if self.rated is None else plain({one.name: one.net for one in self.rated})

    def rates(self, held: Listed, *, told: bool = False) -> Basis:
        """By what the rates of its invoice in the books are named.

        `told`: as the books tell it; the country is then unknown where the customer is another than we booked it on.
        """
        other = bool(self.relatie_id) and held.relatie_id != self.relatie_id.casefold()
        country = "" if told and other else self.country
        return Basis(self.supplied_on or held.on, country, self.rated or (), self.accounts, self.redeemed)


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment on an invoice. `ours`: by its description this software booked it.

    `modified_on`: when it was last written; None for one of many invoices, which `undo` writes too.
    """

    journal: int
    amount: Decimal
    ours: bool
    modified_on: datetime | None = None


@dataclass(frozen=True, slots=True)
class Posted:
    """What the ledger's mutations say of one invoice.

    `vat` and `accounts` are None where its rows are not all there. `modified_on`: of the sale, not of its payment.
    """

    vat: Mapping[str, Decimal] | None
    accounts: Mapping[str, Decimal] | None
    payments: tuple[Paid, ...]
    modified_on: datetime | None


@dataclass(frozen=True, slots=True)
class Books:
    """What was read of the books.

    `listed` and `details` by verkoopboeking id, `posted` by invoice number in lower case.
    """

    rates: Rates
    listed: Mapping[str, Listed]
    posted: Mapping[str, Posted] = field(default_factory=dict)
    details: Mapping[str, Detail] = field(default_factory=dict)
    gone: frozenset[str] = frozenset()
    """Ids that SnelStart, asked for them singly, no longer knows."""

    def standing(self, held: Listed) -> Standing | None:
        """The VAT and the accounts of an invoice, None where nothing that was read shows them."""
        posted, read = self.posted.get(held.factuurnummer.casefold()), self.details.get(held.verkoopboeking_id)
        if posted and posted.vat is not None and posted.accounts is not None:
            return Standing(posted.vat, posted.accounts)
        return Standing(read.vat, read.accounts) if read else None

    def vat(self, held: Listed, by: Basis) -> dict[str, Decimal] | None:
        """Its VAT by the names of its rates, None where nothing shows it."""
        standing = self.standing(held)
        return self.rates.vat(standing, by) if standing else None

    def nets(self, held: Listed, by: Basis) -> dict[str, Decimal] | None:
        """What is sold without VAT by the names of its rates, None where nothing shows it."""
        standing = self.standing(held)
        return self.rates.nets(standing, by) if standing else None


@dataclass(frozen=True, slots=True)
class Matched:
    """Every expected invoice with what stands in the books for it, and the invoices that stand for none."""

    pairs: tuple[tuple[Expected, Listed | None], ...]
    others: tuple[Listed, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which shop and books differ; `shop` and `books` are amounts in euro, None where there is none."""

    order_number: str
    kind: DifferenceKind
    shop: Decimal | None
    books: Decimal | None
    sentence: str
    advice: str
    repair: Repair | None = None
    verkoopboeking_id: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """As the command line prints it and as it is kept; amounts are text."""
        return {
            "order_number": self.order_number,
            "kind": self.kind,
            "shop": None if self.shop is None else str(self.shop),
            "books": None if self.books is None else str(self.books),
            "sentence": self.sentence,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: a day, a rate of VAT or a journal."""

    name: str
    shop: Decimal
    books: Decimal

    @property
    def closes(self) -> bool:
        """Whether both sides are the same to the cent."""
        return self.shop == self.books

    def as_json(self) -> dict[str, str | bool]:
        """Amounts are text."""
        return {"name": self.name, "shop": str(self.shop), "books": str(self.books), "closes": self.closes}


@dataclass(frozen=True, slots=True)
class NotCompared:
    """Invoices of which something stayed unseen: no list shows it and calls are scarce, or nobody knows it."""

    vat: int = 0
    journal: int = 0
    unread: int = 0
    """Unexplained invoices that may have been doubles or credits of an order, and were not read one by one."""
    date: int = 0
    rate: int = 0
    """Invoices of which the turnover stands on an account that tells no rate, or is unseen as their VAT is."""

    def __bool__(self) -> bool:
        """Whether there is any."""
        return any(self.as_json().values())

    def as_json(self) -> dict[str, int]:
        """By name, as it is kept too."""
        return asdict(self)

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """As it was kept; what an earlier version did not count is 0, what only a newer one counts is left out."""
        return cls(**{one.name: int(stored.get(one.name, 0)) for one in fields(cls)})


def verdict(not_compared: NotCompared, *, closes: bool) -> Verdict:
    """What a comparison comes to, in words."""
    if not closes:
        return "niet sluitend"
    return "sluitend voor zover vergeleken" if not_compared else "sluitend"


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The outcome for the orders placed from `start` up to and including `end`."""

    start: date
    end: date
    orders: int
    shop_total: Decimal
    books_total: Decimal
    differences: tuple[Difference, ...]
    days: tuple[Line, ...]
    vat: tuple[Line, ...]
    rates: tuple[Line, ...]
    """Turnover without VAT."""
    journals: tuple[Line, ...]
    not_compared: NotCompared
    calls: int = 0

    @property
    def closes(self) -> bool:
        """Whether no difference was found and every total is the same on both sides; of what was compared."""
        lines = (*self.days, *self.vat, *self.rates, *self.journals)
        return not self.differences and self.shop_total == self.books_total and all(one.closes for one in lines)

    @property
    def verdict(self) -> Verdict:
        """The same in words, with what was not compared."""
        return verdict(self.not_compared, closes=self.closes)

    def as_json(self) -> dict[str, Any]:
        """As the command line prints it."""
        return {
            "closes": self.closes,
            "verdict": self.verdict,
            "from": self.start.isoformat(),
            "to": self.end.isoformat(),
            "orders": self.orders,
            "shop_total": str(self.shop_total),
            "books_total": str(self.books_total),
            "differences": [one.as_json() for one in self.differences],
            "per_day": _lines(self.days),
            "per_vat": _lines(self.vat),
            "per_rate": _lines(self.rates),
            "per_journal": _lines(self.journals),
            "not_compared": self.not_compared.as_json(),
            "calls": self.calls,
        }


def _lines(lines: Iterable[Line]) -> list[dict[str, str | bool]]:
    return [line.as_json() for line in lines]
