"""`make demo`: sixty orders travel from a simulated shop to paid invoices in a simulated SnelStart, before your eyes.

Most are announced by a signed webhook, some of those twice, and a few by nobody: those the poll finds. In the end every
order is held against both sides, to the cent. Exit code 1 when anything is not as it should be.
"""

import random
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import batched
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from sandbox import orders as generator
from sandbox.orders import GeneratedOrder
from sandbox.world import Connected, World, WorldError, wait_until, world

SEED = 27
ORDERS = 60
ANSWER_MS = 50

_UNANNOUNCED = 6
_TWICE = 10
_PAID_LATER = 2
_SENDERS = 4
_PACE_SECONDS = 0.5
_PATIENCE_SECONDS = 60.0
_RESTING = ("paid", "waiting", "skipped", "refused")
_STYLE = {"paid": "green", "waiting": "yellow", "skipped": "dim", "refused": "magenta"}

type Json = dict[str, Any]


@dataclass(frozen=True)
class Cast:
    """The demo's orders, by what happens to them."""

    orders: Sequence[GeneratedOrder]
    announced: Sequence[GeneratedOrder]
    twice: Sequence[GeneratedOrder]
    paid_later: Sequence[GeneratedOrder]

    @classmethod
    def draw(cls, seed: int) -> "Cast":
        """Sixty orders of today: mostly sales, a few not to be booked, one in dollars, one that adds up wrong."""
        # A few minutes ago, so that the poll's window, which ends now, holds every change of status.
        start = datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(minutes=20)
        special: dict[generator.Kind, int] = {"dollars": 1, "mismatch": 1, "unpaid": 1}
        ordinary = generator.generate(seed, ORDERS - 4, first_number=1001, start=start, span=timedelta(minutes=15))
        extra = [
            order
            for index, kind in enumerate((*special, "unpaid"))
            for order in generator.generate(
                seed + index,
                1,
                first_number=1001 + ORDERS - 4 + index,
                start=start,
                span=timedelta(minutes=15),
                mix={kind: 1},
            )
        ]
        orders = [*ordinary, *extra]
        chance = random.Random(seed)
        silent = {order.number for order in chance.sample([one for one in orders if one.eligible][1:], _UNANNOUNCED)}
        announced = [order for order in orders if order.number not in silent]
        return cls(orders, announced, chance.sample(announced, _TWICE), extra[-_PAID_LATER:])


def main() -> int:
    """Run the demo; 0 when every order ended as it should."""
    console = Console()
    started = time.monotonic()
    try:
        with world(parameters={"SettleSeconds": "10"}, say=lambda line: console.print(f"[dim]{line}")) as made:
            connected = made.connect_since_yesterday("Fietsbel & Co")
            console.print(f"Connected: shop «Fietsbel & Co» with its administration, koppeling {connected.id}.")
            problems = _play(made, connected, Cast.draw(SEED), console)
    except WorldError as error:
        console.print(f"[red]{error}")
        return 1
    console.print(f"[dim]{time.monotonic() - started:.0f} s in all.")
    return 1 if problems else 0


def _play(made: World, connected: Connected, cast: Cast, console: Console) -> list[str]:
    made.shop.tell("settings", {"round_trip_ms": ANSWER_MS})
    made.books.tell("settings", {"latency_ms": ANSWER_MS})
    made.place(connected, [order.raw for order in cast.orders])
    with Progress(console=console, transient=True) as progress:
        _announce(made, connected, cast, progress)
        _settle_down(made, connected, {order.number for order in cast.announced}, progress, "Booking")
        for order in cast.paid_later:
            made.shop.patch(f"orders/{connected.shop_token}/{order.number}", {"payment_status": "captured"})
        made.deployment.poll()
        later = {order.number for order in cast.paid_later}
        _settle_down(made, connected, {order.number for order in cast.orders}, progress, "Polling", paid=later)
    rows, invoices = made.orders(connected), made.invoices(connected)
    console.print(_table(cast, rows, invoices))
    problems = _verdict(cast, rows, invoices)
    _summary(made, connected, cast, rows, invoices, console)
    for problem in problems:
        console.print(f"[red]✗ {problem}")
    if not problems:
        console.print("[bold green]✓ Every eligible order booked once and paid; shop and books agree to the cent.")
    return problems


def _announce(made: World, connected: Connected, cast: Cast, progress: Progress) -> None:
    numbers = [order.number for order in (*cast.announced, *cast.twice)]
    task = progress.add_task("Webhooks", total=len(numbers))

    def one(number: str) -> int:
        status = made.announce(connected, number).status_code
        progress.advance(task)
        return status

    # The first order pays for the cold start of both functions; the others then find them warm, as in a busy shop.
    answers = [one(numbers[0])]
    first = f"MWW{numbers[0]}"
    wait_until(lambda: first in made.invoices(connected), _PATIENCE_SECONDS, "the first order")
    with ThreadPoolExecutor(_SENDERS) as senders:
        for group in batched(numbers[1:], _SENDERS, strict=False):
            answers += senders.map(one, group)
            time.sleep(_PACE_SECONDS)
    if set(answers) != {202}:
        raise WorldError(f"a webhook was not accepted: {sorted(set(answers))}")


def _settle_down(
    made: World,
    connected: Connected,
    numbers: set[str],
    progress: Progress,
    title: str,
    *,
    paid: set[str] = frozenset(),  # type: ignore[assignment]
) -> None:
    """Wait until every order rests in a state, and those of `paid` in that one."""
    task = progress.add_task(title, total=len(numbers))

    def resting() -> bool:
        states = {number: row["state"] for number, row in made.orders(connected).items()}
        at_rest = [
            number
            for number in numbers
            if states.get(number) in _RESTING and (number not in paid or states[number] == "paid")
        ]
        progress.update(task, completed=len(at_rest))
        return len(at_rest) == len(numbers)

    # Every look is a command of its own: more of them would slow down what they look at.
    wait_until(resting, _PATIENCE_SECONDS, "the orders to come to rest", every=1.0)


def _expected(cast: Cast, order: GeneratedOrder) -> str:
    return "paid" if order in cast.paid_later else order.expected_state


def _invoice(invoices: Mapping[str, Json], order: GeneratedOrder) -> Json | None:
    return invoices.get(f"MWW{order.number}")


def _vat(invoice: Json) -> Decimal:
    return sum((Decimal(entry["btwBedrag"]) for entry in invoice["btw"]), Decimal(0))


def _seconds(row: Json) -> float | None:
    if not row["paid_at"]:
        return None
    return (datetime.fromisoformat(row["paid_at"]) - datetime.fromisoformat(row["received_at"])).total_seconds()


def _table(cast: Cast, rows: Mapping[str, Json], invoices: Mapping[str, Json]) -> Table:
    table = Table(
        "order", "state", "invoice", "total", "VAT", "open", "seconds", "why", title="What became of each order"
    )
    for column in (3, 4, 5, 6):
        table.columns[column].justify = "right"
    for order in cast.orders:
        row, invoice = rows.get(order.number), _invoice(invoices, order)
        if row is None:
            table.add_row(order.number, "[red]unknown")
            continue
        seconds, reason = _seconds(row), row["reason"]
        table.add_row(
            order.number,
            f"[{_STYLE.get(row['state'], 'red')}]{row['state']}",
            row["invoice_number"] or "",
            str(order.total),
            str(_vat(invoice)) if invoice else "",
            str(invoice["openstaandSaldo"]) if invoice else "",
            f"{seconds:.1f}" if seconds is not None else "",
            reason["code"] if reason else "",
        )
    return table


def _verdict(cast: Cast, rows: Mapping[str, Json], invoices: Mapping[str, Json]) -> list[str]:
    """What is not as it should be, read from the simulated administration rather than from our own rows."""
    problems = []
    due = [order for order in cast.orders if _expected(cast, order) == "paid"]
    for order in cast.orders:
        row, invoice, expected = rows.get(order.number), _invoice(invoices, order), _expected(cast, order)
        if row is None or row["state"] != expected:
            problems.append(f"order {order.number} should be {expected} and is {row['state'] if row else 'unknown'}")
        if (invoice is not None) != (expected == "paid"):
            problems.append(f"order {order.number} ({expected}) {'has' if invoice else 'has no'} invoice")
        if invoice and expected == "paid":
            problems += _differences(order, invoice)
    if len(invoices) != len(due):
        problems.append(f"{len(invoices)} invoices for {len(due)} eligible orders")
    return problems


def _differences(order: GeneratedOrder, invoice: Json) -> list[str]:
    stated = sum(order.vat.values(), Decimal(0))
    payments = [Decimal(payment["bedrag"]) for payment in invoice["betalingen"]]
    checks = {
        f"total {invoice['factuurbedrag']} for {order.total}": Decimal(invoice["factuurbedrag"]) == order.total,
        f"VAT {_vat(invoice)} for {stated}": _vat(invoice) == stated,
        f"open balance {invoice['openstaandSaldo']}": Decimal(invoice["openstaandSaldo"]) == 0,
        f"payments {payments}": payments == [order.total],
    }
    return [f"order {order.number}: {what}" for what, holds in checks.items() if not holds]


def _summary(
    made: World,
    connected: Connected,
    cast: Cast,
    rows: Mapping[str, Json],
    invoices: Mapping[str, Json],
    console: Console,
) -> None:
    shop_total = sum((order.total for order in cast.orders if _expected(cast, order) == "paid"), Decimal(0))
    books_total = sum((Decimal(invoice["factuurbedrag"]) for invoice in invoices.values()), Decimal(0))
    announced = {order.number for order in cast.announced} - {order.number for order in cast.paid_later}
    took = sorted(
        seconds for number, row in rows.items() if number in announced and (seconds := _seconds(row)) is not None
    )
    calls = made.books.ask("calls")[connected.administration]
    console.print(f"Shop € {shop_total} · books € {books_total} · {len(invoices)} invoices")
    console.print(
        f"Webhook to paid with {ANSWER_MS} ms per answer: median {statistics.median(took):.1f} s, "
        f"95 % within {took[int(len(took) * 0.95)]:.1f} s, longest {took[-1]:.1f} s (the cold start)"
    )
    console.print(
        f"SnelStart calls: {calls['orders']} for orders, {calls['reference']} for reference data, "
        f"{calls['token']} for tokens; at most {calls['max_concurrent']} at once"
    )


if __name__ == "__main__":
    sys.exit(main())
