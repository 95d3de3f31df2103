"""Every I/O call of our code, seen at the clients' own hooks: named after its effect, and struck where that is planned.

A delivery runs on one thread under a `Tap`. Without one the hooks do nothing.
"""

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from typing import Any
from zlib import crc32

import httpx
import stamina
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.httpsession import URLLib3Session

from functions.webhook import app
from koppeling import aws, transport
from sandbox.world import Simulator
from tests.chaos import pools
from tests.chaos.calls import Call, of_aws, of_http
from tests.chaos.faults import TROUBLE, Fault
from tests.chaos.stepper import Stepper
from tests.chaos.timeless import Timeless
from tests.exactly_once.crashes import Crash
from tests.exactly_once.rig import Stage

_NAME = "chaos"
ATTEMPTS = 4
"""How often a question is asked at the most: thrice over HTTP, four times by the AWS clients."""
_PATIENCE_SECONDS = 0.2
"""How long our client waits for an answer that is held back, and `_HELD_SECONDS` how long it is."""
_HELD_SECONDS = 0.8
_WHEN_TOLD_SECONDS = 3600.0
_STRUCK_SECONDS, _LOOK_SECONDS = 30.0, 0.01
_HIDDEN_SECONDS = 43_200
_RETRY_AFTER_SECONDS = 7


@dataclass(slots=True)
class Strike:
    """A fault for the calls `effect` names: after `skip` of them, the next `times`. `action` is run meanwhile."""

    effect: str
    fault: Fault
    times: int = 1
    skip: int = 0
    action: Callable[[], None] | None = None
    hits: int = 0

    def takes(self, call: Call) -> Fault | None:
        """This fault, when it hits this call; counts down."""
        if self.effect != call.effect or self.hits >= self.times:
            return None
        if self.skip:
            self.skip -= 1
            return None
        self.hits += 1
        return self.fault


@dataclass(slots=True)
class Tap:
    """What is seen of one delivery, and what is to go wrong with it."""

    choose: Callable[[Call], Fault | None]
    action: Callable[[], None] | None = None
    """Runs while the call of a fault that holds it up stands before it and after it."""
    dead: bool = False
    fault: Fault | None = None
    call: Call | None = None
    again: bool = False
    """Whether the AWS client is to ask again at once what just went wrong."""


def by(strike: Strike) -> Tap:
    """A tap for one strike."""
    return Tap(strike.takes, strike.action)


@dataclass
class Taps:
    """The hooks of this process, and what they did."""

    stage: Stage
    administration: str = ""
    shop_token: str = ""
    stepper: Stepper | None = None
    """Says whose turn it is, where several deliveries are under way."""
    timeless: Timeless | None = None
    """The time there, where none passes by itself."""
    late_by: Callable[[], float] | None = None
    """There: after how many of its seconds SnelStart carries out what it is late with."""
    seen: Counter[str] = field(default_factory=Counter)
    """Every call, by its effect."""
    struck: Counter[tuple[str, Fault]] = field(default_factory=Counter)
    story: list[str] = field(default_factory=list)
    """The calls one after another, with what went wrong."""
    late_seconds: float = 0.6
    """Elsewhere: after how long it does so, longer than a second delivery takes to look."""
    late_until: float = 0.0
    _here: threading.local = field(default_factory=threading.local)
    _late_at: float | None = None
    _given_up: str | None = None
    """The fault of a call whose answer is no longer waited for."""
    _restore: list[tuple[Simulator, str, object]] = field(default_factory=list)
    """Settings of the simulators that were changed for the call that is out."""

    @contextmanager
    def on(self, tap: Tap) -> Iterator[Tap]:
        """This thread's calls go through `tap`."""
        before = getattr(self._here, "tap", None)
        self._here.tap = tap
        try:
            yield tap
        finally:
            self._here.tap = before

    def run(self, tap: Tap, work: Callable[[], None]) -> bool:
        """Work under this tap; False when it crashed."""
        with self.on(tap), suppress(Crash):
            work()
        return not tap.dead

    def is_tapped(self) -> bool:
        """Whether this thread's calls go through a tap."""
        return getattr(self._here, "tap", None) is not None

    def all_landed(self) -> None:
        """Wait until every write that SnelStart was to carry out late has been."""
        self._restored()
        if self._late_at is not None:
            self._late_at = None
            self.stage.books.tell("late")
        time.sleep(max(0.0, self.late_until - time.monotonic()))

    # -- before and after any call ------------------------------------------------------------------------------

    def _leaves(self, call: Call) -> tuple[Tap, Fault | None] | None:
        tap: Tap | None = getattr(self._here, "tap", None)
        if tap is None:
            return None
        if tap.dead:
            raise Crash
        self._restored()
        if self.stepper:
            self.stepper.leaves(call.effect)
        self._a_call_passes()
        self.seen[call.effect] += 1
        tap.call, tap.fault = call, tap.choose(call)
        self.story.append(f"{call.effect} x {tap.fault}" if tap.fault else call.effect)
        if tap.fault:
            self.struck[call.effect, tap.fault] += 1
        if tap.fault == "crash-before":
            tap.dead = True
            raise Crash
        if tap.fault in {"concurrent", "reordering"} and tap.action:
            tap.action()
        return tap, tap.fault

    def time_goes(self, seconds: float) -> None:
        """Let SnelStart carry out what it is late with, if that is within this time."""
        if self.timeless is None:
            self.all_landed()
        elif self._late_at is not None:
            self._late_at -= seconds
            if self._late_at <= self.timeless.at:
                self.all_landed()

    def _a_call_passes(self) -> None:
        if self.timeless:
            self.timeless.a_call()
            self.time_goes(0.0)

    def _arrives(self, *, refused: bool = False) -> None:
        tap: Tap | None = getattr(self._here, "tap", None)
        if tap is None or tap.dead:
            return
        fault, tap.fault = tap.fault, None
        if fault == "crash-after":
            tap.dead = True
            raise Crash
        # A token that was refused is renewed and its call repeated without a look at the row: that is no answer yet.
        if fault in {"concurrent", "overtaken"} and tap.action and not refused:
            tap.action()

    # -- HTTP ----------------------------------------------------------------------------------------------------

    def request(self, sent: httpx.Request) -> None:
        """A request is about to leave by httpx."""
        call = of_http(sent)
        left = self._leaves(call)
        fault = left[1] if left else None
        kind = TROUBLE[call.where].get(fault) if fault else None
        if fault is None or kind is None:
            return
        side = self.stage.books if call.where == "books" else self.stage.shop
        path = re.escape(call.path)
        planted: dict[str, object] = {"kind": kind, "path": path if call.where == "books" else f"{path}$"}
        if call.where == "books":
            late = _WHEN_TOLD_SECONDS if self.late_by else self.late_seconds
            seconds = {"late-commit": late, "429": _RETRY_AFTER_SECONDS}.get(kind, _HELD_SECONDS)
            planted |= {"method": call.method, "administration": self.administration, "seconds": seconds}
        else:
            planted |= {"store": self.shop_token}
        if fault == "429-untold":
            self._for_this_call(side, "retry_after", value=False, usual=True)
        if fault == "timeout-late":
            # Carried out while we have given up already, and before the answer would have come.
            self._for_this_call(side, "latency_ms", value=round((_HELD_SECONDS + self.late_seconds) * 1000), usual=0)
        told = side.tell("faults", planted)
        if fault.startswith("timeout"):
            self._given_up = told["id"] if call.where == "books" else None
            sent.extensions["timeout"] = {**sent.extensions["timeout"], "read": _PATIENCE_SECONDS}
        if kind == "late-commit" and self.timeless and self.late_by:
            moment = self.timeless.at + self.late_by()
            self._late_at = min(moment, self._late_at or moment)
        elif kind == "late-commit":
            self.late_until = time.monotonic() + self.late_seconds + 0.15

    def response(self, answer: httpx.Response) -> None:
        """The head of an answer is there."""
        self._restored()
        self._arrives(refused=answer.status_code == httpx.codes.UNAUTHORIZED)

    def _for_this_call(self, side: Simulator, name: str, *, value: object, usual: object) -> None:
        self._restore.append((side, name, usual))
        side.tell("settings", {name: value})

    def _restored(self) -> None:
        if self._given_up is not None:
            self._struck_by_now(self._given_up)
            self._given_up = None
        while self._restore:
            side, name, usual = self._restore.pop()
            side.tell("settings", {name: usual})

    def _struck_by_now(self, fault: str) -> None:
        """On a busy machine we may have given up before SnelStart came to our call at all."""
        ends = time.monotonic() + _STRUCK_SECONDS
        while not any(each["id"] == fault and each["hits"] for each in self.stage.books.ask("faults")):
            if time.monotonic() > ends:
                raise RuntimeError("a call never reached the simulator")
            time.sleep(_LOOK_SECONDS)

    # -- AWS -----------------------------------------------------------------------------------------------------

    def before_send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> AWSResponse | None:
        """Botocore is about to send this; what is returned stands in for the answer."""
        service, operation = event_name.split(".")[1:]
        left = self._leaves(of_aws(service, operation, request))
        if left is None or left[1] not in TROUBLE["aws"]:
            return None
        tap, fault = left
        assert fault is not None
        tap.again = True
        if fault in {"timeout-after", "cut-after", "500-after", "malformed-200"}:
            done = URLLib3Session().send(request)
            if fault == "malformed-200":
                return _answer(request, done.status_code, done.content[: len(done.content) // 2], done.content)
        if fault.startswith("timeout"):
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault == "cut-after":
            raise ConnectionClosedError(endpoint_url=request.url)
        status, kind = TROUBLE["aws"][fault].split(" ")
        return _answer(request, int(status), json.dumps({"__type": kind, "message": "by the sandbox"}).encode())

    def after_call(self, **_: object) -> None:
        """Botocore has its answer."""
        self._arrives()

    def needs_retry(self, most: int, attempts: int, **_: object) -> float | None:
        """Without a pause where botocore is about to ask again what was struck, up to `most` times in all."""
        tap: Tap | None = getattr(self._here, "tap", None)
        again = tap is not None and tap.again
        if tap:
            tap.again = False
        return 0.0 if again and attempts < most else None

    def never_hidden(self, params: dict[str, Any], **_: object) -> None:
        """Messages come back when the harness says, not when real time has passed."""
        for entry in params.get("Entries", []):
            entry["DelaySeconds"] = 0
        if "VisibilityTimeout" in params:
            params["VisibilityTimeout"] = _HIDDEN_SECONDS


class _Raw(BytesIO):
    def stream(self, **_: object) -> Iterator[bytes]:
        yield self.read()


def _answer(request: AWSPreparedRequest, status: int, body: bytes, whole: bytes | None = None) -> AWSResponse:
    """What AWS's client is told; with the checksum of the `whole` body, as DynamoDB sends it."""
    checksum = str(crc32(body if whole is None else whole))
    names = {"Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": "chaos", "x-amz-crc32": checksum}
    headers = HTTPHeaders.from_dict(names)
    return AWSResponse(request.url, status, headers, _Raw(body))


@contextmanager
def tapped(stage: Stage) -> Iterator[Taps]:
    """Hook the clients of this process; reads are asked again without a pause."""
    taps = Taps(stage)
    clients: list[Any] = [aws.dynamodb(), aws.kms(), aws.sqs(), aws.secretsmanager(), *_of_webhook()]
    hooks = [
        (client, event, handler, f"{_NAME}-{event}")
        for client in clients
        for event, handler in (
            ("before-send", taps.before_send),
            ("after-call", taps.after_call),
            # In the very place of botocore's own: handlers of a shorter name come after those of a longer one.
            (
                f"needs-retry.{client.meta.service_model.service_id.hyphenize()}",
                partial(taps.needs_retry, _most(client)),
            ),
            ("provide-client-params", taps.never_hidden),
        )
    ]
    for client, event, handler, name in hooks:
        client.meta.events.register_first(event, handler, name)
    http = transport.client()
    http.event_hooks = {"request": [taps.request], "response": [taps.response]}
    try:
        with stamina.set_testing(testing=True, attempts=ATTEMPTS, cap=True), pools.in_line(taps.is_tapped):
            yield taps
    finally:
        http.event_hooks = {}
        for client, event, handler, name in hooks:
            client.meta.events.unregister(event, handler, name)
        app.forget()


def _most(client: Any) -> int:  # noqa: ANN401 -- a client of any service
    retries = client.meta.config.retries
    return int(retries.get("total_max_attempts") or retries["max_attempts"] + 1)


def _of_webhook() -> list[Any]:
    app.forget()
    made = app.clients()
    return [made.table, made.keys, made.queue]
