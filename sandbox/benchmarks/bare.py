"""The HTTP calls of an order without anything around them: recorded from a worker's run, made again for other orders.

What an order's calls differ in is put in its place: its number, its customer's address, and the ids that SnelStart gave
out for the calls before. So each of them does in the books what the worker's did.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

_PROCESS_OWN = frozenset({"host", "content-length", "connection", "accept-encoding"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, and the id in its answer."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    content: str = field(repr=False)
    gave_id: str = ""


@contextmanager
def recorded(client: httpx.Client) -> Iterator[list[Call]]:
    """What this client asks within the block."""
    calls: list[Call] = []

    def keep(response: httpx.Response) -> None:
        request = response.request
        headers = {name: value for name, value in request.headers.items() if name not in _PROCESS_OWN}
        body = json.loads(response.read() or b"null")
        gave = str(body.get("id", "")) if request.method == "POST" and isinstance(body, dict) else ""
        calls.append(Call(request.method, str(request.url), headers, request.content.decode(), gave))

    client.event_hooks = {"response": [keep]}
    try:
        yield calls
    finally:
        client.event_hooks = {}


def make(client: httpx.Client, calls: Sequence[Call], changes: Mapping[str, str]) -> None:
    """The same calls in turn, with every text that is a key of `changes` replaced. Raises where one is refused."""
    changed = dict(changes)

    def put(text: str) -> str:
        for old, new in changed.items():
            text = text.replace(old, new)
        return text

    for call in calls:
        answer = client.request(call.method, put(call.url), headers=call.headers, content=put(call.content) or None)
        answer.raise_for_status()
        if call.gave_id:
            changed[call.gave_id] = str(json.loads(answer.content)["id"])
