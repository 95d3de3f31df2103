"""The harness between the queue and the worker: real messages, delivered when, how often and in what order we like."""

import json
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

from functions.webhook import app
from koppeling import delivery, patience, poll
from koppeling.deadline import Deadline
from koppeling.failures import Unavailable
from koppeling.imports import Imports, Run
from koppeling.order_row import DONE, OrderRow
from koppeling.orders import Orders
from koppeling.table import Row, read_row
from tests.chaos.taps import Tap, Taps
from tests.exactly_once.rig import Connected, Stage

_SECONDS_OF_A_WORKER = 58.0
_HIDDEN_SECONDS = 43_200
_MOMENTS = ("sent_at", "lease_until", "due_at", "first_waited_at")
_ACCEPTED = 202


def free(_: object) -> None:
    """A tap that strikes nothing."""


@dataclass(slots=True)
class Letter:
    """One message taken out of the queue, and how often it was delivered."""

    body: str
    handle: str
    queue_url: str
    deliveries: int = 0

    @property
    def number(self) -> str:
        """The order it is about, or the import."""
        told = json.loads(self.body)
        return str(told.get("import") or told["order_number"])

    @property
    def queue_arn(self) -> str:
        """The queue it came from, as Lambda names it."""
        return f"arn:aws:sqs:eu-central-1:000000000000:{self.queue_url.rpartition('/')[2]}"


@dataclass
class Post:
    """One connection's messages, its time, and the ways a message comes about."""

    stage: Stage
    connected: Connected
    taps: Taps
    webhook_key: str = field(default="", repr=False)
    letters: list[Letter] = field(default_factory=list)

    def announce(self, number: str, tap: Tap | None = None) -> bool:
        """The shop's webhook about this order; whether it was told 202."""
        return self.told(number, tap).get("statusCode") == _ACCEPTED

    def told(self, number: str, tap: Tap | None = None) -> dict[str, object]:
        """What the shop's webhook about this order is told; nothing when we died."""
        told: dict[str, object] = {}
        event = {
            "pathParameters": {"connection_id": self.connected.id},
            "queryStringParameters": {"key": self.webhook_key},
            "headers": {},
            "body": json.dumps({"order_number": number}),
        }
        alive = self.taps.run(tap or Tap(free), lambda: told.update(app.handler(event, None)))
        return told if alive else {}

    def poll(self, tap: Tap | None = None) -> bool:
        """One poll of the shop; False when it failed or died."""
        polled: list[poll.Polled] = []

        def ask() -> None:
            # As the poller's function does: put off, or reported to SQS as failed; the next poll asks for it all.
            with suppress(Unavailable):
                polled.append(poll.poll(self.stage.table, self.connected.id))

        return self.taps.run(tap or Tap(free), ask) and bool(polled) and polled[0].complete

    def fetch(self) -> list[Letter]:
        """Take what is in the queue; all that is held now."""
        for queue_url in (self.stage.queue_url, self.stage.backlog_url, self.stage.import_url):
            while messages := self._received(queue_url):
                self.letters += [Letter(each["Body"], each["ReceiptHandle"], queue_url) for each in messages]
        return self.letters

    def letter(self, number: str) -> Letter:
        """The message about this order or this import."""
        return next(letter for letter in self.fetch() if letter.number == number)

    def _received(self, queue_url: str) -> list[Any]:
        answer = self.stage.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=_HIDDEN_SECONDS
        )
        return list(answer.get("Messages", []))

    def deliver(self, letter: Letter, tap: Tap | None = None) -> bool:
        """One delivery; whether the message is done with. It stays held until `done`."""
        letter.deliveries += 1
        back: list[bool] = []

        def work() -> None:
            try:
                delivery.work(letter.body, letter.handle, Deadline.after(_SECONDS_OF_A_WORKER), letter.queue_arn)
            except delivery.ComesBack:
                back.append(True)

        return self.taps.run(tap or Tap(free), work) and not back

    def done(self, letter: Letter) -> None:
        """What Lambda does after a delivery that went well."""
        if letter in self.letters:
            self.letters.remove(letter)
            self.stage.sqs.delete_message(QueueUrl=letter.queue_url, ReceiptHandle=letter.handle)

    def work_off(self) -> None:
        """Deliver everything held once, undisturbed."""
        for letter in list(self.fetch()):
            if self.deliver(letter):
                self.done(letter)

    def rows(self) -> dict[str, OrderRow]:
        """What became of each order, as our own table says it."""
        return {row.number: row for row in Orders(self.stage.table, self.connected.id).all()}

    def runs(self) -> dict[str, Run]:
        """How far each import is, as our own table says it."""
        return {run.id: run for run in Imports(self.stage.table, self.connected.id).all()}

    def time_passes(self, seconds: float) -> None:
        """Set back every moment that anything still depends on; what SnelStart does late by then has been done."""
        self.taps.time_goes(seconds)
        for row in self._open():
            self._set_back(row, _earlier_moments(row, seconds))
        self.stage.room_again(self.connected)
        patience.forget()

    def _set_back(self, row: Mapping[str, Any], moments: Mapping[str, Any]) -> None:
        """Only what is still as it was read: a delivery under way may write at this very moment."""
        if not moments:
            return
        with suppress(self.stage.dynamodb.exceptions.ConditionalCheckFailedException):
            self.stage.dynamodb.update_item(
                TableName=self.stage.table_name,
                Key={"pk": row["pk"], "sk": row["sk"]},
                UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in moments),
                ConditionExpression=" AND ".join(f"#{name} = :was_{name}" for name in moments),
                ExpressionAttributeNames={f"#{name}": name for name in moments},
                ExpressionAttributeValues={f":{name}": value for name, value in moments.items()}
                | {f":was_{name}": row[name] for name in moments},
            )

    def _open(self) -> list[dict[str, Any]]:
        pages = self.stage.dynamodb.get_paginator("query").paginate(
            TableName=self.stage.table_name,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"CONNECTION#{self.connected.id}"}},
            ConsistentRead=True,
        )
        return [wire for page in pages for wire in page["Items"] if _depends_on_time(read_row(wire))]


def _depends_on_time(row: Row) -> bool:
    if row["sk"].startswith("CUSTOMER#"):
        return "relatie_id" not in row
    if row["sk"].startswith("IMPORT#"):
        return "finished_at" not in row
    if not row["sk"].startswith("ORDER#"):
        return False
    return row["state"] not in DONE or "owner" in row or bool(row.get("reversing"))


def _earlier_moments(wire: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    """The moments of a row, as DynamoDB has them, that much earlier."""
    earlier: dict[str, Any] = {
        name: {"S": _earlier(wire[name]["S"], seconds)} for name in _MOMENTS if "S" in wire.get(name, {})
    }
    for mark in ("invoice", "settlement", "sent"):
        if "M" in wire.get(mark, {}):
            inner = wire[mark]["M"]
            earlier[mark] = {"M": {**inner, "sent_at": {"S": _earlier(inner["sent_at"]["S"], seconds)}}}
    if wire["sk"]["S"].startswith("IMPORT#"):
        earlier["body"] = {"B": _earlier_run(wire["body"]["B"], seconds)}
    return earlier


def _earlier_run(body: bytes, seconds: float) -> bytes:
    """An import as it is stored: since when its batch is under way, and when it last read the customers."""
    run = json.loads(zlib.decompress(body))
    if run["sending"] and run["sending"]["sent_at"]:
        run["sending"]["sent_at"] = _earlier(run["sending"]["sent_at"], seconds)
    if run["customers_at"]:
        run["customers_at"] = _earlier(run["customers_at"], seconds)
    return zlib.compress(json.dumps(run).encode())


def _earlier(moment: str, seconds: float) -> str:
    shifted = datetime.fromisoformat(moment) - timedelta(seconds=seconds)
    return shifted.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def aside(work: Callable[[], object]) -> None:
    """Do this on a thread of its own and wait for it: another worker, at this very moment."""
    failed: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- raised on the thread that waits
            failed.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join()
    if failed:
        raise failed[0]
