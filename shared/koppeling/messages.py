"""What travels through the queues: thin pointers. The worker reads the order itself from the shop."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal, cast, get_args

Cause = Literal["webhook", "poll", "waiting", "retry", "import"]

CONNECTION_ID: Final = re.compile(r"[0-9a-f]{16}")
_TRACE: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
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

    def to_body(self) -> str:
        """The message as the queue carries it; `received_at` in UTC."""
        return json.dumps(
            {
                "connection_id": self.connection_id,
                "order_number": self.order_number,
                "cause": self.cause,
                "received_at": self.received_at.astimezone(UTC).isoformat(),
                "trace": self.trace,
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
        return cls(
            connection_id=_matching(fields, "connection_id", CONNECTION_ID),
            order_number=number,
            cause=cast("Cause", cause),
            received_at=_moment(fields, "received_at"),
            trace=_matching(fields, "trace", _TRACE),
        )


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


def _garbage(name: str) -> ValueError:
    return ValueError(f"the message's {name} is missing or malformed")
