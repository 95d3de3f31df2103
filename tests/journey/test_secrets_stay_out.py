import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY, Connected, World, wait_until
from tests.journey.steps import announce, book, connect, fault, generated, rows_of, sale, standing

RESTING = ("paid", "refused", "waiting")
QUEUES = ("OrderQueueUrl", "OrderDeadLetterQueueUrl", "PollQueueUrl", "PollDeadLetterQueueUrl")
CANARY: dict[str, Any] = {
    "id": "b0a7c0de-0000-4000-8000-00000000cafe",
    "email": "Kanarie.Vogel@Volière.example",
    "name": "Kanarie Vogelzang",
    "company": "Vogelzang Zaden VOF",
    "address": {
        "invoice": {
            "name": "Kanarie Vogelzang",
            "company": "Vogelzang Zaden VOF",
            "street": "Zaadkorrelkade",
            "number": "417b",
            "zipcode": "9876 QX",
            "city": "Piepdorp",
            "country": "Nederland",
            "country_code": "NL",
            "phone": "06-98765432",
            "taxnumber": "NL999999999B99",
            "bankaccount": "NL00FOUT0123456789",
        },
        "delivery": {"name": "Ontvanger Tjilpstra", "street": "Nestkastlaan", "number": "8", "city": "Eidorp"},
    },
}


def texts(value: object) -> Iterator[str]:
    """Every text in an order's part that is about a person, long enough to be looked for."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in ("country", "country_code", "id", "gender"):
                yield from texts(inner)
    elif isinstance(value, str) and len(value) > 4:
        yield value


@pytest.fixture(scope="module")
def eventful(stage: World) -> tuple[Connected, set[str]]:
    """A shop that saw a bit of everything; and what must be found nowhere."""
    connected = connect(stage, "Geheimen")
    orders = generated(11, 6, first=1001)
    (dollars, mismatch, unpaid) = (
        generated(12, first=1011 + place, **{kind: 1})[0]
        for place, kind in enumerate(("dollars", "mismatch", "unpaid"))
    )
    everything = [order.raw for order in (*orders, dollars, mismatch, unpaid)]
    # SnelStart refuses the first address, nobody knows what to do with the second, the third is good
    for number, email in enumerate((CANARY["email"], "geen adres maar Kanarievogel", "kanarie@vogel.example"), 1021):
        everything.append(sale(number, debtor={**CANARY, "email": email}))
    everything.append(sale(1024, price="kapot", debtor=CANARY))
    stage.place(connected, everything)
    stage.shop.tell("faults", {"kind": "500", "path": "/v1/orders/1001$", "times": 3, "store": connected.shop_token})
    stage.shop.tell("faults", {"kind": "cut", "path": "/v1/orders/1002$", "times": 3, "store": connected.shop_token})
    stage.shop.tell("faults", {"kind": "html-200", "path": "/v1/orders/1003$", "store": connected.shop_token})
    for kind, path in (("500-after", "/verkoopboekingen"), ("400", "/relaties"), ("cut-after", "/bankboekingen")):
        what = {"kind": kind, "path": path, "method": "POST", "administration": connected.administration}
        stage.books.tell("faults", what)
    announce(stage, connected, [str(order["number"]) for order in everything])
    stage.announce(connected, 9999)
    stage.deployment.sqs.send_message(
        QueueUrl=stage.deployment.outputs["OrderDeadLetterQueueUrl"],
        MessageBody=json.dumps({"connection_id": connected.id, "order_number": "1024"}),
    )
    assert stage.announce(connected, "?Kanarie Vogelzang").status_code == 400
    numbers = {order["number"] for order in everything} | {9999}
    wait_until(lambda: len(standing(stage, connected, *RESTING)) == len(numbers), 60, "the orders to come to rest")
    assert {"paid", "refused", "waiting"} <= {row["state"] for row in stage.orders(connected).values()}
    with fault(stage, "shop", kind="403", path="/v1/(store|orders)(/|$)", store=connected.shop_token):
        stage.deployment.poll()
        announce(stage, connected, [1031])
        # Whoever asks first finds the token refused: the poll, and the order is kept, or the worker, and it is refused.
        wait_until(
            lambda: stage.koppeling("show", connected.id)["status"] == "paused",
            90,
            "the connection to be paused",
            every=1.0,
        )
    stage.koppeling("resume", connected.id)
    stage.koppeling("rotate", connected.id)
    # one more invocation of each function: what a thread of theirs wrote last comes with it
    book(stage, connect(stage, "Na de geheimen"), sale())
    stage.deployment.poll()
    canaries = {
        *(SUBSCRIPTION_KEY, PARTNER_TOKEN, connected.shop_token, connected.koppelsleutel),
        *(connected.webhook_secret, connected.webhook_secret.removeprefix("whsec_"), connected.webhook_key),
        # how a bearer token and a token in an address begin
        *("eyJ", "Bearer ", "?token=", "&token=", "partner_token="),
        *texts(CANARY),
        "Kanarie",
        "Vogelzang",
    }
    for order in everything:
        canaries |= set(texts(order["debtor"]))
    return connected, canaries | {canary.casefold() for canary in canaries if "@" in canary}


def found(canaries: set[str], where: str) -> list[str]:
    """Those that are there."""
    return sorted(canary for canary in canaries if canary in where)


def test_no_log_line_holds_a_secret_or_a_person(stage: World, eventful: tuple[Connected, set[str]]) -> None:
    """After an eventful journey nothing the functions said holds a credential, a name or an address."""
    connected, canaries = eventful
    lines = stage.deployment.log_lines()

    assert any(connected.id in line and "1024" in line for line in lines), "the logs are those of this journey"
    assert found(canaries, "\n".join(lines)) == []


def test_no_row_holds_a_secret_or_a_person(stage: World, eventful: tuple[Connected, set[str]]) -> None:
    """Nothing of a customer and no readable credential is in the table; an order row holds amounts and ids."""
    connected, canaries = eventful
    rows = rows_of(stage, connected.id)
    stored = "\n".join(f"{row!r}" for row in rows)

    assert sum("ORDER#" in row["sk"]["S"] for row in rows) >= 13
    assert found(canaries, stored) == []
    allowed = {
        *("pk", "sk", "order_number", "state", "received_at", "updated_at", "paid_at", "seen", "first_waited_at"),
        *("attempts", "total", "currency", "booking", "invoice", "settlement", "verkoopboeking_id", "payment_id"),
        *("reason", "notes", "plan_notes", "due_pk", "due_at", "owner", "lease_until"),
    }
    assert {name for row in rows if "ORDER#" in row["sk"]["S"] for name in row} <= allowed


def test_no_message_holds_a_secret_or_a_person(stage: World, eventful: tuple[Connected, set[str]]) -> None:
    """What is left in the queues and the dead letters names connections and orders only."""
    _, canaries = eventful
    bodies = []
    for queue in QUEUES:
        url = stage.deployment.outputs[queue]
        while batch := stage.deployment.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=30
        ).get("Messages", []):
            bodies += [message["Body"] for message in batch]
    stage.deployment.sqs.purge_queue(QueueUrl=stage.deployment.outputs["OrderDeadLetterQueueUrl"])

    assert bodies
    assert found(canaries, "\n".join(bodies)) == []
