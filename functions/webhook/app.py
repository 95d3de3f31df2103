"""The doorway for webhooks: prove the sender, keep the order number in the queue, and only then say 202.

Everything a cold start pays for is paid before the shop has its answer, hence botocore alone: boto3, Powertools,
pydantic and httpx stay outside. Imports happen in Lambda's start-up, at a whole processor whatever the memory size.
"""

import json
import logging
import time
import uuid
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Never, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from koppeling.messages import CONNECTION_ID, OrderMessage, order_number
from koppeling.secret import silence
from koppeling.settings import required
from koppeling.signature import SIGNATURE_HEADER, key_matches, new_secret, new_url_key, verify

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sqs import SQSClient

MOST_BYTES: Final = 65_536
CACHE_SECONDS: Final = 60
FRESH_SECONDS: Final = 1
RETRY_AFTER_SECONDS: Final = 30
MOST_HELD: Final = 4_096
"""Connections remembered; who makes up ids all day long must not fill the memory."""

LIVE_A_MINUTE: Final = 50
"""Orders of one shop that this process puts among other shops' within a minute; SnelStart takes some 125."""

_APART_SECONDS: Final = 0.24
"""Between the orders of a flood, from its minute's begin on: as fast as SnelStart takes known customers' orders."""

_SPREAD_SECONDS: Final = 300
"""Over which a flood is spread: before the next poll each has had its turn, and a row that says so."""

_SEALS_NOTHING: Final = bytes(64)
_NO_SEAL_OF_OURS: Final = frozenset({"InvalidCiphertextException", "AccessDeniedException"})
"""What KMS answers to `_SEALS_NOTHING`: it is no seal, or none this function may open."""

logger = logging.getLogger("koppeling.webhook")

type Answer = dict[str, object]
type Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Clients:
    """The three services behind this door."""

    table: "DynamoDBClient"
    keys: "KMSClient"
    queue: "SQSClient"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a sender of this connection can prove, as it stood at `read_at` (seconds since 1970).

    Of a connection that does not exist: what nobody can prove, `sealed` in nothing.
    """

    secrets: tuple[str, ...] = field(repr=False)
    key: str = field(repr=False)
    read_at: float
    sealed: bytes = field(repr=False)


class RefusalError(Exception):
    """An answer other than 202; `why` is for our log alone, `says` for the sender."""

    def __init__(self, status: HTTPStatus, why: str, says: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.says = says


@dataclass(slots=True)
class _Minute:
    """The orders taken in during one minute, by connection."""

    number: int = 0
    taken: Counter[str] = field(default_factory=Counter)


_held: dict[str, Credentials] = {}
_minute = _Minute()


def handler(event: Event, _context: object) -> Answer:
    """Answer one API Gateway REST proxy event: 202, 400, 401, 413 or 503, always in JSON."""
    # The access log's own name of this request: from there by it to the trace, and by that to the order.
    request_id = _text(_mapping(event.get("requestContext")).get("requestId"))
    given_id = _text(_mapping(event.get("pathParameters")).get("connection_id"))
    connection_id = given_id if CONNECTION_ID.fullmatch(given_id) else None
    try:
        message = _accept(event, connection_id, time.time())
    except RefusalError as refusal:
        level = logging.ERROR if refusal.status is HTTPStatus.SERVICE_UNAVAILABLE else logging.WARNING
        logger.log(
            level,
            "webhook refused",
            extra={
                "status": int(refusal.status),
                "why": refusal.why,
                "connection_id": connection_id,
                "request_id": request_id,
            },
        )
        return _answer(refusal.status, {"error": refusal.says})
    logger.info(
        "webhook accepted",
        extra={
            "connection_id": message.connection_id,
            "order_number": message.order_number,
            "trace": message.trace,
            "request_id": request_id,
        },
    )
    return _answer(HTTPStatus.ACCEPTED, {"accepted": True})


def forget() -> None:
    """Let go of the clients and of every secret held, as a new process would start."""
    clients.cache_clear()
    _held.clear()
    _minute.taken.clear()


@cache
def clients() -> Clients:
    """The clients of this process, made on the first call; from one session, each after the first costs a third."""
    silence()
    session = botocore.session.get_session()
    # A service that hangs is given up after 3 times 3 s and the pauses between: the API itself waits no more than 29 s.
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 3})
    return Clients(
        table=cast("DynamoDBClient", session.create_client("dynamodb", config=config)),
        keys=cast("KMSClient", session.create_client("kms", config=config)),
        queue=cast("SQSClient", session.create_client("sqs", config=config)),
    )


def _accept(event: Event, connection_id: str | None, now: float) -> OrderMessage:
    """Size, sender, body, queue: in this order, so that a stranger learns nothing of what comes after."""
    body = _body(event)
    sender = _authenticated(event, body, connection_id, now)
    number = _order_number(body)
    message = OrderMessage(sender, number, "webhook", datetime.fromtimestamp(now, UTC), uuid.uuid4().hex)
    _enqueue(message, *_lane(sender, now))
    return message


def _body(event: Event) -> bytes | None:
    """The bytes as sent, None where they cannot be recovered from the event."""
    text = _text(event.get("body"))
    try:
        # surrogatepass: half a surrogate pair is no UTF-8, and is to be refused for that, further on
        encoded = bool(event.get("isBase64Encoded"))
        body = b64decode(text, validate=True) if encoded else text.encode("utf-8", "surrogatepass")
    except ValueError:
        body = None
    if len(text if body is None else body) > MOST_BYTES:
        raise RefusalError(HTTPStatus.CONTENT_TOO_LARGE, "size", f"the body is larger than {MOST_BYTES} bytes")
    return body


def _authenticated(event: Event, body: bytes | None, connection_id: str | None, now: float) -> str:
    """The connection this sender speaks for. Whoever it is not, hears one and the same answer."""
    headers = dict(_named_values(event, "headers", "multiValueHeaders"))
    signed = SIGNATURE_HEADER in headers
    why = "signature" if signed else "key"
    key = dict(_named_values(event, "queryStringParameters", "multiValueQueryStringParameters")).get("key", "")
    if connection_id is None:
        _unauthorised("connection id")
    if body is None and signed:
        _unauthorised("signature over unreadable base64")
    if not signed and not key:
        _unauthorised("neither signature nor key")

    def proves(credentials: Credentials) -> bool:
        if signed:
            return body is not None and verify(headers, body, credentials.secrets, now)
        return key_matches(key, credentials.key)

    if not _proven(connection_id, proves, now):
        _unauthorised(why)
    return connection_id


def _proven(connection_id: str, proves: Callable[[Credentials], bool], now: float) -> bool:
    """Try what we hold, and on a mismatch what is stored now: a new secret works at once, an old one 60 s more.

    A connection that does not exist takes the same road, call by call: nor does the time of the answer tell it.
    """
    # The wall clock, because the monotonic one may stand still while Lambda has the process frozen.
    for stale in [name for name, kept in _held.items() if not 0 <= now - kept.read_at < CACHE_SECONDS]:
        del _held[stale]
    held = _held.get(connection_id)
    if held is not None:
        if proves(held):
            return True
        if now - held.read_at < FRESH_SECONDS:
            return False
    fresh = _read(connection_id, held, now)
    if len(_held) >= MOST_HELD:
        _held.clear()
    _held[connection_id] = fresh
    return proves(fresh)


def _read(connection_id: str, held: Credentials | None, now: float) -> Credentials:
    """The connection's webhook credentials from its row; opened only when they are others than those held."""
    try:
        found = clients().table.get_item(
            TableName=required("TABLE_NAME"),
            Key={"pk": {"S": f"CONNECTION#{connection_id}"}, "sk": {"S": "CONNECTION"}},
            ProjectionExpression="sealed_webhook",
            ConsistentRead=True,
            ReturnConsumedCapacity="TOTAL",
        )
        # Without it this is no answer: botocore makes an empty one of what is no JSON.
        found["ConsumedCapacity"]
        sealed = found.get("Item", {}).get("sealed_webhook", {}).get("B", b"")
        if held is not None and held.sealed == sealed:
            return replace(held, read_at=now)
        plain = _opened(connection_id, sealed)
    except (BotoCoreError, ClientError, KeyError) as error:  # KeyError: an answer that is none
        _unavailable("credentials", error)
    if not sealed:
        return Credentials((new_secret(),), new_url_key(), now, sealed)
    try:
        stored = json.loads(plain)
        return Credentials(tuple(map(str, stored["secrets"])), str(stored["key"]), now, sealed)
    except (ValueError, KeyError, TypeError) as error:
        _unavailable("sealed credentials", error)


def _opened(connection_id: str, sealed: bytes) -> bytes:
    """What KMS makes of it; nothing where nothing is sealed, which is asked all the same because asking takes time."""
    try:
        return clients().keys.decrypt(
            CiphertextBlob=sealed or _SEALS_NOTHING,
            EncryptionContext={"connection": connection_id, "purpose": "webhook"},
        )["Plaintext"]
    except ClientError as error:
        if sealed or error.response["Error"]["Code"] not in _NO_SEAL_OF_OURS:
            raise
        return b""


def _order_number(body: bytes | None) -> str:
    """The one thing believed of a body: which order to look at."""
    if body is None:
        _malformed("the body is not base64 although the request says so")
    try:
        content = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError:
        _malformed("the body is not UTF-8")
    except RecursionError:
        _malformed("the body is nested too deeply")
    except ValueError:  # also integers of more digits than Python converts
        _malformed("the body is not JSON")
    if not isinstance(content, dict):
        _malformed("the body is not a JSON object")
    data = content.get("data")
    place = data if isinstance(data, dict) and data.get("order_number") is not None else content
    if "order_number" not in place:
        _malformed("order_number is missing, in data and at the top level")
    number = order_number(place["order_number"])
    if number is None:
        _malformed("order_number is neither a whole number above 0 nor 1 to 32 characters of A-Z a-z 0-9 . _ -")
    return number


def _lane(connection_id: str, now: float) -> tuple[str, int]:
    """The queue for one more order of this shop, and its delay: the slow lane for more than can be booked at once.

    SQS's fair queues serve the other shops first as well; this keeps the queue short, with and without them.
    """
    minute = int(now // 60)
    if minute != _minute.number:
        _minute.number = minute
        _minute.taken.clear()
    _minute.taken[connection_id] += 1
    taken = _minute.taken[connection_id]
    if taken <= LIVE_A_MINUTE:
        return required("ORDER_QUEUE_URL"), 0
    return required("BACKLOG_QUEUE_URL"), max(0, int(taken * _APART_SECONDS - now % 60)) % _SPREAD_SECONDS


def _enqueue(message: OrderMessage, queue_url: str, delay: int) -> None:
    try:
        clients().queue.send_message(
            QueueUrl=queue_url,
            MessageBody=message.to_body(),
            MessageGroupId=message.connection_id,
            DelaySeconds=delay,
        )["MessageId"]
    except (BotoCoreError, ClientError, KeyError) as error:  # KeyError: nothing says that it was taken
        _unavailable("queue", error)


def _no_constant(_name: str) -> Never:
    # Python reads NaN and Infinity, which are no JSON.
    raise ValueError


def _unauthorised(why: str) -> Never:
    raise RefusalError(HTTPStatus.UNAUTHORIZED, why, "unknown connection, or no valid signature or key")


def _malformed(says: str) -> Never:
    raise RefusalError(HTTPStatus.BAD_REQUEST, says, says)


def _unavailable(what: str, error: Exception) -> Never:
    # The code or class alone: AWS's sentences may repeat what was asked.
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    raise RefusalError(
        HTTPStatus.SERVICE_UNAVAILABLE, f"{what}: {code}", "not accepted just now, please send it again"
    ) from error


def _answer(status: HTTPStatus, content: Mapping[str, object]) -> Answer:
    headers = {"Content-Type": "application/json"}
    if status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(content), "isBase64Encoded": False}


def _named_values(event: Event, single: str, several: str) -> Iterator[tuple[str, str]]:
    """The names in lower case, the last value of each; API Gateway fills both shapes, test consoles one or none."""
    for name, values in _mapping(event.get(several)).items():
        if isinstance(values, list) and values:
            yield name.lower(), _text(values[-1])
    for name, value in _mapping(event.get(single)).items():
        yield name.lower(), _text(value)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
