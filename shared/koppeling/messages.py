"""What travels through the queues: thin pointers. The worker reads the order itself from the shop."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final, Literal, cast, get_args

Cause = Literal["webhook", "poll", "waiting", "retry", "import"]

CONNECTION_ID: Final = re.compile(r"[0-9a-f]{16}")
_ACTIVATION: Final = re.compile(r"[0-9a-f]{32}")
_TRACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_RUN: Final = re.compile(r"[0-9a-z-]{8,40}")
_DIGITS: Final = re.compile(r"[0-9]{1,32}")
_OTHER_NUMBER: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")
_MOST_DIGITS: Final = 18


def order_number(value: object) -> str | None:
    """The one spelling of an order number, None for what can be none.

    Plain digits lose their leading zeros, so that ``"0001001"`` and ``1001`` are one order; at most 18 digits remain.
    Other text of 1 to 32 characters of ``A-Z a-z 0-9 . _ -`` (``"27t"``, a test order) comes back in capitals.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 1 <= value < 10**_MOST_DIGITS else None
    if not isinstance(value, str):
        return None
    if _DIGITS.fullmatch(value):
        digits = value.lstrip("0")
        return digits if 1 <= len(digits) <= _MOST_DIGITS else None
    return value.upper() if _OTHER_NUMBER.fullmatch(value) else None


@dataclass(frozen=True, slots=True)
class OrderMessage:
    """Look at this order; `cause` says who noticed it, `received_at` (aware) when, `trace` runs through the logs."""

    connection_id: str
    order_number: str
    cause: Cause
    received_at: datetime
    trace: str
    put_off: int = 0
    """How often it was sent anew for want of room in SnelStart's limits, so that SQS never counts that as failing."""

    def to_body(self) -> str:
        """The message as the queue carries it; `received_at` in UTC."""
        return json.dumps(
            {
                "connection_id": self.connection_id,
                "order_number": self.order_number,
                "cause": self.cause,
                "received_at": self.received_at.astimezone(UTC).isoformat(),
                "trace": self.trace,
                **({"put_off": self.put_off} if self.put_off else {}),
            }
        )

    @classmethod
    def from_body(cls, body: str) -> "OrderMessage":
        """The reverse of `to_body`; ValueError names the field that is wrong and repeats nothing of its content."""
        fields = _fields(body)
        number = order_number(fields.get("order_number"))
        if number is None:
            raise _garbage("order_number")
        cause = fields.get("cause")
        if cause not in get_args(Cause):
            raise _garbage("cause")
        put_off = fields.get("put_off", 0)
        if not isinstance(put_off, int) or put_off < 0:
            raise _garbage("put_off")
        return cls(
            connection_id=_matching(fields, "connection_id", CONNECTION_ID),
            order_number=number,
            cause=cast("Cause", cause),
            received_at=_moment(fields, "received_at"),
            trace=_matching(fields, "trace", _TRACE),
            put_off=put_off,
        )


@dataclass(frozen=True, slots=True)
class ImportMessage:
    """Go on with this import of history."""

    connection_id: str
    run: str

    def to_body(self) -> str:
        """The message as the queue carries it."""
        return json.dumps({"connection_id": self.connection_id, "import": self.run})

    @classmethod
    def from_body(cls, body: str) -> "ImportMessage":
        """The reverse of `to_body`; ValueError names the field that is wrong and repeats nothing of its content."""
        fields = _fields(body)
        return cls(_matching(fields, "connection_id", CONNECTION_ID), _matching(fields, "import", _RUN))


def order_queue_message(body: str) -> OrderMessage | ImportMessage:
    """Whichever of the order lanes' two messages this is. ValueError as theirs."""
    return ImportMessage.from_body(body) if "import" in _fields(body) else OrderMessage.from_body(body)


@dataclass(frozen=True, slots=True)
class PollMessage:
    """Ask this connection's shop what changed."""

    connection_id: str

    def to_body(self) -> str:
        """The message as the queue carries it."""
        return json.dumps({"connection_id": self.connection_id})

    @classmethod
    def from_body(cls, body: str) -> "PollMessage":
        """The reverse of `to_body`; ValueError names the field that is wrong and repeats nothing of its content."""
        return cls(_matching(_fields(body), "connection_id", CONNECTION_ID))


@dataclass(frozen=True, slots=True)
class ActivationMessage:
    """Carry out what SnelStart told of this connection; what that is stands in the table, sealed."""

    connection_id: str
    activation: str

    def to_body(self) -> str:
        """The message as the queue carries it."""
        return json.dumps({"connection_id": self.connection_id, "activation": self.activation})

    @classmethod
    def from_body(cls, body: str) -> "ActivationMessage":
        """The reverse of `to_body`; ValueError names the field that is wrong and repeats nothing of its content."""
        fields = _fields(body)
        return cls(_matching(fields, "connection_id", CONNECTION_ID), _matching(fields, "activation", _ACTIVATION))


@dataclass(frozen=True, slots=True)
class ReconcileMessage:
    """Compare the orders of this connection up to and including the day `until` with the books, over `days` days.

    `put_off`: how often that could not be done yet. `not_before` (aware): where its time is later than SQS can hold a
    message back; whoever gets it sooner sends it on.
    """

    connection_id: str
    until: date
    days: int
    put_off: int = 0
    not_before: datetime | None = None

    def to_body(self) -> str:
        """The message as the queue carries it."""
        told = {"reconcile": self.until.isoformat(), "days": self.days, "put_off": self.put_off}
        late = {"not_before": self.not_before.astimezone(UTC).isoformat()} if self.not_before else {}
        return json.dumps({"connection_id": self.connection_id, **told, **late})

    @classmethod
    def from_body(cls, body: str) -> "ReconcileMessage":
        """The reverse of `to_body`; ValueError names the field that is wrong and repeats nothing of its content."""
        fields = _fields(body)
        days, put_off = fields.get("days"), fields.get("put_off")
        if not isinstance(days, int) or days < 1:
            raise _garbage("days")
        if not isinstance(put_off, int) or put_off < 0:
            raise _garbage("put_off")
        not_before = _moment(fields, "not_before") if "not_before" in fields else None
        connection_id = _matching(fields, "connection_id", CONNECTION_ID)
        return cls(connection_id, _day(fields, "reconcile"), days, put_off, not_before)


def poll_queue_message(body: str) -> PollMessage | ActivationMessage | ReconcileMessage:
    """Whichever of the poll queue's three messages this is. ValueError as theirs."""
    fields = _fields(body)
    if "reconcile" in fields:
        return ReconcileMessage.from_body(body)
    return (ActivationMessage if "activation" in fields else PollMessage).from_body(body)


def _fields(body: str) -> dict[str, object]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        # The decoder's error carries the whole body along.
        raise ValueError("the message is not JSON") from None
    if not isinstance(fields, dict):
        raise ValueError("the message is not a JSON object")  # noqa: TRY004 (garbage is garbage, one kind of error)
    return fields


def _matching(fields: dict[str, object], name: str, pattern: re.Pattern[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise _garbage(name)
    return value


def _moment(fields: dict[str, object], name: str) -> datetime:
    value = fields.get(name)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _garbage(name)
    return moment


def _day(fields: dict[str, object], name: str) -> date:
    value = fields.get(name)
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        day = None
    if day is None:
        raise _garbage(name)
    return day


def _garbage(name: str) -> ValueError:
    return ValueError(f"the message's {name} is missing or malformed")
