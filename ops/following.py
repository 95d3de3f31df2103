"""`koppeling orders`, `order`, `preview`, `retry` and `redrive`: what became of orders, and trying them again."""

import sys
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from ops import output, places, stack
from ops.options import ConnectionId, Json, StackName
from ops.output import Exit, could_not, wrong_use

if TYPE_CHECKING:
    from collections.abc import Iterator

    from koppeling.connections import Connection
    from koppeling.foreseen import Preview
    from koppeling.order_row import OrderRow
    from koppeling.table import Table

OrderState = Literal["received", "waiting", "booked", "paid", "credited", "skipped", "refused", "failed"]

ORDERS_EXAMPLES = (
    "koppeling orders 1f2e3d4c5b6a7988",
    "koppeling orders 1f2e3d4c5b6a7988 --state refused",
)
ORDER_EXAMPLES = (
    "koppeling order 1f2e3d4c5b6a7988 1001",
    "koppeling order 1f2e3d4c5b6a7988 1001 --explain",
)
PREVIEW_EXAMPLES = (
    "koppeling preview 1f2e3d4c5b6a7988 --last 30d",
    "koppeling preview 1f2e3d4c5b6a7988 --order 1001",
    "koppeling preview 1f2e3d4c5b6a7988 --last 7d --json",
)
RETRY_EXAMPLES = (
    "koppeling retry 1f2e3d4c5b6a7988 1001",
    "koppeling retry 1f2e3d4c5b6a7988 --refused",
)
REDRIVE_EXAMPLES = ("koppeling redrive",)


def orders(
    connection_id: ConnectionId,
    state: Annotated[OrderState | None, typer.Option(help="Only orders in this state.")] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """List what became of each order, by number. Exit code 1 when one of them is refused, failed or stuck.

    The refused ones are grouped by cause: `koppeling retry ID --refused` books them all once it is gone.
    """
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling.orders import Orders
    from ops import views

    rows = list(Orders(table, connection.id).all(state))
    if json:
        output.document([row.as_json() for row in rows])
    elif rows and state == "refused":
        output.table(("code", "for", "cause", "advice", "count", "orders"), views.causes(rows))
    elif rows:
        output.table(("order", "state", "invoice", "total", "reason"), [views.order_cells(row) for row in rows])
    else:
        print("No orders.")
    attention = sum(views.needs_attention(row) for row in rows)
    if attention:
        return output.not_well(
            f"{attention} of {len(rows)} need attention: `koppeling order {connection.id} NUMBER` says what to do."
        )
    return Exit.DONE


def order(
    connection_id: ConnectionId,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The order's number in the shop.")],
    explain: Annotated[  # noqa: FBT002 -- an option
        bool, typer.Option("--explain", help="Say why: plan it again as the shop states it now, and compare.")
    ] = False,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show what became of one order, why, and what to do. Exit code 1 when it is refused, failed or stuck."""
    wanted = places.order_number(number)
    _, table, connection = places.find(stack_name, connection_id)
    from koppeling.orders import Orders
    from ops import views

    row = Orders(table, connection.id).get(wanted)
    if row is None:
        raise could_not(
            "no-such-order",
            f"Order {wanted} of connection {connection.id} was never announced here.",
            f"If it is in the shop, `koppeling retry {connection.id} {wanted}` fetches it.",
        )
    now = _looked_ahead(table, connection, wanted) if explain else None
    from ops import previews

    if json:
        output.document(previews.explained_json(row, now) if now else row.as_json())
    else:
        output.facts(views.order_facts(row))
        if now:
            previews.explain(now)
    if views.needs_attention(row):
        return output.not_well(output.say(row.reason) if row.reason else f"Order {wanted} is {row.state}.")
    return Exit.DONE


def preview(
    connection_id: ConnectionId,
    last: Annotated[
        str | None, typer.Option(metavar="DAYS", help="Orders placed in the last so many days; 30d unless given.")
    ] = None,
    number: Annotated[
        str | None, typer.Option("--order", metavar="NUMBER", help="One order, by its number in the shop.")
    ] = None,
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Show what would be booked, line by line, and what would be refused and why, without writing anything.

    Works for a paused connection too. Not to be known beforehand: whether SnelStart's period is still open and
    whether it takes the customer. Exit code 1 when an order would be refused.
    """
    if last is not None and number is not None:
        raise wrong_use("wrong-use", "Give --last or --order, not both", "(see `koppeling preview --help`).")
    wanted = places.order_number(number) if number is not None else None
    from ops import previews

    days = previews.days(last or "30d")
    _, table, connection = places.find(stack_name, connection_id)
    found: list[Preview] = []
    for one in [_looked_ahead(table, connection, wanted)] if wanted else _look_ahead(table, connection, days):
        found.append(one)
        if not json:
            previews.show(one)
    summary = previews.Summary.of(found)
    if json:
        orders = [previews.preview_json(one) for one in found]
        output.document({"connection_id": connection.id, "summary": summary.as_json(), "orders": orders})
    else:
        print(summary.text())
    if summary.refused:
        return output.not_well(f"{summary.outcomes['refuse']} of {summary.looked_at} would be refused.")
    return Exit.DONE


def retry(
    connection_id: ConnectionId,
    number: Annotated[str | None, typer.Argument(metavar="[NUMBER]", help="The order's number in the shop.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="All orders that somebody had to act on.")] = False,  # noqa: FBT002 -- an option
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Queue an order again, or all refused ones, after the cause is gone.

    An order never seen here is queued too. Exit code 1 when what is queued may not lead to a booking.
    """
    if (number is None) != refused:
        raise wrong_use("wrong-use", "Give one order number or --refused", "(see `koppeling retry --help`).")
    wanted = places.order_number(number) if number is not None else None
    _, table, connection = places.find(stack_name, connection_id)
    if connection.paused:
        # Its message would only remember the order; one that is refused would not go on at `resume`.
        raise could_not(
            "connection-paused",
            f"Connection {connection.id} is paused, so nothing can be tried again.",
            f"`koppeling resume {connection.id}` first.",
        )
    if wanted is None:
        from koppeling import onboard

        row, queued = None, onboard.requeue(table, connection, onboard.stopped, anew=True)
    else:
        row, queued = _queue(table, connection, wanted)
    if json:
        output.document({"connection_id": connection.id, "order_number": wanted, "queued": queued})
    else:
        print(f"Queued: {queued}.")
    if wanted and row is None:
        return output.not_well(
            f"Order {wanted} was not known here: `koppeling order {connection.id} {wanted}` will say whether it exists."
        )
    return Exit.DONE


def redrive(
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> int:
    """Move the dead letters of orders and imports back. Exit code 1 when unreadable ones stay behind."""
    deployment = stack.find(stack_name)
    from ops import letters

    moved = letters.redrive(
        deployment.value("OrderDeadLetterQueueUrl"),
        deployment.value("OrderQueueUrl"),
        deployment.value("ImportQueueUrl"),
    )
    if json:
        output.document({"moved": moved.moved, "left": moved.left})
    else:
        print(f"Moved: {moved.moved}.")
    if moved.left:
        return output.not_well(
            f"Left behind: {moved.left}, being no messages of ours; SQS drops them when they are 14 days old."
        )
    return Exit.DONE


def _looked_ahead(table: "Table", connection: "Connection", number: str) -> "Preview":
    from koppeling.preview import preview_order
    from koppeling.workplace import Workplace

    with Workplace.open(table, connection) as place:
        return preview_order(place, number)


def _look_ahead(table: "Table", connection: "Connection", days: int) -> "Iterator[Preview]":
    from koppeling import clock
    from koppeling.preview import preview_since
    from koppeling.workplace import Workplace

    today = clock.now().astimezone(clock.AMSTERDAM).date()
    with Workplace.open(table, connection) as place:
        yield from preview_since(place, today - timedelta(days=days), today, _progress)


def _progress(done: int, expected: int) -> None:
    if sys.stderr.isatty():
        output.remark(f"{done} of {expected} orders looked at ...")


def _queue(table: "Table", connection: "Connection", number: str) -> tuple["OrderRow | None", int]:
    """The order as it was, and how many messages were queued: one."""
    from koppeling import clock, queues
    from koppeling.messages import OrderMessage
    from koppeling.orders import Orders
    from koppeling.settings import settings

    row = Orders(table, connection.id).get(number)
    message = OrderMessage(connection.id, number, "retry", clock.now(), uuid.uuid4().hex)
    return row, queues.send_orders(settings().order_queue_url, [message])
