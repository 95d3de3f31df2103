"""What the journeys have in common: orders worth announcing, and waiting for what becomes of them."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from sandbox import orders as generator
from sandbox.order_lines import Line, Part, stated_vat
from sandbox.orders import GeneratedOrder
from sandbox.world import Connected, World, WorldError, wait_until

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
PATIENCE_SECONDS = 90.0
_SENDERS = 4

type Json = dict[str, Any]


def connect(stage: World, name: str, *, profile: str = "", **administration: object) -> Connected:
    """A connection that books yesterday's orders too: an order of minutes ago may be one, just after midnight."""
    start = (datetime.now(AMSTERDAM) - timedelta(days=7)).date()
    return stage.connect(name, profile=f"start_date = {start}\n{profile}", **administration)


def generated(seed: int, count: int = 1, *, first: int = 1001, **kinds: int) -> list[GeneratedOrder]:
    """Orders of the last quarter of an hour, so that a poll, whose window ends now, finds them."""
    start = datetime.now(AMSTERDAM) - timedelta(minutes=20)
    mix: Mapping[Any, int] = kinds or {"sale": 1}
    return generator.generate(seed, count, first_number=first, start=start, span=timedelta(minutes=15), mix=mix)


def sale(number: int = 1001, **changes: object) -> Json:
    """An ordinary paid and completed order as the shop's API states it, some of its fields changed."""
    return {**generated(number, first=number)[0].raw, **changes}


def line(kind: str, description: str, quantity: int, cents: int, rate: int) -> Line:
    """An order line; `cents` is what the customer pays for the whole of it."""
    told: Json = {"type": kind, "description": description, "quantity": quantity}
    if kind == "article":
        told["articles"] = [{"id": 1, "description": description, "sku": "ART-1", "options": []}]
    return Line(told, (Part(Decimal(rate), cents),))


def priced(lines: Sequence[Line]) -> Json:
    """The fields of an order that state its lines, total and VAT."""
    vat = stated_vat(Random(0), lines, "rate")  # noqa: S311 -- by rate, nothing is drawn
    cents = sum(one.cents for one in lines)
    return {
        "price": {
            "tax": [{"amount": f"{amount:.6f}", "rate": f"{rate:.2f}"} for rate, amount in vat.items()],
            "total": f"{Decimal(cents) / 100:.6f}",
        },
        "orderlines": [one.told() for one in lines],
    }


def with_email(raw: Json, email: str) -> Json:
    """The order as of somebody with this e-mail address."""
    return {**raw, "debtor": {**raw["debtor"], "email": email}}


def announce(stage: World, connected: Connected, numbers: Collection[str | int]) -> None:
    """Signed webhooks for all of them, several at once, each taken."""
    with ThreadPoolExecutor(_SENDERS) as senders:
        answers = list(senders.map(lambda number: stage.announce(connected, number).status_code, numbers))
    assert answers == [202] * len(numbers)


def reach(
    stage: World,
    connected: Connected,
    expected: Mapping[str, str],
    *,
    seconds: float = PATIENCE_SECONDS,
    reason: bool = False,
) -> None:
    """Wait until these orders are in these states, for a `reason` where asked.

    This looks at the rows: the command that tells the same takes most of a second, and slows down what it looks at.
    """
    seen: dict[str, tuple[str, str]] = {}

    def reached() -> bool:
        seen.clear()
        seen.update(standing(stage, connected))
        return all(
            number in seen and seen[number][0] == state and (seen[number][1] or not reason)
            for number, state in expected.items()
        )

    try:
        wait_until(reached, seconds, "orders")
    except WorldError as error:
        raise AssertionError(f"expected {dict(expected)} within {seconds:.0f} s, found {seen}") from error


def until(
    stage: World, connected: Connected, expected: Mapping[str, str], *, seconds: float = PATIENCE_SECONDS
) -> dict[str, Json]:
    """`reach`, and then all orders of the connection by number, as the command line tells them."""
    reach(stage, connected, expected, seconds=seconds)
    return stage.orders(connected)


def standing(stage: World, connected: Connected, *states: str) -> dict[str, tuple[str, str]]:
    """Of each order in one of these states (of all, when none is named) its state and the code of its reason."""
    found: dict[str, tuple[str, str]] = {}
    for row in rows_of(stage, connected.id):
        if row["sk"]["S"].startswith("ORDER#") and (not states or row["state"]["S"] in states):
            code = row.get("reason", {}).get("M", {}).get("code", {}).get("S", "")
            found[row["order_number"]["S"]] = (row["state"]["S"], code)
    return found


def book(stage: World, connected: Connected, *orders: Json) -> None:
    """Place these orders, announce them and wait until each is paid."""
    stage.place(connected, list(orders))
    numbers = [str(order["number"]) for order in orders]
    announce(stage, connected, numbers)
    reach(stage, connected, dict.fromkeys(numbers, "paid"))


def booked(stage: World, connected: Connected, *orders: Json) -> dict[str, Json]:
    """`book`, and then all orders of the connection by number, as the command line tells them."""
    book(stage, connected, *orders)
    return stage.orders(connected)


def settled(invoice: Json, total: Decimal | str) -> None:
    """The invoice is of this total and paid once, in full."""
    assert Decimal(invoice["factuurbedrag"]) == Decimal(total)
    assert Decimal(invoice["openstaandSaldo"]) == 0
    assert [Decimal(payment["bedrag"]) for payment in invoice["betalingen"]] == [Decimal(total)]


def vat_of(invoice: Json) -> dict[str, Decimal]:
    """The invoice's VAT by kind."""
    return {entry["btwSoort"]: Decimal(entry["btwBedrag"]) for entry in invoice["btw"]}


def customers(stage: World, connected: Connected) -> list[Json]:
    """The administration's relations but for SnelStart's own."""
    return [row for row in stage.ledger(connected)["relaties"] if row["relatiecode"] > 0]


def rows_of(stage: World, connection_id: str) -> list[dict[str, Any]]:
    """Every row the table holds under this connection, as DynamoDB tells them."""
    return rows_under(stage, f"CONNECTION#{connection_id}")


def rows_under(stage: World, pk: str) -> list[dict[str, Any]]:
    """The rows of one partition, as DynamoDB tells them."""
    pages = stage.deployment.dynamodb.get_paginator("query").paginate(
        TableName=stage.deployment.outputs["TableName"],
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": pk}},
    )
    return [row for page in pages for row in page["Items"]]


def left_in(stage: World, queue_url: str) -> int:
    """How many messages a queue holds, hidden ones too."""
    counted = stage.deployment.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])["Attributes"]
    return int(counted["ApproximateNumberOfMessages"]) + int(counted["ApproximateNumberOfMessagesNotVisible"])


@contextmanager
def fault(stage: World, side: str, **what: object) -> Iterator[None]:
    """A fault in the shop or the books for the length of the block, striking every call it matches."""
    simulator = stage.shop if side == "shop" else stage.books
    simulator.tell("faults", {"times": 10_000} | what)
    try:
        yield
    finally:
        simulator.untell("faults")
