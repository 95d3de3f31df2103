"""The only place an HTTP client is made: time-outs, redaction, bounded retries on reads, money as `Decimal`.

The shop's tokens travel in the URL, and httpx prints URLs: in its INFO line, in its exceptions' texts and in their
`request`. So its loggers are silenced here and its exceptions end here, replaced by ours without a cause attached.
"""

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final, Literal

import httpx
import stamina
import stamina.instrumentation

from koppeling import telemetry
from koppeling.secret import silence
from koppeling.telemetry import Metric

READ_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
WRITE_TIMEOUT = httpx.Timeout(20.0, connect=3.0)

_READ_ATTEMPTS = 3
_READ_SECONDS = 15.0
_LONGEST_RETRY_AFTER = 5.0
"""A longer Retry-After is not waited for inside a function: the order is put off instead."""

_MAX_BODY = 20 * 1024 * 1024
_LONGEST_WAIT = 86_400.0
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")


SILENT: Final = 0
"""Told in place of a status: no answer came in the time there was for it."""

Answered = Callable[[int, float | None], None]
"""Tell the status and the Retry-After seconds of an attempt's answer, or `SILENT`."""

Around = Callable[[], AbstractContextManager[Answered]]
"""What every single attempt is made within: entered before it is sent, told how it was answered."""


def freely() -> AbstractContextManager[Answered]:
    """Around a call that needs no leave and tells nobody."""
    return nullcontext(lambda _status, _retry_after: None)


def within(outer: Around, inner: Around) -> Around:
    """Around a call that needs the leave of two; the inner one is asked only when the outer one gave it."""

    @contextmanager
    def both() -> Iterator[Answered]:
        with outer() as tell_outer, inner() as tell_inner:

            def tell(status: int, retry_after: float | None) -> None:
                tell_outer(status, retry_after)
                tell_inner(status, retry_after)

            yield tell

    return both


class NotSent(Exception):
    """The request never left: no connection could be made."""


class NoAnswer(Exception):
    """The request may have arrived; no readable answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the decoded JSON body; `body` is None where it was no JSON."""

    status: int
    body: Any = field(repr=False)
    retry_after: float | None

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return httpx.codes.is_success(self.status)


@cache
def client() -> httpx.Client:
    """The process's one HTTP client: connections are kept and reused across invocations."""
    silence()
    stamina.instrumentation.set_on_retry_hooks([])
    made = httpx.Client(
        limits=httpx.Limits(max_connections=64, max_keepalive_connections=32),
        follow_redirects=False,
        headers={"Accept": "application/json", "User-Agent": "koppeling/1"},
        trust_env=False,
    )
    # One client serves every shop: a cookie of one must not go along to the next.
    made.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return made


def read(
    url: str,
    *,
    params: Mapping[str, str | int] | None = None,
    headers: Mapping[str, str] | None = None,
    around: Around = freely,
) -> Answer:
    """GET, tried at most three times within 15 seconds on 429, 5xx, a cut or a time-out.

    Raises `NotSent` or `NoAnswer` when no attempt was answered, and whatever `around` raises; any status that remains
    is the caller's to judge.
    """
    answer: Answer | None = None
    try:
        for attempt in stamina.retry_context(
            on=_worth_repeating, attempts=_READ_ATTEMPTS, timeout=_READ_SECONDS, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                answer = None
                answer = _send("GET", url, READ_TIMEOUT, around, params=params, headers=headers)
                _demand_lasting(answer)
    except _TemporaryAnswer as exhausted:
        return exhausted.answer
    if answer is None:
        raise NoAnswer
    return answer


def write(
    url: str,
    *,
    content: bytes | None = None,
    form: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    around: Around = freely,
    timeout: httpx.Timeout | None = None,
    method: Literal["POST", "PUT", "DELETE"] = "POST",
) -> Answer:
    """A call that changes something, sent once and never repeated here.

    Raises `NotSent`, `NoAnswer` or what `around` raises.

    `timeout`: that of a write unless told; one whose answer is worth less waiting has a shorter one.
    """
    return _send(method, url, timeout or WRITE_TIMEOUT, around, content=content, data=form, headers=headers)


class _TemporaryAnswer(Exception):
    def __init__(self, answer: Answer) -> None:
        super().__init__("a temporary answer")
        self.answer = answer


def _demand_lasting(answer: Answer) -> None:
    temporary = answer.status == httpx.codes.TOO_MANY_REQUESTS or httpx.codes.is_server_error(answer.status)
    if temporary and (answer.retry_after or 0.0) <= _LONGEST_RETRY_AFTER:
        raise _TemporaryAnswer(answer)


def _worth_repeating(error: Exception) -> bool | timedelta:
    if isinstance(error, _TemporaryAnswer) and error.answer.retry_after:
        return timedelta(seconds=error.answer.retry_after)
    return isinstance(error, _TemporaryAnswer | NotSent | NoAnswer)


def _send(
    method: str,
    url: str,
    timeout: httpx.Timeout,
    around: Around,
    **request: Any,  # noqa: ANN401 -- handed on to httpx
) -> Answer:
    """One request. No exception of httpx leaves this function: their texts and requests hold the URL."""
    failure: Callable[[], Exception]
    with around() as answered:
        try:
            answer = _fetch(method, url, timeout, **request)
        except (httpx.ConnectError, httpx.PoolTimeout):
            failure = NotSent
        except httpx.ConnectTimeout:
            failure = NotSent
            answered(SILENT, None)
        except httpx.TimeoutException:
            failure = NoAnswer
            answered(SILENT, None)
        except (httpx.HTTPError, httpx.InvalidURL):
            failure = NoAnswer
        else:
            if answer.status == httpx.codes.TOO_MANY_REQUESTS:
                telemetry.count(Metric.THROTTLED)
            answered(answer.status, answer.retry_after)
            return answer
    raise failure()


def _fetch(method: str, url: str, timeout: httpx.Timeout, **request: Any) -> Answer:  # noqa: ANN401 -- handed on to httpx
    """An answer, read for no longer than a whole time-out and no further than the largest body.

    httpx's own time-out is about each piece: an answer that drips would hold an order, one without end the memory.
    """
    with client().stream(method, url, timeout=timeout, **request) as response:
        content, ends = bytearray(), time.monotonic() + (timeout.read or 0.0)
        for piece in response.iter_bytes():
            content += piece
            if time.monotonic() > ends:
                raise httpx.ReadTimeout("it takes too long")
            if len(content) > _MAX_BODY:
                return Answer(response.status_code, None, _retry_after(response))
        return Answer(response.status_code, _decode(bytes(content)), _retry_after(response))


def _decode(content: bytes) -> Any:  # noqa: ANN401 -- any JSON
    try:
        body = json.loads(content, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        # ArithmeticError: an exponent beyond what a Decimal holds.
        return None
    return _readable(body) if _SURROGATE.search(content) else body


def _readable(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    """The same with U+FFFD for every half of a surrogate pair, which no UTF-8, and so no store, can hold."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_readable(item) for item in value]
    return {_readable(name): _readable(item) for name, item in value.items()} if isinstance(value, dict) else value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or an HTTP date; a day at the most."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), _LONGEST_WAIT)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - datetime.now(UTC)).total_seconds()), _LONGEST_WAIT)
