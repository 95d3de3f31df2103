"""A connection as the operator works with it: its shop, its administration, and the command line."""

import ssl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import boto3
import httpx

from koppeling import clock
from koppeling.claim import Claim
from koppeling.deadline import Deadline
from koppeling.messages import OrderMessage
from koppeling.orders import Orders
from koppeling.sync import sync_order
from koppeling.table import Table, read_row
from sandbox.books_run import BooksClient
from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY
from sandbox.world import Simulator
from tests.ops.shop import PARTNER_TOKEN

if TYPE_CHECKING:
    from tests.ops.conftest import Deployed, Koppeling, Said


@dataclass(frozen=True)
class Books:
    """A shop of its own tied to an administration of its own, and what the command line says about it."""

    id: str
    token: str
    run: "Koppeling" = field(repr=False)
    shop: Simulator = field(repr=False)
    books: BooksClient = field(repr=False)
    table_name: str

    def place(self, *raws: dict[str, Any]) -> list[str]:
        """Let the shop have these orders; their numbers."""
        self.shop.tell("orders", {"store": self.token, "orders": raws})
        return [str(raw["number"]) for raw in raws]

    def deliver(self, number: str) -> None:
        """One delivery of the order's message to the worker's code."""
        message = OrderMessage(self.id, number, "webhook", clock.now(), "trace")
        sync_order(message, Deadline.after(58.0))

    def preview(self, *arguments: str) -> "Said":
        """`koppeling preview` of this connection."""
        return self.run("preview", self.id, *arguments)

    def one(self, number: str) -> dict[str, Any]:
        """What the preview says of one order."""
        said = self.preview("--order", number, "--json").json
        [only] = said["orders"]
        looked: dict[str, Any] = only
        return looked

    def rows(self) -> list[dict[str, Any]]:
        """All rows of the table, sorted, but for the count of calls to SnelStart."""
        found = map(read_row, boto3.client("dynamodb").scan(TableName=self.table_name)["Items"])
        return sorted((row for row in found if row["sk"] != "BUDGET"), key=lambda row: (row["pk"], row["sk"]))

    def claim(self, number: str) -> Claim:
        """An order of this connection, under way."""
        claimed = Orders(Table(boto3.client("dynamodb"), self.table_name), self.id).claim(number, clock.now())
        assert isinstance(claimed, Claim)
        return claimed

    def writes(self) -> dict[str, int]:
        """The calls to this administration that were no reading, by path."""
        calls = self.books.sim("GET", "/calls", administration=self.books.id)["calls"]
        return {call["path"]: call["count"] for call in calls if call["method"] != "GET"}


@contextmanager
def opened(stack: "Deployed", koppeling: "Koppeling") -> Iterator[Books]:
    """A fresh connection without orders."""
    given = ("--subscription-key", DEFAULT_SUBSCRIPTION_KEY, "--partner-token", PARTNER_TOKEN)
    assert koppeling("partner", *given).code == 0
    token = f"winkel-{uuid.uuid4().hex[:8]}"
    administration = stack.books.other()
    with httpx.Client(timeout=30.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:
        shop = Simulator(stack.shop.url, http)
        shop.tell("stores", {"token": token, "name": token, "primary_domain": "theepot.example"})
        added = koppeling(
            *("add", "--name", "Theepot", "--shop-token", token, "--json"),
            *("--snelstart-key", str(administration.made["koppelsleutel"])),
        )
        made = Books(added.json["id"], token, koppeling, shop, administration, stack.outputs["TableName"])
        settings = ("--set", "start_date=2020-01-01", "--set", "invoice_number=MWW{number}")
        assert koppeling("profile", made.id, *settings).code == 0
        yield made
    administration.close()
