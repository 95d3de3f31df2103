"""The names of calls: by the effect that each has, or the question that it is."""

import json
import re
from dataclasses import dataclass
from typing import cast

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
        return Call("shop", "read the order" if _NUMBER.search(path) else f"GET {path}", sent.method, path)
    name = f"{sent.method} {_ID.sub('', path.removeprefix('/v2'))}"
    effect = {
        "GET /relaties": "find the customer",
        "POST /relaties": "create the customer",
        "POST /verkoopboekingen": "book the invoice",
        "POST /bankboekingen": "settle",
        "POST /kasboekingen": "settle",
        "GET /verkoopfacturen": "look for the invoice",
    }.get(name, name)
    return Call("books", effect, sent.method, path.removeprefix("/v2"))


def of_aws(service: str, operation: str, request: AWSPreparedRequest) -> Call:
    """A call to AWS: a write by what it writes, anything else by its operation."""
    if operation in {"SendMessage", "SendMessageBatch"}:
        return Call("aws", "queue the message", operation)
    if operation != "UpdateItem":
        return Call("aws", f"{service}.{operation}", operation)
    body = json.loads(cast("bytes", request.body or b"{}"))
    sort_key, values = body["Key"]["sk"]["S"], body.get("ExpressionAttributeValues", {})
    if sort_key == "CURSOR":
        return Call("aws", "move the cursor", operation)
    if sort_key.startswith(("ORDER#", "CUSTOMER#")):
        known = _ORDER_WRITES if sort_key.startswith("ORDER#") else _CUSTOMER_WRITES
        state = values.get(":state", {}).get("S")
        if sort_key.startswith("ORDER#") and state in {"waiting", "skipped", "refused", "failed"}:
            return Call("aws", "record the verdict", operation)
        named = next((name for value, name in known if value in values), "another write")
        return Call("aws", named, operation)
    return Call("aws", f"write {sort_key}", operation)
