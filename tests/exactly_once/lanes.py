"""The worker's lanes as SQS plays them, in simulated time: visibility, receives, delays, dead letters.

Stands where the AWS client would send: our own code notices nothing. Queues of the local AWS know no other time than
this moment's, and hours must pass here in seconds.
"""

import io
import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import time_machine
from botocore.awsrequest import AWSPreparedRequest, AWSResponse

from koppeling import aws, delivery, poll
from koppeling.deadline import Deadline
from koppeling.failures import Unavailable
from koppeling.messages import ImportMessage, order_queue_message
from tests.exactly_once.rig import Connected, Stage, message

MOST_RECEIVES = 50
POLL = timedelta(minutes=15)
_VISIBILITY_SECONDS = 360.0
_SECONDS_OF_A_WORKER = 58.0
_MOST_DELIVERIES = 20_000


@dataclass(slots=True)
class Waiting:
    """One message in a lane; `visible_at`: seconds since 1970."""

    url: str
    body: str
    visible_at: float
    receives: int = 0
    handle: str = ""

    @property
    def number(self) -> str:
        """The order it is about, or the import."""
        told = order_queue_message(self.body)
        return told.run if isinstance(told, ImportMessage) else told.order_number


class _Raw(io.BytesIO):
    def stream(self, amount: int = 65_536, **_: object) -> Iterator[bytes]:
        """As urllib3's answer is read."""
        while chunk := self.read(amount):
            yield chunk


@dataclass
class Lanes:
    """Everything queued, and the clock it waits by."""

    stage: Stage
    clock: time_machine.Traveller
    waiting: list[Waiting] = field(default_factory=list)
    dead: list[Waiting] = field(default_factory=list)
    received: Counter[str] = field(default_factory=Counter)
    """Deliveries by order number, or import."""
    most_receives: int = 0
    """Of any one message: what SQS holds against the dead letters' limit."""
    polls: Counter[str] = field(default_factory=Counter)
    """How the polls ended."""
    refuses: Callable[[dict[str, Any]], bool] = field(default=lambda _entry: False)
    """Which entries of a batch SQS does not take, although it answers 200."""
    batches: int = 0
    next_poll: dict[str, datetime] = field(default_factory=dict)

    def announce(self, connected: Connected, number: str) -> None:
        """What a webhook leaves in the live lane."""
        body = message(connected, number).to_body()
        self.waiting.append(Waiting(self.stage.queue_url, body, datetime.now(UTC).timestamp()))

    def lane(self, url: str) -> list[Waiting]:
        """What is in one lane, visible or not."""
        return [one for one in self.waiting if one.url == url]

    def polled_from_now(self, connected: Connected) -> None:
        """Let the clock of the deployment ask this shop every quarter of an hour."""
        self.next_poll[connected.id] = datetime.now(UTC) + POLL

    def pass_time(self, span: timedelta) -> None:
        """Let everything happen that happens within this time, in order."""
        end = datetime.now(UTC) + span
        for _ in range(_MOST_DELIVERIES):
            first = min(self.waiting, key=lambda one: one.visible_at, default=None)
            message_at = datetime.fromtimestamp(first.visible_at, UTC) if first else end
            connection_id = min(self.next_poll, key=lambda one: self.next_poll[one], default="")
            poll_at = self.next_poll.get(connection_id, end)
            if min(message_at, poll_at) >= end:
                self._move_to(end)
                return
            self._move_to(min(message_at, poll_at))
            if first and message_at <= poll_at:
                self.deliver(first)
            else:
                self._poll(connection_id)
        raise AssertionError(f"{_MOST_DELIVERIES} deliveries and no end")

    def deliver(self, one: Waiting) -> bool:
        """One delivery as SQS and the worker make it; whether the message is done with."""
        one.receives += 1
        if one.receives > MOST_RECEIVES:
            self.waiting.remove(one)
            self.dead.append(one)
            return False
        self.received[one.number] += 1
        self.most_receives = max(self.most_receives, one.receives)
        one.handle = uuid.uuid4().hex
        one.visible_at = datetime.now(UTC).timestamp() + _VISIBILITY_SECONDS
        arn = f"arn:aws:sqs:eu-central-1:000000000000:{one.url.rpartition('/')[2]}"
        try:
            delivery.work(one.body, one.handle, Deadline.after(_SECONDS_OF_A_WORKER), arn)
        except delivery.ComesBack:
            return False
        self.waiting.remove(one)
        return True

    def _poll(self, connection_id: str) -> None:
        self.next_poll[connection_id] += POLL
        try:
            polled = poll.poll(self.stage.table, connection_id)
        except Unavailable:
            # As the poller: the next one asks for all of it.
            self.polls["put off"] += 1
        else:
            self.polls["complete" if polled.complete else "incomplete"] += 1

    def _move_to(self, moment: datetime) -> None:
        self.clock.move_to(max(moment, datetime.now(UTC)))

    def answer(self, request: AWSPreparedRequest, **_: object) -> AWSResponse:
        """SQS's answer to a call of ours."""
        target = request.headers["X-Amz-Target"]
        operation = (target.decode() if isinstance(target, bytes) else target).rpartition(".")[2]
        given: dict[str, Any] = json.loads(cast("bytes", request.body))
        content = json.dumps(self._carried_out(operation, given)).encode()
        headers = cast("Any", {"content-type": "application/x-amz-json-1.0"})
        return AWSResponse(request.url, 200, headers, cast("Any", _Raw(content)))

    def _carried_out(self, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        now = datetime.now(UTC).timestamp()
        if operation == "ChangeMessageVisibility":
            in_lane = self.lane(given["QueueUrl"])
            [held] = [one for one in in_lane if one.handle == given["ReceiptHandle"]]
            held.visible_at = now + given["VisibilityTimeout"]
            return {}
        assert operation == "SendMessageBatch", operation
        self.batches += 1
        assert 1 <= len(given["Entries"]) <= 10, "SQS takes ten at a time"
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        for entry in given["Entries"]:
            if self.refuses(entry):
                answer["Failed"].append({"Id": entry["Id"], "Code": "InternalError", "SenderFault": False})
                continue
            assert entry["DelaySeconds"] <= 900, "SQS delays no longer"
            self.waiting.append(Waiting(given["QueueUrl"], entry["MessageBody"], now + entry["DelaySeconds"]))
            answer["Successful"].append({"Id": entry["Id"], "MessageId": uuid.uuid4().hex, "MD5OfMessageBody": ""})
        return answer


@contextmanager
def lanes(stage: Stage, start: datetime) -> Iterator[Lanes]:
    """All lanes, empty, at this moment; time stands still inside unless it is passed."""
    with time_machine.travel(start, tick=False) as clock:
        played = Lanes(stage, clock)
        events: Any = aws.sqs().meta.events
        # After whatever else listens there, for what answers is the last that is asked.
        events.register_last("before-send", played.answer, "lanes")
        try:
            yield played
        finally:
            events.unregister("before-send", played.answer, "lanes")
