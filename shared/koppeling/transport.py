"""The only place an HTTP client is made: time-outs, redaction, bounded retries on reads, money as `Decimal`.

The shop's tokens travel in the URL, and httpx prints URLs: in its INFO line, in its exceptions' texts and in their
`request`. So its loggers are silenced here and its exceptions end here, replaced by ours without a cause attached.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import httpx
import stamina
import stamina.instrumentation

READ_TIMEOUT = httpx.Timeout(10.0, connect=3.0)
WRITE_TIMEOUT = httpx.Timeout(20.0, connect=3.0)

_READ_ATTEMPTS = 3
_READ_SECONDS = 15.0
_LONGEST_RETRY_AFTER = 5.0
"""A longer Retry-After is not waited for inside a function: the order is put off instead."""

_MAX_BODY = 20 * 1024 * 1024


class NotSent(Exception):
    """The request never left: no connection could be made."""


class NoAnswer(Exception):
    """The request may have arrived; no readable answer came back."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status and the decoded JSON body; `body` is None where it was no JSON."""

    status: int
    body: Any
    retry_after: float | None

    @property
    def ok(self) -> bool:
        """Whether the status is a 2xx."""
        return httpx.codes.is_success(self.status)


@cache
def client() -> httpx.Client:
    """The process's one HTTP client: connections are kept and reused across invocations."""
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
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
    url: str, *, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """GET, tried at most three times within 15 seconds on 429, 5xx, a cut or a time-out.

    Raises `NotSent` or `NoAnswer` when no attempt was answered; any status that remains is the caller's to judge.
    """
    answer: Answer | None = None
    try:
        for attempt in stamina.retry_context(
            on=_worth_repeating, attempts=_READ_ATTEMPTS, timeout=_READ_SECONDS, wait_initial=0.2, wait_max=2.0
        ):
            with attempt:
                answer = None
                answer = _send("GET", url, READ_TIMEOUT, params=params, headers=headers)
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
) -> Answer:
    """POST, sent once and never repeated here. Raises `NotSent` or `NoAnswer`."""
    return _send("POST", url, WRITE_TIMEOUT, content=content, data=form, headers=headers)


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


def _send(method: str, url: str, timeout: httpx.Timeout, **request: Any) -> Answer:  # noqa: ANN401 -- handed on to httpx
    """One request. No exception of httpx leaves this function: their texts and requests hold the URL."""
    failure: Callable[[], Exception]
    try:
        response = client().request(method, url, timeout=timeout, **request)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
        failure = NotSent
    except (httpx.HTTPError, httpx.InvalidURL):
        failure = NoAnswer
    else:
        return Answer(response.status_code, _decode(response), _retry_after(response))
    raise failure()


def _decode(response: httpx.Response) -> Any:  # noqa: ANN401 -- any JSON
    if len(response.content) > _MAX_BODY:
        return None
    try:
        return json.loads(response.content, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds from a Retry-After header, which holds seconds or an HTTP date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 86_400.0)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
