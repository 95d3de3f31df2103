"""The doorway for SnelStart's activation calls: keep the koppelsleutel sealed, answer, and believe nothing yet.

SnelStart signs nothing and never repeats a call. So whatever is well-formed hears the same, whether it was ours to
keep or not; what is kept is proven afterwards, by the poller. botocore alone, as in the webhook's function: SnelStart
waits for the answer.
"""

import json
import logging
import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Never, cast

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from koppeling.links import LONGEST_REFERENCE_KEY, Reference, read_reference_key
from koppeling.messages import ActivationMessage
from koppeling.secret import silence
from koppeling.settings import required

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

MOST_BYTES: Final = 65_536
LONGEST_KEY: Final = 2_048
"""Characters of a koppelsleutel, as JSON writes them; KMS seals 4,096 bytes at once."""
LONGEST_ACTION: Final = 64
SIGNING_KEY_SECONDS: Final = 60
FRESH_SECONDS: Final = 1
DUE_SECONDS: Final = 120
"""After which a tick of the clock carries it out, should the message never arrive."""
KEPT_SECONDS: Final = 30 * 24 * 3600

_ACTIONS: Final = {"create": "Create", "regenerate": "Regenerate", "delete": "Delete"}

logger = logging.getLogger("koppeling.activation")

type Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Clients:
    """The four services behind this door."""

    table: "DynamoDBClient"
    keys: "KMSClient"
    vault: "SecretsManagerClient"
    queue: "SQSClient"


@dataclass(frozen=True, slots=True)
class Call:
    """What somebody says who claims to be SnelStart."""

    action: str
    reference_key: str = field(repr=False)
    koppelsleutel: str = field(repr=False)


class NotKept(Exception):
    """This call changes nothing; `why` is for our log alone, its sender hears `status`."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


_signing_keys: dict[str, tuple[str, float]] = {}


def handler(event: Mapping[str, object], _context: object) -> Answer:
    """Answer one API Gateway REST proxy event: 200, 400, 413 or 503, always in JSON."""
    now = time.time()
    try:
        message = _keep(_read(_body(event)), now)
    except NotKept as refusal:
        level = logging.ERROR if refusal.status is HTTPStatus.SERVICE_UNAVAILABLE else logging.WARNING
        logger.log(level, "activation not kept", extra={"status": int(refusal.status), "why": refusal.why})
        return _answer(refusal.status)
    _announce(message)
    return _answer(HTTPStatus.OK)


def forget() -> None:
    """Let go of the clients and of the key, as a new process would start."""
    clients.cache_clear()
    _signing_keys.clear()


@cache
def clients() -> Clients:
    """The clients of this process, made on the first call."""
    silence()
    session = botocore.session.get_session()
    config = Config(connect_timeout=1, read_timeout=2, retries={"mode": "standard", "total_max_attempts": 2})
    return Clients(
        table=cast("DynamoDBClient", session.create_client("dynamodb", config=config)),
        keys=cast("KMSClient", session.create_client("kms", config=config)),
        vault=cast("SecretsManagerClient", session.create_client("secretsmanager", config=config)),
        queue=cast("SQSClient", session.create_client("sqs", config=config)),
    )


def _body(event: Mapping[str, object]) -> bytes:
    text = event.get("body")
    if not isinstance(text, str):
        _malformed("no body")
    try:
        body = b64decode(text, validate=True) if event.get("isBase64Encoded") else text.encode()
    except ValueError:
        _malformed("neither base64 nor UTF-8")
    if len(body) > MOST_BYTES:
        raise NotKept(HTTPStatus.CONTENT_TOO_LARGE, "size")
    return body


def _read(body: bytes) -> Call:
    """The call, however SnelStart spells its names: `KoppelSleutel` and `koppelSleutel` were both seen."""
    try:
        # With a byte order mark too, as .NET is apt to write.
        content = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_constant)
    except RecursionError:
        _malformed("nested too deeply")
    except ValueError:
        _malformed("no JSON, or a name twice")
    if not isinstance(content, dict):
        _malformed("no JSON object")
    action, reference_key, koppelsleutel = (
        content.get(name) for name in ("actiontype", "referencekey", "koppelsleutel")
    )
    if not isinstance(action, str) or not 0 < len(action) <= LONGEST_ACTION:
        _malformed("ActionType")
    if not isinstance(reference_key, str) or not 0 < len(reference_key) <= LONGEST_REFERENCE_KEY:
        _malformed("ReferenceKey")
    if koppelsleutel is None and action.casefold() == "delete":
        koppelsleutel = ""
    if not isinstance(koppelsleutel, str) or not _is_key(koppelsleutel, action):
        _malformed("KoppelSleutel")
    return Call(action, reference_key, koppelsleutel.strip())


def _is_key(text: str, action: str) -> bool:
    key = text.strip()
    if not key:
        return action.casefold() == "delete" and len(text) <= LONGEST_KEY
    return key.isascii() and key.isprintable() and len(json.dumps(key)) <= LONGEST_KEY + len('""')


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """An object by its names in lower case; one that says something twice says nothing."""
    named = {name.casefold(): value for name, value in pairs}
    if len(named) != len(pairs):
        raise ValueError
    return named


def _keep(call: Call, now: float) -> ActivationMessage:
    """Whose it is, whether they remember it, and then the row: in this order, so that strangers cost the least."""
    reference = _ours(call.reference_key, now)
    action = _ACTIONS.get(call.action.casefold())
    if action is None:
        _ignored("action")
    expired = reference.expires_at.timestamp() <= now
    if expired and action == "Create":
        _ignored("expired")
    _mark_approved(reference, now, expired=expired)
    return _store(reference, action, call.koppelsleutel, now)


def _ours(given: str, now: float) -> Reference:
    """What the reference key says, when we signed it: with the key held or, on a mismatch, with the one stored now."""
    name = required("PARTNER_SECRET_NAME")
    signing_key, read_at = _signing_keys.get(name, ("", 0.0))
    held = 0 <= now - read_at < SIGNING_KEY_SECONDS
    found = read_reference_key(given, signing_key) if held else None
    if found is None and not (held and now - read_at < FRESH_SECONDS):
        signing_key = _signing_key(name)
        _signing_keys[name] = (signing_key, now)
        found = read_reference_key(given, signing_key)
    if found is None:
        _ignored("reference key")
    return found


def _signing_key(name: str) -> str:
    try:
        stored = json.loads(clients().vault.get_secret_value(SecretId=name)["SecretString"])
    except (BotoCoreError, ClientError) as error:
        _unavailable("partner secret", error)
    except ValueError:
        _not_stored("partner secret: no JSON")
    found = stored.get("link_signing_key") if isinstance(stored, dict) else None
    if not isinstance(found, str) or not found:
        _not_stored("partner secret: no key to sign links with")
    return found


def _mark_approved(reference: Reference, now: float, *, expired: bool) -> None:
    """Remember that SnelStart used this reference key, which its connection must know.

    Before it expires any of its links will do; afterwards only one that SnelStart used in time: what comes then is
    about the connection that the owner made with it.
    """
    try:
        clients().table.update_item(
            TableName=required("TABLE_NAME"),
            Key={"pk": {"S": f"CONNECTION#{reference.connection_id}"}, "sk": {"S": reference.row}},
            UpdateExpression="SET approved_at = if_not_exists(approved_at, :now)",
            ConditionExpression="attribute_exists(approved_at)" if expired else "attribute_exists(pk)",
            ExpressionAttributeValues={":now": {"S": _iso(now)}},
        )
    except (BotoCoreError, ClientError) as error:
        if isinstance(error, ClientError) and error.response["Error"]["Code"] == "ConditionalCheckFailedException":
            _ignored("not remembered")
        _unavailable("link", error)


def _store(reference: Reference, action: str, koppelsleutel: str, now: float) -> ActivationMessage:
    """The row that is carried out later, due at once: the message that announces it is a convenience."""
    # Begins with the moment, so that the last call stands last.
    activation = f"{int(now * 1000):012x}{secrets.token_hex(10)}"
    connection_id = reference.connection_id
    try:
        sealed = clients().keys.encrypt(
            KeyId=required("KEY_ID"),
            Plaintext=json.dumps({"koppelsleutel": koppelsleutel}).encode(),
            EncryptionContext={"connection": connection_id, "purpose": "credentials"},
        )["CiphertextBlob"]
        clients().table.put_item(
            TableName=required("TABLE_NAME"),
            Item={
                "pk": {"S": f"CONNECTION#{connection_id}"},
                "sk": {"S": f"ACTIVATION#{activation}"},
                "action": {"S": action},
                "state": {"S": "received"},
                "received_at": {"S": _iso(now)},
                "attempts": {"N": "0"},
                "sealed": {"B": sealed},
                "due_pk": {"S": "ACTIVATIONS"},
                "due_at": {"S": _iso(now + DUE_SECONDS)},
                "expires_at": {"N": str(int(now) + KEPT_SECONDS)},
            },
        )
    except (BotoCoreError, ClientError, KeyError) as error:  # KeyError: an answer that is none
        _unavailable("store", error)
    logger.info("activation kept", extra={"connection_id": connection_id, "activation": activation, "action": action})
    return ActivationMessage(connection_id, activation)


def _announce(message: ActivationMessage) -> None:
    """So that it is carried out now. Not taken: the row is there, and a tick of the clock finds it due."""
    try:
        clients().queue.send_message(
            QueueUrl=required("POLL_QUEUE_URL"), MessageBody=message.to_body(), MessageGroupId=message.connection_id
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning("activation not announced", extra={"why": _code(error), "activation": message.activation})


def _iso(moment: float) -> str:
    # As koppeling.clock writes it, without its time zones.
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _no_constant(_name: str) -> Never:
    # Python reads NaN and Infinity, which are no JSON.
    raise ValueError


def _malformed(why: str) -> Never:
    raise NotKept(HTTPStatus.BAD_REQUEST, why)


def _ignored(why: str) -> Never:
    raise NotKept(HTTPStatus.OK, why)


def _not_stored(why: str) -> Never:
    raise NotKept(HTTPStatus.SERVICE_UNAVAILABLE, why)


def _unavailable(what: str, error: Exception) -> Never:
    raise NotKept(HTTPStatus.SERVICE_UNAVAILABLE, f"{what}: {_code(error)}") from error


def _code(error: Exception) -> str:
    # The code or class alone: AWS's sentences may repeat what was asked.
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


_SAYS: Final[Mapping[HTTPStatus, Mapping[str, object]]] = {
    HTTPStatus.OK: {"received": True},
    HTTPStatus.BAD_REQUEST: {"error": "not a call with KoppelSleutel, ActionType and ReferenceKey in JSON"},
    HTTPStatus.CONTENT_TOO_LARGE: {"error": f"the body is larger than {MOST_BYTES} bytes"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"error": "not received just now"},
}


def _answer(status: HTTPStatus) -> Answer:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": int(status), "headers": headers, "body": json.dumps(_SAYS[status]), "isBase64Encoded": False}
