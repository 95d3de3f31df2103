"""The worker's heart on real parts: a local AWS, a simulated shop and a simulated SnelStart, in this process."""

import json
import os
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import boto3
import httpx

from koppeling import aws, budget, delivery, onboard, partner, patience
from koppeling.connections import Connection, Connections
from koppeling.deadline import Deadline
from koppeling.messages import OrderMessage
from koppeling.order_row import OrderRow
from koppeling.orders import Orders
from koppeling.settings import settings
from koppeling.snelstart.client import SnelStart
from koppeling.sync import Later, sync_order
from koppeling.table import Key, Table, read_row, table
from sandbox.localaws import LocalAws
from sandbox.orders import generate
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY, Simulator

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_sqs import SQSClient

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
SETTLE_SECONDS = 120
SIGNING_KEY = "link-signing-key-made-up"
PROFILE = 'start_date = 2020-01-01\ninvoice_number = "MWW{number}"\n'
_MOMENTS = ("sent_at", "lease_until", "due_at", "first_waited_at")
_SECONDS_OF_A_WORKER = 58.0

_unused = count(1001)


@dataclass(frozen=True)
class Connected:
    """A simulated shop tied to a simulated administration, as `koppeling add` leaves it."""

    connection: Connection = field(repr=False)
    shop_token: str
    administration: str

    @property
    def id(self) -> str:
        """The connection's id."""
        return self.connection.id

    @property
    def snelstart(self) -> SnelStart:
        """The administration as another program of its owner reaches it."""
        return SnelStart(self.connection.credentials().koppelsleutel, SUBSCRIPTION_KEY)


@dataclass(frozen=True)
class Stage:
    """Everything one test plays on."""

    shop: Simulator
    books: Simulator
    dynamodb: "DynamoDBClient" = field(repr=False)
    sqs: "SQSClient" = field(repr=False)
    table_name: str
    queue_url: str
    backlog_url: str
    import_url: str

    @property
    def table(self) -> Table:
        """The table as our own code sees it."""
        return table()

    def connect(self, orders: Sequence[Mapping[str, Any]] = (), **options: object) -> Connected:
        """A new shop that has these orders, tied to a new administration with these options."""
        name = f"winkel-{uuid.uuid4().hex[:12]}"
        self.shop.tell("stores", {"token": name, "name": name, "primary_domain": f"{name}.example.nl"})
        self.shop.tell("orders", {"store": name, "orders": orders})
        made = self.books.tell("administrations", {"naam": name, **options})
        added = onboard.add(self.table, name, name, made["koppelsleutel"], PROFILE)
        return Connected(added.connection, name, made["id"])

    def connect_beside(self, connected: Connected) -> Connected:
        """Another new shop, tied to the same administration."""
        name = f"winkel-{uuid.uuid4().hex[:12]}"
        self.shop.tell("stores", {"token": name, "name": name, "primary_domain": f"{name}.example.nl"})
        key = connected.connection.credentials().koppelsleutel
        return replace(
            connected, connection=onboard.add(self.table, name, name, key, PROFILE).connection, shop_token=name
        )

    def disconnect(self, connected: Connected) -> None:
        """Erase the connection, so that no later test walks past it."""
        Connections(self.table).remove(connected.id)

    def place(self, connected: Connected, *orders: Mapping[str, Any]) -> None:
        """Let the shop have these orders."""
        self.shop.tell("orders", {"store": connected.shop_token, "orders": orders})

    def sale(self, connected: Connected, email: str = "", **changes: object) -> str:
        """A new paid order in the shop, of a new customer unless told; its number."""
        raw = order(email, **changes)
        self.place(connected, raw)
        return str(raw["number"])

    def change(self, connected: Connected, number: str, **fields: object) -> None:
        """Change an order in the shop; another `status` is of this moment."""
        self.shop.patch(f"orders/{connected.shop_token}/{number}", fields)

    def deliver(self, connected: Connected, number: str, deadline: Deadline | None = None) -> Later | None:
        """One delivery of the order's message."""
        return sync_order(message(connected, number), deadline or Deadline.after(_SECONDS_OF_A_WORKER))

    def enqueue(self, connected: Connected, number: str) -> tuple[str, str]:
        """Send the order's message and receive it: its body and receipt handle."""
        body = message(connected, number).to_body()
        self.sqs.send_message(QueueUrl=self.queue_url, MessageBody=body)
        while True:
            [received] = self.sqs.receive_message(QueueUrl=self.queue_url)["Messages"]
            # Else an older message that came back after its time.
            if received["Body"] == body:
                return body, received["ReceiptHandle"]

    def work(self, body: str, receipt_handle: str) -> bool:
        """One delivery as the worker function makes it; whether the message is done with."""
        try:
            delivery.work(body, receipt_handle, Deadline.after(_SECONDS_OF_A_WORKER))
        except delivery.ComesBack:
            return False
        # The emulator forgets a handle once the message may be received again; then it comes once more, as at AWS.
        with suppress(self.sqs.exceptions.ReceiptHandleIsInvalid):
            self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=receipt_handle)
        return True

    def until_done(self, connected: Connected, number: str, deliveries: int = 12) -> OrderRow:
        """Deliver again and again, with ten minutes in between, until the message is done with."""
        for _ in range(deliveries):
            if self.deliver(connected, number) is None:
                return self.row(connected, number)
            self.time_passes(connected)
        raise AssertionError(f"not done after {deliveries} deliveries: {self.row(connected, number)}")

    def rewrite(self, connected: Connected, number: str, **fields: object) -> None:
        """Change the order's row behind our code's back; None takes a field away."""
        key = Orders(self.table, connected.id).key(number)
        row = (self.table.get(key) or {}) | fields
        self.table.put({name: value for name, value in row.items() if value is not None})

    def row(self, connected: Connected, number: str) -> OrderRow:
        """The order's row."""
        row = Orders(self.table, connected.id).get(number)
        assert row is not None
        return row

    def time_passes(self, connected: Connected, seconds: float = 600.0) -> None:
        """Set every moment in the rows of unpaid orders and of customers that much back: time that passes unseen."""
        found = self.dynamodb.query(
            TableName=self.table_name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"CONNECTION#{connected.id}"}},
        )
        for wire in found["Items"]:
            row = read_row(wire)
            if not row["sk"].startswith(("ORDER#", "CUSTOMER#")) or row.get("state") == "paid":
                continue
            earlier: dict[str, object] = {
                name: _earlier(row[name], seconds) for name in _MOMENTS if isinstance(row.get(name), str)
            }
            for mark in ("invoice", "settlement", "sent"):
                if isinstance(row.get(mark), dict):
                    earlier[mark] = {**row[mark], "sent_at": _earlier(row[mark]["sent_at"], seconds)}
            if earlier:
                self.table.put({**row, **earlier})
        self._moved_back(connected, seconds)
        self.room_again(connected)

    def _moved_back(self, connected: Connected, seconds: float) -> None:
        """The same for what its administration's connections have in common."""
        turns = list(self.table.rows(self.budget(connected).pk, "TURN#"))
        for row in (*turns, *self.table.rows(f"CONNECTION#{connected.id}", "CONNECTION")):
            moments = [name for name in row if name.startswith(("lease_until", "beside_", "twin_"))]
            if moments:
                self.table.update(Key(row["pk"], row["sk"]), {name: _earlier(row[name], seconds) for name in moments})

    def room_again(self, connected: Connected) -> None:
        """The time is over in which SnelStart was not to be called, or has no calls left."""
        self.table.delete(self.budget(connected))
        budget.forget()

    def budget(self, connected: Connected) -> Key:
        """Where it stands what was bought of the administration's calls."""
        return Key(f"ADMINISTRATION#{connected.connection.administration_id}", "BUDGET")

    def queued(self, *, slow: bool = False) -> list[OrderMessage]:
        """Take all messages out of the order queue; `slow`: out of the slow lane."""
        found: list[OrderMessage] = []
        url = self.backlog_url if slow else self.queue_url
        while batch := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for received in batch:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=received["ReceiptHandle"])
                found.append(OrderMessage.from_body(received["Body"]))
        return found

    def ledger(self, connected: Connected) -> Any:  # noqa: ANN401 -- JSON
        """The whole administration as the simulator keeps it."""
        return self.books.ask("books", administration=connected.administration)

    def calls(self, connected: Connected) -> Counter[str]:
        """The calls of this administration so far, as `POST /relaties`."""
        report = self.books.ask("calls", administration=connected.administration)
        return Counter({f"{call['method']} {call['path']}": call["count"] for call in report["calls"]})

    def order_calls(self, connected: Connected) -> int:
        """The calls that orders cost: without tokens and reference data."""
        return int(self.books.ask("calls", administration=connected.administration)["orders"])

    def trouble(self, connected: Connected, kind: str, path: str, method: str = "POST", **more: object) -> None:
        """SnelStart's next call of this path goes wrong."""
        fault = {"kind": kind, "method": method, "path": path, "administration": connected.administration}
        self.books.tell("faults", fault | more)

    def effects(self, connected: Connected, number: str) -> tuple[int, int, int]:
        """How many relaties, invoices and settlements this order of a customer of its own has in the books."""
        books = self.ledger(connected)
        relaties = [relatie for relatie in customers(books) if relatie["email"] == f"klant{number}@example.nl"]
        invoices = [invoice for invoice in books["invoices"] if invoice["factuurnummer"] == f"MWW{number}"]
        return len(relaties), len(invoices), sum(len(invoice["betalingen"]) for invoice in invoices)

    def demand_once(self, connected: Connected, *numbers: str) -> None:
        """Exactly one invoice and one settlement per order, nothing open, one relatie per e-mail address."""
        books = self.ledger(connected)
        emails = [str(relatie["email"]).casefold() for relatie in customers(books)]
        for number in numbers:
            [invoice] = [each for each in books["invoices"] if each["factuurnummer"] == f"MWW{number}"]
            [betaling] = invoice["betalingen"]
            assert Decimal(invoice["openstaandSaldo"]) == 0
            assert Decimal(betaling["bedrag"]) == Decimal(invoice["factuurbedrag"])
            assert emails.count(invoice["klant"]["email"].casefold()) == 1
            row = self.row(connected, number)
            assert (row.state, row.verkoopboeking_id) == ("paid", invoice["id"])

    def calm(self) -> None:
        """No faults, no delays, an empty queue: how every test starts."""
        self.shop.untell("faults")
        self.books.untell("faults")
        self.shop.tell(
            "settings",
            {"round_trip_ms": 0, "retry_after": True, "archived_default": "both", "filter_zone": "Europe/Amsterdam"},
        )
        self.books.tell("settings", {"latency_ms": 0, "retry_after": True, "limits": True})
        self.queued()


def _earlier(moment: str, seconds: float) -> str:
    shifted = datetime.fromisoformat(moment) - timedelta(seconds=seconds)
    return shifted.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def order(email: str = "", /, **changes: object) -> dict[str, Any]:
    """A paid, completed order of this moment by a customer of its own, as the shop's API states it.

    Unless told it is not paid in cash: tests plant their faults where a bank booking goes.
    """
    number = next(_unused)
    [made] = generate(number, 1, first_number=number, start=datetime.now(AMSTERDAM), span=timedelta(0), mix={"sale": 1})
    raw: dict[str, Any] = dict(made.raw)
    raw["debtor"] = {**raw["debtor"], "email": email or f"klant{number}@example.nl"}
    if raw["payment"]["method_name"] == "cash":
        raw["payment"] = {**raw["payment"], "gateway_name": "mollie", "method_name": "ideal"}
    return raw | changes


def customers(books: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The relaties in an administration that were made in it: SnelStart's own have code 0 or below."""
    return [relatie for relatie in books["relaties"] if relatie["relatiecode"] > 0]


def message(connected: Connected, number: str) -> OrderMessage:
    """The message a webhook about this order becomes."""
    return OrderMessage(connected.id, number, "webhook", datetime.now(UTC), uuid.uuid4().hex)


@contextmanager
def stage(local: LocalAws, shop_url: str, books_url: str, settle_seconds: int = SETTLE_SECONDS) -> Iterator[Stage]:
    """Resources of its own on these parts, and this process's environment as the template would give it."""
    with httpx.Client(timeout=30.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        with environment(local.environment):
            dynamodb, kms, sqs = boto3.client("dynamodb"), boto3.client("kms"), boto3.client("sqs")
            secrets = boto3.client("secretsmanager")
            name = f"koppeling-{uuid.uuid4().hex[:8]}"
            _create_table(dynamodb, name)
            key_id = kms.create_key()["KeyMetadata"]["KeyId"]
            queue_url = sqs.create_queue(QueueName=name)["QueueUrl"]
            backlog_url = sqs.create_queue(QueueName=f"{name}-backlog")["QueueUrl"]
            import_url = sqs.create_queue(QueueName=f"{name}-imports")["QueueUrl"]
            secrets.create_secret(
                Name=name,
                SecretString=json.dumps(
                    {
                        "subscription_key": SUBSCRIPTION_KEY,
                        "partner_token": PARTNER_TOKEN,
                        "product": "productie",
                        "link_signing_key": SIGNING_KEY,
                    }
                ),
            )
        names = {
            "TABLE_NAME": name,
            "ORDER_QUEUE_URL": queue_url,
            "BACKLOG_QUEUE_URL": backlog_url,
            "IMPORT_QUEUE_URL": import_url,
            "KEY_ID": key_id,
            "PARTNER_SECRET_NAME": name,
            "MIJNWEBWINKEL_API_URL": shop_url,
            "SNELSTART_API_URL": f"{books_url}/v2",
            "SNELSTART_AUTH_URL": f"{books_url}/b2b/token",
            "SETTLE_SECONDS": str(settle_seconds),
        }
        with environment({**local.environment, **names}):
            shop, books = Simulator(shop_url, http), Simulator(books_url, http)
            made = Stage(shop, books, dynamodb, sqs, name, queue_url, backlog_url, import_url)
            made.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
            made.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})
            yield made


@contextmanager
def environment(changes: Mapping[str, str]) -> Iterator[None]:
    """Another environment for the block, and nothing remembered from before it or after it."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    _forget()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        _forget()


def _forget() -> None:
    remembered: tuple[Callable[[], None], ...] = (
        aws.session.cache_clear,
        aws.dynamodb.cache_clear,
        aws.sqs.cache_clear,
        aws.kms.cache_clear,
        aws.secretsmanager.cache_clear,
        settings.cache_clear,
        partner.forget,
        budget.forget,
        patience.forget,
    )
    for forget in remembered:
        forget()


def _create_table(dynamodb: "DynamoDBClient", name: str) -> None:
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": attribute, "AttributeType": "S"} for attribute in ("pk", "sk", "due_pk", "due_at")
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_pk", "KeyType": "HASH"},
                    {"AttributeName": "due_at", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        ],
        BillingMode="PAY_PER_REQUEST",
    )
