"""The way in: credentials, limits, planted faults and the fixed round-trip time around every call."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox import books_api
from sandbox.books_state import LIMITS, Administration, Books, Token
from sandbox.books_traffic import Fault, Gate, Traffic
from sandbox.books_wire import RefusedError, Violation, dumps, refuse

type Answer = tuple[int, object]
type Work = Callable[[], Answer]

_WRONG_KEY = (
    "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."
)
_MISSING_KEY = (
    "Access denied due to missing subscription key. "
    "Make sure to include subscription key when making requests to an API."
)
_TIMEOUT_SECONDS = 60.0
_LATE_SECONDS = 2.0


class CuttableProtocol(H11Protocol):
    """uvicorn's protocol, findable by client address so that a fault can drop the connection without a word."""

    open: ClassVar[dict[tuple[str, int], asyncio.Transport]] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Remember the connection."""
        super().connection_made(transport)
        if self.client is not None:
            self.open[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.client is not None:
            self.open.pop(self.client, None)
        super().connection_lost(exc)


class _Cut(Response):
    """No answer: the connection is reset."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Abort the transport and wait until the server has noticed."""
        del send
        transport = CuttableProtocol.open.get(tuple(scope["client"]))
        if transport is not None:
            transport.abort()
        while (await receive())["type"] != "http.disconnect":
            pass


def _json(status: int, body: object, headers: dict[str, str] | None = None) -> Response:
    content = "" if body is None else dumps(body)
    return Response(content, status, headers, media_type="application/json; charset=utf-8")


def _instead(fault: Fault) -> Response:
    """What is answered instead of doing the work: a broken rule, or a page for people."""
    if fault.kind == "refused":
        if fault.message:
            return _json(400, [{"errorCode": fault.error_code, "message": fault.message}])
        refused = refuse(Violation(fault.error_code))
        return _json(refused.status, refused.body)
    return Response("<html><body>Onderhoud</body></html>", 200, media_type="text/html")


def _status_body(status: int) -> object:
    """What an answer of this status says when nothing better is known."""
    match status:
        case 401:
            return {"Message": "Authorization has been denied for this request."}
        case 429:
            return {"statusCode": 429, "message": "Rate limit is exceeded. Try again later."}
        case 500:
            return {"Message": "An error has occurred."}
        case _:
            return {"statusCode": status, "message": HTTPStatus(status).phrase}


@dataclass
class Simulator:
    """The books, the gate in front of them, and commits still to come (fault late-commit)."""

    books: Books = field(default_factory=Books)
    gate: Gate = field(default_factory=Gate)
    late: set[asyncio.Task[None]] = field(default_factory=set)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set: what is to be committed later is committed now."""

    async def token(self, request: Request) -> Response:
        """`POST /b2b/token`: a koppelsleutel for an access token."""
        body = await request.body()
        form = parse_qs(body.decode("latin-1"), keep_blank_values=True, max_num_fields=10)
        administration = self.books.by_koppelsleutel("".join(form.get("clientkey", [])))
        content_type = Message()
        content_type["content-type"] = request.headers.get("content-type", "")

        def mint() -> Answer:
            if content_type.get_content_type() != "application/x-www-form-urlencoded":
                return 415, {"error": "unsupported_media_type"}
            if form.get("grant_type") != ["clientkey"] or set(form) != {"grant_type", "clientkey"}:
                return 400, {"error": "unsupported_grant_type"}
            if administration is None:
                return 400, {"error": "invalid_client: clientkey does not contain a valid value"}
            token = self.books.mint(administration)
            return 200, {
                "access_token": token,
                "token_type": "bearer",
                "expires_in": self.books.settings.token_seconds,
            }

        return await self._through(request, "/b2b/token", administration, body, mint)

    async def api(self, request: Request) -> Response:
        """Any call under /v2."""
        path = request.scope["path"].removeprefix("/v2")
        body = await request.body()
        token = self._token(request)
        whose = token.administration if token else None

        def work() -> Answer:
            self._subscription(request)
            if token is None or token.expires <= asyncio.get_running_loop().time():
                raise RefusedError(401, _status_body(401))
            route, key = books_api.find(request.method, path)
            missing = [scope for scope in route.scopes if scope not in token.scopes]
            if missing:
                raise RefusedError(403, {"Message": f"Scope ontbreekt: {', '.join(missing)}"})
            if body and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise RefusedError(415, {"Message": "The request entity's media type is not supported."})
            call = books_api.Call(token.administration, self.books.settings, key, request.url.query, body)
            return route.run(call)

        return await self._through(request, path, whose, body, work)

    def _token(self, request: Request) -> Token | None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return self.books.tokens.get(token) if scheme.lower() == "bearer" else None

    def _subscription(self, request: Request) -> None:
        key = request.headers.get("ocp-apim-subscription-key")
        if key != self.books.subscription_key:
            message = _WRONG_KEY if key else _MISSING_KEY
            raise RefusedError(401, {"statusCode": 401, "message": message})

    async def _through(
        self, request: Request, path: str, whose: Administration | None, body: bytes, work: Work
    ) -> Response:
        """Count, limit, strike, work, wait: the life of one call."""
        key = str(whose.id) if whose else ""
        traffic = self.gate.of(key)
        limited = traffic.seen(request.method, path, self.books.settings.limits_clock())
        traffic.running += limited
        traffic.most_running = max(traffic.most_running, traffic.running)
        try:
            response = self._over_limit(traffic, path, whose)
            if response is None:
                fault = self.gate.fault_for(request.method, path, key, body.decode("latin-1"))
                response = await self._struck(fault, work) if fault else self._worked(work)
            await asyncio.sleep(self.books.settings.latency_ms / 1000)
        finally:
            traffic.running -= limited
        if not isinstance(response, _Cut):
            traffic.statuses[response.status_code] += 1
        return response

    def _over_limit(self, traffic: Traffic, path: str, whose: Administration | None) -> Response | None:
        if whose is None or path == "/b2b/token" or not self.books.settings.limits:
            return None
        per_minute, per_hour, concurrent = whose.options.limits or LIMITS[whose.options.product]
        wait = traffic.over_limit((per_minute, per_hour, concurrent), self.books.settings.limits_clock())
        return None if wait is None else self._status(429, wait)

    def _status(self, status: int, wait: int) -> Response:
        retry = {"Retry-After": str(wait)} if status == HTTPStatus.TOO_MANY_REQUESTS else {}
        return _json(status, _status_body(status), retry if self.books.settings.retry_after else None)

    def _worked(self, work: Work) -> Response:
        try:
            status, body = work()
        except RefusedError as refused:
            status, body = refused.status, refused.body
        return _json(status, body)

    async def _struck(self, fault: Fault, work: Work) -> Response:
        """The call as this fault has it: before the work, after it, or with the work coming too late."""
        head, _, tail = fault.kind.partition("-")
        if fault.kind == "late-commit":
            task = asyncio.create_task(self._later(fault.seconds or _LATE_SECONDS, work))
            self.late.add(task)
            task.add_done_callback(self.late.discard)
            return self._status(504, 1)
        if fault.kind in {"refused", "html-200"}:
            return _instead(fault)
        honest = self._worked(work) if tail in {"after", "200"} else None
        match head:
            case "cut":
                return _Cut()
            case "timeout":
                await asyncio.sleep(fault.seconds or _TIMEOUT_SECONDS)
                return self._status(504, 1)
            case "malformed":
                assert honest is not None
                content = bytes(honest.body)
                return Response(content[: max(1, len(content) // 2)], 200, media_type="application/json")
            case status:
                return self._status(int(status), int(fault.seconds) or 1)

    async def _later(self, seconds: float, work: Work) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self.hurry.wait(), seconds)
        self._worked(work)
