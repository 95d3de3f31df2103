"""What must be in the books when all is quiet, read from the simulated SnelStart; our rows are compared with it."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal

from koppeling.imports import Run
from koppeling.order_row import OrderRow
from tests.exactly_once.rig import customers

type Outcome = Literal["paid", "credited", "credit", "reversed", "waiting", "skipped", "refused"]
"""What may become of an order; `credited`: a sale taken back by a credit order, `reversed`: by a booking of our own."""

_STATE: Mapping[Outcome, str] = MappingProxyType({"credit": "credited", "reversed": "credited"})
_BOOKED: Mapping[Outcome, Mapping[str, int]] = MappingProxyType({
    "paid": {"": 1},
    "credited": {"": 1},
    "credit": {"": -1},
    "reversed": {"": 1, "C": -1},
})  # fmt: skip
"""What stands behind the number of each invoice of an order, and the sign of its amount."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One order, what may have become of it, and its total as the shop states it (positive)."""

    number: str
    outcomes: frozenset[Outcome]
    total: Decimal
    email: str


@dataclass(frozen=True, slots=True)
class Imported:
    """One import, and what it must tell when it is done."""

    run: str
    read: int
    page: "Page | None" = None


@dataclass(frozen=True, slots=True)
class Page:
    """What becomes of the orders of an import that nobody booked before; those `later` a live run books."""

    booked: int
    refused: int
    later: int = 0
    """At the most."""


@dataclass(frozen=True, slots=True)
class Violation:
    """An invariant that does not hold; `number` of the order, empty where it is of the whole administration."""

    kind: str
    number: str = ""
    found: str = ""


def violations(books: Mapping[str, Any], rows: Mapping[str, OrderRow], expected: Iterable[Expected]) -> list[Violation]:
    """All that is wrong with these orders in these books."""
    invoices: dict[str, list[Any]] = {}
    for invoice in books["invoices"]:
        invoices.setdefault(invoice["factuurnummer"], []).append(invoice)
    emails = Counter(str(relatie["email"]).casefold() for relatie in customers(books) if relatie["email"])
    found: list[Violation] = []
    wanted = list(expected)
    for order in wanted:
        found += _of_order(order, rows.get(order.number), invoices, emails)
    found += [Violation("customer doubled", found=f"{count} relaties") for count in emails.values() if count > 1]
    return found


def of_all(books: Mapping[str, Any], rows: Mapping[str, OrderRow], expected: list[Expected]) -> list[Violation]:
    """The same for an administration that holds nothing else: no invoice and no payment more, and sums that agree."""
    found = violations(books, rows, expected)
    numbers = {f"MWW{order.number}{behind}" for order in expected for behind in ("", "C")}
    found += [
        Violation("invoice too many", str(invoice["factuurnummer"]))
        for invoice in books["invoices"]
        if invoice["factuurnummer"] not in numbers
    ]
    booked = sum((Decimal(invoice["factuurbedrag"]) for invoice in books["invoices"]), Decimal(0))
    payments = [*books["bankboekingen"], *books["kasboekingen"]]
    settled = sum(
        (Decimal(each["bedragOntvangen"]) - Decimal(each["bedragUitgegeven"]) for each in payments), Decimal(0)
    )
    due = sum((_due(order, rows.get(order.number)) for order in expected), Decimal(0))
    if not booked == settled == due:
        found.append(Violation("sums differ", found=f"shop {due}, invoices {booked}, payments {settled}"))
    lines = sum(len(each["verkoopboekingBoekingsRegels"]) for each in payments)
    if lines != len(books["invoices"]):
        found.append(Violation("payments differ", found=f"{lines} of {len(books['invoices'])} invoices"))
    return found


def wrong_imports(runs: Mapping[str, Run], expected: Iterable[Imported]) -> list[Violation]:
    """What is wrong with what these imports tell."""
    return [
        Violation("import", wanted.run, str(runs[wanted.run].as_json()))
        for wanted in expected
        if not _as_wanted(runs[wanted.run], wanted)
    ]


def _as_wanted(run: Run, wanted: Imported) -> bool:
    counts, page = run.counts, wanted.page
    ended = run.state == "done" and run.finished and run.read_whole and not run.unsettled and run.sending is None
    became = counts.known + counts.booked + counts.refused + counts.skipped + counts.later
    if not ended or not counts.read == became == wanted.read:
        return False
    return page is None or (
        (counts.known, counts.booked + counts.later, counts.refused) == (0, page.booked, page.refused)
        and counts.later <= page.later
    )


def _outcome(order: Expected, row: OrderRow | None) -> Outcome | None:
    """Which of the outcomes its row tells; None when none of them."""
    for outcome in sorted(order.outcomes):
        if row and row.state == _STATE.get(outcome, outcome):
            return outcome
    return None


def _due(order: Expected, row: OrderRow | None) -> Decimal:
    outcome = _outcome(order, row)
    return order.total * sum(_BOOKED.get(outcome, {}).values()) if outcome else Decimal(0)


def _of_order(
    order: Expected, row: OrderRow | None, invoices: Mapping[str, list[Any]], emails: Counter[str]
) -> list[Violation]:
    outcome = _outcome(order, row)
    if row is None or outcome is None:
        told = f"{row.state}, {row.reason.code if row.reason else 'no reason'}" if row else "no row"
        return [Violation("state", order.number, told), *_doubles(order, invoices)]
    found: list[Violation] = []
    signs = _BOOKED.get(outcome, {})
    for behind in ("", "C"):
        number = f"MWW{order.number}{behind}"
        there, sign = invoices.get(number, []), signs.get(behind, 0)
        if len(there) != abs(sign):
            kind = "invoice missing" if len(there) < abs(sign) else "invoice doubled" if sign else "booked all the same"
            found.append(Violation(kind, order.number, f"{len(there)} of {number}"))
        for invoice in there:
            found += _of_invoice(order, invoice, order.total * sign)
            if emails[invoice["klant"]["email"].casefold()] != 1 or invoice["klant"]["email"].casefold() != order.email:
                found.append(Violation("customer", order.number))
    ids = {invoice["id"] for each in invoices.values() for invoice in each}
    if signs and row.verkoopboeking_id not in ids:
        found.append(Violation("row disagrees", order.number, "its invoice is not in the books"))
    return found


def _doubles(order: Expected, invoices: Mapping[str, list[Any]]) -> list[Violation]:
    """Of an order that is not where it should be: what is in the books of it more than once all the same."""
    there = [invoice for behind in ("", "C") for invoice in invoices.get(f"MWW{order.number}{behind}", [])]
    return [Violation("settled twice", order.number) for invoice in there if len(invoice["betalingen"]) > 1]


def _of_invoice(order: Expected, invoice: Mapping[str, Any], amount: Decimal) -> list[Violation]:
    found = []
    if Decimal(invoice["factuurbedrag"]) != amount:
        found.append(Violation("amount", order.number, f"{invoice['factuurbedrag']} for {amount}"))
    if len(invoice["betalingen"]) > 1:
        found.append(Violation("settled twice", order.number, f"{len(invoice['betalingen'])} payments"))
    if Decimal(invoice["openstaandSaldo"]) != 0:
        found.append(Violation("unpaid", order.number, f"{invoice['openstaandSaldo']} open"))
    return found
