"""Crashes and lost answers from outside our code: by the AWS client's and the HTTP client's own hooks."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock, local
from typing import Literal

import httpx
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError, NoCredentialsError
from botocore.httpsession import URLLib3Session

from koppeling import aws, transport

type When = Literal["before", "after", "lost", "denied"]
"""A crash before or after a call; for calls of AWS also: done and its answer lost, or not done and failing."""

_NAME = "exactly-once"
_NUMBER = re.compile(r"\d+$")


class Crash(BaseException):
    """The process is gone: nothing of ours may catch this, and nothing of ours runs afterwards."""


@dataclass
class Wire:
    """Every I/O call of a run, numbered from 0; the crash strikes around call `at`."""

    at: int | None
    when: When
    all_die: bool = False
    """The other threads of the process too: none of them makes a call after it."""
    calls: list[str] = field(default_factory=list)
    struck: bool = False
    _turn: Lock = field(default_factory=Lock)
    _own: local = field(default_factory=local)
    """Which call is this thread's latest: an import sends and hears of several at once."""

    def sent(self, what: str) -> None:
        """A call is about to leave."""
        if self.struck and self.all_die:
            raise Crash
        with self._turn:
            self._own.at = len(self.calls)
            self.calls.append(what)
        if self._strikes("before"):
            raise Crash

    def answered(self) -> None:
        """The latest call has been carried out."""
        if self._strikes("after"):
            raise Crash

    def troubled(self, request: AWSPreparedRequest) -> None:
        """Raise what botocore itself raises when an answer is lost or a call cannot be made."""
        if self._strikes("lost"):
            URLLib3Session().send(request)
            raise ConnectionClosedError(endpoint_url=request.url)
        if self._strikes("denied"):
            raise NoCredentialsError

    def _strikes(self, moment: When) -> bool:
        if self.struck or self.when != moment or self.at != self._own.at:
            return False
        self.struck = True
        return True


@contextmanager
def wire(at: int | None = None, when: When = "before", *, all_die: bool = False) -> Iterator[Wire]:
    """Number the I/O calls inside the block, and crash around call `at`: its thread, or `all_die`."""
    tapped = Wire(at, when, all_die)

    def before_send(request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        tapped.sent(event_name.removeprefix("before-send."))
        tapped.troubled(request)

    def after_call(**_: object) -> None:
        tapped.answered()

    def request(sent: httpx.Request) -> None:
        tapped.sent(f"{sent.method} {_NUMBER.sub('{number}', sent.url.path)}")

    def response(_: httpx.Response) -> None:
        tapped.answered()

    clients = [aws.dynamodb(), aws.kms(), aws.sqs(), aws.secretsmanager()]
    for client in clients:
        client.meta.events.register("before-send", before_send, f"{_NAME}-sent")
        client.meta.events.register("after-call", after_call, f"{_NAME}-answered")
    http = transport.client()
    http.event_hooks = {"request": [request], "response": [response]}
    try:
        yield tapped
    finally:
        http.event_hooks = {}
        for client in clients:
            client.meta.events.unregister("before-send", before_send, f"{_NAME}-sent")
            client.meta.events.unregister("after-call", after_call, f"{_NAME}-answered")


@contextmanager
def meanwhile(path: str, run: Callable[[], object], *, method: str = "") -> Iterator[None]:
    """Let something else happen inside the block: between the first HTTP request of this path and its being sent."""
    happened = False

    def request(sent: httpx.Request) -> None:
        nonlocal happened
        if not happened and sent.url.path.endswith(path) and method in ("", sent.method):
            happened = True
            run()

    http = transport.client()
    http.event_hooks = {"request": [request]}
    try:
        yield
    finally:
        http.event_hooks = {}
    assert happened, f"no request of {path}"


@contextmanager
def before_write(run: Callable[[], object]) -> Iterator[None]:
    """Let something else happen inside the block: between the first update of a row and its being sent."""
    happened = False

    def sent(**_: object) -> None:
        nonlocal happened
        if not happened:
            happened = True
            run()

    events = aws.dynamodb().meta.events
    events.register("before-send.dynamodb.UpdateItem", sent, f"{_NAME}-meanwhile")
    try:
        yield
    finally:
        events.unregister("before-send.dynamodb.UpdateItem", sent, f"{_NAME}-meanwhile")
    assert happened, "no update of a row"
