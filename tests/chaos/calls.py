"""The names of calls: by the effect that each has, or the question that it is."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import httpx
from botocore.awsrequest import AWSPreparedRequest

from tests.chaos.faults import Where

_NUMBER = re.compile(r"/v1/orders/\d+$")
_ID = re.compile(r"/[0-9a-f]{8}-[0-9a-f-]{27}$")
_ORDER_WRITES = (
    (":reversing", "take back"),
    (":lease_until", "claim the order"),
    (":booking", "mark the invoice"),
    (":paid_at", "record paid"),
    (":verkoopboeking_id", "record the invoice"),
    (":settlement", "mark the settlement"),
    (":credited_by", "note the credit"),
)
_CUSTOMER_WRITES = (
    (":relatie_id", "record the customer"),
    (":lease_until", "claim the customer"),
    (":released_at", "let go of the customer"),
    (":sent", "mark the customer"),
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call: who is asked, and the effect that it has or the question that it is."""

    where: Where
    effect: str
    method: str = ""
    path: str = ""


def of_http(sent: httpx.Request) -> Call:
    """A call to the shop or to SnelStart."""
    path = sent.url.path
    if path.startswith("/v1/"):
        return Call("shop", _question(path, sent.url.params), sent.method, path)
    name = f"{sent.method} {_ID.sub('', path.removeprefix('/v2'))}"
    if name in {"POST /bankboekingen", "POST /kasboekingen"}:
        return Call("books", _settling(sent), sent.method, path.removeprefix("/v2"))
    effect = {
        "GET /relaties": "find the customer",
        "POST /relaties": "create the customer",
        "POST /verkoopboekingen": "book the invoice",
        "GET /verkoopfacturen": "look for the invoice",
    }.get(name, name)
    return Call("books", effect, sent.method, path.removeprefix("/v2"))


def _question(path: str, params: Mapping[str, str]) -> str:
    if path == "/v1/orders" and "start_date" in params:
        return "read the import page"
    return "read the order" if _NUMBER.search(path) else f"GET {path}"


def _settling(sent: httpx.Request) -> str:
    together = len(json.loads(sent.content)["verkoopboekingBoekingsRegels"]) > 1
    return "settle the batch" if together else "settle"


def of_aws(service: str, operation: str, request: AWSPreparedRequest) -> Call:
    """A call to AWS: a write by what it writes, anything else by its operation."""
    body = json.loads(cast("bytes", request.body or b"{}"))
    if operation in {"SendMessage", "SendMessageBatch"}:
        messages = [json.loads(entry["MessageBody"]) for entry in body.get("Entries", [body])]
        return Call("aws", "queue the import" if "import" in messages[0] else "queue the message", operation)
    named = _write(body) if operation == "UpdateItem" else f"{service}.{operation}"
    return Call("aws", named, operation)


def _write(body: Mapping[str, Any]) -> str:
    """A write by what it writes."""
    sort_key, values = body["Key"]["sk"]["S"], body.get("ExpressionAttributeValues", {})
    if sort_key.startswith("IMPORT#"):
        removed = body["UpdateExpression"].partition("REMOVE")[2]
        return _import_write(values, lets_go="lease_until" in removed)
    if sort_key.startswith("ORDER#"):
        return _order_write(values)
    if sort_key.startswith("CUSTOMER#"):
        return next((name for value, name in _CUSTOMER_WRITES if value in values), _unnamed(values))
    return "move the cursor" if sort_key == "CURSOR" else f"write {sort_key}"


def _order_write(values: Mapping[str, Any]) -> str:
    if ":batch" in values:
        return "record the batch" if ":paid_at" in values else "mark the batch"
    state = values.get(":state", {}).get("S")
    if state in {"waiting", "skipped", "refused", "failed"} or ":attempts" in values:
        return "record the verdict"
    if ":due_at" in values and ":settlement" not in values:
        # Its invoice is there, and nothing is the matter.
        left = state == "booked" and "M" not in values.get(":reason", {})
        return "leave to the batch" if left else "put the order off"
    if state == "credited" and ":paid_at" not in values:
        return "call it credited"
    return next((name for value, name in _ORDER_WRITES if value in values), _unnamed(values))


def _unnamed(values: Mapping[str, Any]) -> str:
    return f"another write, of {' '.join(sorted(values)).replace(':', '')}"


def _import_write(values: Mapping[str, Any], *, lets_go: bool) -> str:
    """By what the import's own row says after it."""
    if ":lease_until" in values:
        return "claim the import"
    if ":finished_at" in values:
        return "end the import"
    if lets_go:
        return "let go of the import"
    run = json.loads(zlib.decompress(b64decode(values[":body"]["B"])))
    if run["sending"]:
        return "note the batch" if run["sending"]["sent_at"] else "choose the batch"
    return "move the import on" if run["unsettled"] and (run["offset"] or run["read_whole"]) else "save the import"
