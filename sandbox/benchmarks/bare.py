"""The HTTP calls of an order without anything around them: recorded from a worker's run, made again for other orders.

What an order's calls differ in is put in its place: its number, its customer's address, and the ids that SnelStart gave
out for the calls before. So each of them does in the books what the worker's did. Its requests to the table can be
among them, in their turn; they write rows of orders that no worker ever meets.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from botocore.awsrequest import AWSPreparedRequest
    from botocore.client import BaseClient

_PROCESS_OWN = frozenset({"host", "content-length", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the id in its answer."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: str = field(repr=False)
    gave_id: str = ""
    of_table: bool = False


@contextmanager
def recorded(client: httpx.Client, table: "BaseClient | None" = None) -> Iterator[list[Call]]:
    """What this client asks within the block, and that of DynamoDB."""
    calls: list[Call] = []

    def keep_request(request: "AWSPreparedRequest", **_: object) -> None:
        # botocore takes an answer for the request's: None leaves it to be sent.
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _PROCESS_OWN}
        content = request.body.decode() if isinstance(request.body, bytes) else str(request.body)
        calls.append(Call(request.method, request.url, headers, content, of_table=True))

    def keep(response: httpx.Response) -> None:
        request = response.request
        headers = {name: value for name, value in request.headers.items() if name not in _PROCESS_OWN}
        body = json.loads(response.read() or b"null")
        gave = str(body.get("id", "")) if request.method == "POST" and isinstance(body, dict) else ""
        calls.append(Call(request.method, str(request.url), headers, request.content.decode(), gave))

    client.event_hooks = {"response": [keep]}
    if table:
        table.meta.events.register("before-send.dynamodb", keep_request)
    try:
        yield calls
    finally:
        client.event_hooks = {}
        if table:
            table.meta.events.unregister("before-send.dynamodb", keep_request)


def make(client: httpx.Client, calls: Sequence[Call], changes: Mapping[str, str]) -> None:
    """The same calls in turn, with every text that is a key of `changes` replaced. Raises where one is refused.

    A request to the table may be: its condition names what only the recorded run could know. It costs the same.
    """
    changed = dict(changes)

    def put(text: str) -> str:
        for old, new in changed.items():
            text = text.replace(old, new)
        return text

    for call in calls:
        answer = client.request(call.method, put(call.url), headers=call.headers, content=put(call.content) or None)
        if not call.of_table:
            answer.raise_for_status()
        if call.gave_id:
            changed[call.gave_id] = str(json.loads(answer.content)["id"])
