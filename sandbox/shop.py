"""The simulated Mijnwebwinkel Connect API: a real HTTP server on loopback, as strict as the published API lets it be.

`python -m sandbox.shop --port 0 --port-file FILE` serves until SIGTERM and writes the port it took into FILE.
"""

import asyncio
import hmac
import logging
import re
import time
from datetime import UTC, datetime
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from sandbox.serving import options, serve
from sandbox.shop_control import Control
from sandbox.shop_dialect import order_json, payment_json, statuses_json
from sandbox.shop_query import (
    COMMON,
    COUNT_FILTERS,
    CREDENTIALS,
    LIST_PARAMETERS,
    ApiError,
    checked,
    embeds,
    page,
    selects,
)
from sandbox.shop_state import DEFAULT_STATUSES, Fault, Json, Settings, Shop, Store

UNANSWERED: Final = 0
NUMBER: Final = re.compile(r"/v1/orders/([^/]+)(?:/payments)?")
TEMPLATES: Final = tuple(
    (template, re.compile(re.sub(r"\{\w+\}", "[^/]+", template)))
    for template in (
        "/v1/store",
        "/v1/orderstatuses",
        "/v1/orders",
        "/v1/orders/count",
        "/v1/orders/{order_number}",
        "/v1/orders/{order_number}/payments",
    )
)
TITLES: Final = {
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class CutResponse(Response):
    """An answer that promises more bytes than it sends; the server then drops the connection."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - the ASGI signature
        """Send the head and half a body, and never say it was all."""
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"number": 10', "more_body": True})


def error_response(error: ApiError, settings: Settings) -> Response:
    """Write an error in the newer or the older shape; a missing thing always comes in the newer one (RFC 7807)."""
    body: Json
    if settings.error_shape == "code" and error.status != 404:  # noqa: PLR2004 - HTTP's own number
        body = {"code": error.status, "message": error.title, "description": error.detail}
        return JSONResponse(body, status_code=error.status, headers=error.headers)
    body = {"type": "about:blank", "title": error.title, "detail": error.detail, "status": error.status}
    kind = "application/problem+json"
    return JSONResponse(body, status_code=error.status, headers=error.headers, media_type=kind)


def template_of(path: str) -> str:
    """Name the call a path belongs to, `unknown` for none; `/count` wins over an order of that name."""
    return next((template for template, shape in TEMPLATES if shape.fullmatch(path)), "unknown")


class Api:
    """The API side of one shop."""

    def __init__(self, shop: Shop) -> None:
        """Serve this shop."""
        self.shop = shop

    async def answer(self, request: Request) -> Response:
        """Take one call: wait the round trip, play a waiting fault, else answer; count it either way."""
        path, template = request.url.path, template_of(request.url.path)
        store = self.shop.stores.get(request.query_params.get("token", ""))
        await asyncio.sleep(self.shop.settings.round_trip_ms / 1000)
        fault = self.shop.fault_for(path, store)
        try:
            if fault is not None and fault.kind != "change":
                response, status = await self._faulty(fault, request)
            else:
                response = self._told(request, template, store)
                status = response.status_code
        except ApiError as error:
            response, status = error_response(error, self.shop.settings), error.status
        if fault is not None and fault.kind == "change" and fault.store is not None:
            fault.store.change(fault.number, fault.change, datetime.now(UTC))
        self.shop.calls[store.name if store else "", request.method, template, status] += 1
        return response

    async def _faulty(self, fault: Fault, request: Request) -> tuple[Response, int]:
        """Play a fault: the response, and the status to count (0 when no answer will be finished)."""
        match fault.kind:
            case "garbage":
                return Response('{"number": 10, "status":', media_type="application/json"), 200
            case "html-200":
                return HTMLResponse("<!doctype html><title>Onderhoud</title><p>We zijn zo terug.</p>"), 200
            case "empty-200":
                return Response(b"", media_type="application/json"), 200
            case "cut":
                return CutResponse(), UNANSWERED
            case "timeout":
                given_up = time.monotonic() + self.shop.settings.timeout_seconds
                while time.monotonic() < given_up and not await request.is_disconnected():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # the caller hanging up is no event one could wait for
                return CutResponse(), UNANSWERED
            case _:
                status = int(fault.kind)
                headers = {"Retry-After": "1"} if status in {429, 503} and self.shop.settings.retry_after else {}
                raise ApiError(status, TITLES[status], "Injected by the sandbox", headers)

    def _told(self, request: Request, template: str, store: Store | None) -> Response:
        """Answer a call for real. Raises ApiError for everything the API would refuse."""
        if template == "unknown":
            raise ApiError(404, TITLES[404], "No such resource")
        if request.method != "GET":
            raise ApiError(405, "Method Not Allowed", "This simulator only plays the calls that read", {"Allow": "GET"})
        language = request.query_params.get("language", "nl_NL")
        if template == "/v1/orderstatuses":
            self._known(request, store, store_token_needed=False)
            checked(request.query_params, frozenset())
            statuses = store.statuses if store else list(DEFAULT_STATUSES)
            return JSONResponse(statuses_json(statuses, language))
        store = self._known(request, store)
        if template == "/v1/store":
            checked(request.query_params, frozenset())
            return JSONResponse(store.info)
        if template == "/v1/orders":
            query = checked(request.query_params, LIST_PARAMETERS)
            wanted = selects(query, self.shop.settings)
            shown = page(query, self.shop.settings, [order for order in store.listed() if wanted(order)])
            return JSONResponse([order_json(order, store, self.shop.settings) for order in shown])
        if template == "/v1/orders/count":
            query = checked(request.query_params, COUNT_FILTERS)
            wanted = selects(query, self.shop.settings)
            return JSONResponse({"count": sum(1 for order in store.listed() if wanted(order))})
        return self._one(request, template, store)

    def _one(self, request: Request, template: str, store: Store) -> Response:
        """Answer for one order, itself or its payments."""
        of_payments = template.endswith("/payments")
        # the payments call is published without `language` and `format`
        own, common = (frozenset({"embed"}), CREDENTIALS) if of_payments else (frozenset[str](), COMMON)
        query = checked(request.query_params, own, common)
        match = NUMBER.fullmatch(request.url.path)
        number = match[1] if match else ""
        # the path takes an integer: a test order (27T) has no address of its own
        order = store.orders.get(str(int(number))) if re.fullmatch(r"[0-9]{1,18}", number) else None
        if order is None:
            raise ApiError(404, TITLES[404], "Order not found")
        if not of_payments:
            return JSONResponse(order_json(order, store, self.shop.settings))
        embed = embeds(query)
        return JSONResponse(
            {"payments": [payment_json(payment, embed, self.shop.settings) for payment in order.payments]}
        )

    def _known(self, request: Request, store: Store | None, *, store_token_needed: bool = True) -> Store:
        """Check both tokens and the rate. One answer for either token: no document says the API tells them apart.

        Only `GET /v1/orderstatuses` is published as needing the partner token alone.
        """
        settings, query = self.shop.settings, request.query_params
        if not query.get("partner_token") or (store_token_needed and not query.get("token")):
            status = settings.missing_token_status
            raise ApiError(status, TITLES[status], "Credentials are missing")
        partner_known = hmac.compare_digest(query["partner_token"].encode(), self.shop.partner_token.encode())
        if not partner_known or (store is None and (store_token_needed or query.get("token"))):
            status = settings.wrong_token_status
            raise ApiError(status, TITLES[status], "Credentials are not valid")
        if store is None:
            return Store("", {}, [])
        self._within_rate(store)
        return store

    def _within_rate(self, store: Store) -> None:
        """Count this call against the store's rate. Raises ApiError 429 beyond it."""
        settings, now = self.shop.settings, time.monotonic()
        if not settings.rate_limit:
            return
        while store.recent_calls and store.recent_calls[0] <= now - settings.rate_window_seconds:
            store.recent_calls.popleft()
        if len(store.recent_calls) >= settings.rate_limit:
            wait = int(store.recent_calls[0] + settings.rate_window_seconds - now) + 1
            headers = {"Retry-After": str(wait)} if settings.retry_after else {}
            raise ApiError(429, TITLES[429], "Rate limit exceeded", headers)
        store.recent_calls.append(now)


def application() -> Starlette:
    """Build the server around an empty shop."""
    shop = Shop()
    methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
    return Starlette(routes=[*Control(shop).routes(), Route("/{rest:path}", Api(shop).answer, methods=methods)])


def main() -> None:
    """Serve on loopback until told to end."""
    # uvicorn reports every cut connection; those are made on purpose
    cut = "ASGI callable returned without completing response"
    logging.getLogger("uvicorn.error").addFilter(lambda record: not record.getMessage().startswith(cut))
    serve(application(), options("sandbox.shop", "Een nagespeelde Mijnwebwinkel op deze machine.").parse_args())


if __name__ == "__main__":
    main()
