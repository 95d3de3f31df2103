"""The side door of the simulated shop, `/_sim/…`: tests and demos fill it, disturb it and read what was called."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.shop_state import ControlError, Fault, Json, Settings, Shop, Store

FAULT_KINDS = frozenset(
    "401 403 404 429 500 503 garbage timeout cut html-200 empty-200 change".split()  # noqa: SIM905 - a word list
)

type Handler = Callable[[Request], Awaitable[Response]]


def _guarded(handler: Handler) -> Handler:
    """Answer 400 with the reason when a test asks for what is not there."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except (ControlError, re.PatternError, ValueError) as error:
            return JSONResponse({"error": str(error)}, status_code=400)

    return answer


async def _body(request: Request) -> Json:
    given = await request.json()
    if not isinstance(given, dict):
        raise ControlError("expected a JSON object")
    return cast("Json", given)


def _told(store: Store) -> Json:
    return {"id": store.info["id"], "name": store.name}


def _fault(shop: Shop, given: Mapping[str, object]) -> Fault:
    kind = str(given.get("kind", ""))
    times, after, change = given.get("times", 1), given.get("after", 0), given.get("fields", {})
    if kind not in FAULT_KINDS:
        raise ControlError(f"no fault {kind}; there are: {', '.join(sorted(FAULT_KINDS))}")
    if not isinstance(times, int) or not isinstance(after, int) or not isinstance(change, dict):
        raise ControlError("times and after are numbers, fields is an object")
    store = shop.store(given["store"]) if "store" in given else None
    if kind == "change" and (store is None or "number" not in given):
        raise ControlError("a change needs the store and the number of the order")
    pattern = re.compile(str(given.get("path", "")))
    return Fault(pattern, kind, times, after, store, str(given.get("number", "")), cast("Json", change))


class Control:
    """The handlers of the side door, over one shop."""

    def __init__(self, shop: Shop) -> None:
        """Serve this shop."""
        self.shop = shop

    async def reset(self, _: Request) -> Response:
        """Forget everything: stores, orders, faults, calls, settings, and the partner token back to its default."""
        self.shop.reset()
        return JSONResponse({})

    async def stores(self, request: Request) -> Response:
        """Add a store `{"token", "name", "primary_domain", "statuses"?, …any field of GET /v1/store}`."""
        return JSONResponse(_told(self.shop.add_store(await _body(request))), status_code=201)

    async def partner_token(self, request: Request) -> Response:
        """Set the operator's token: `{"partner_token"}`."""
        token = (await _body(request)).get("partner_token")
        if not isinstance(token, str) or not token:
            raise ControlError("expected a partner_token")
        self.shop.partner_token = token
        return JSONResponse({})

    async def orders(self, request: Request) -> Response:
        """Add or replace orders: `{"store", "orders": […]}`; as GET `?store=` dump them, payments included."""
        if request.method == "GET":
            listed = self.shop.store(request.query_params.get("store")).listed()
            return JSONResponse([{**order.raw, "_payments": list(order.payments)} for order in listed])
        given = await _body(request)
        orders = given.get("orders")
        if not isinstance(orders, list):
            raise ControlError("expected orders, a list")
        store = self.shop.store(given.get("store"))
        for order in orders:
            store.put(order)
        return JSONResponse({"count": len(store.orders)}, status_code=201)

    async def change(self, request: Request) -> Response:
        """Change fields of one order, another `status` as of this moment; as DELETE remove it."""
        store = self.shop.store(request.path_params["store"])
        if request.method == "DELETE":
            store.remove(request.path_params["number"])
            return JSONResponse({})
        order = store.change(request.path_params["number"], await _body(request), datetime.now(UTC))
        return JSONResponse({**order.raw, "_payments": list(order.payments)})

    async def faults(self, request: Request) -> Response:
        """Set a fault `{"path": regex, "kind", "times", "after"?, "store"?}`; as DELETE drop those that wait."""
        if request.method == "DELETE":
            self.shop.faults.clear()
            return JSONResponse({})
        self.shop.faults.append(_fault(self.shop, await _body(request)))
        return JSONResponse({}, status_code=201)

    async def calls(self, _: Request) -> Response:
        """Tell the calls counted per store, path template and status (0: no answer was finished)."""
        counted = [
            {"store": store, "method": method, "path": template, "status": status, "count": count}
            for (store, method, template, status), count in sorted(self.shop.calls.items())
        ]
        return JSONResponse({"total": sum(self.shop.calls.values()), "calls": counted})

    async def reset_calls(self, _: Request) -> Response:
        """Count from nought again."""
        self.shop.calls.clear()
        return JSONResponse({})

    async def settings(self, request: Request) -> Response:
        """Change how the shop answers, by the names of `Settings`; those not named stay."""
        self.shop.settings = self.shop.settings.changed(await _body(request))
        return JSONResponse({name: getattr(self.shop.settings, name) for name in Settings.__dataclass_fields__})

    def routes(self) -> list[Route]:
        """Lay out the side door."""
        return [
            Route(f"/_sim/{path}", _guarded(handler), methods=methods)
            for path, handler, methods in (
                ("reset", self.reset, ["POST"]),
                ("stores", self.stores, ["POST"]),
                ("partner-token", self.partner_token, ["POST"]),
                ("orders", self.orders, ["POST", "GET"]),
                ("orders/{store}/{number}", self.change, ["PATCH", "DELETE"]),
                ("faults", self.faults, ["POST", "DELETE"]),
                ("calls", self.calls, ["GET"]),
                ("calls/reset", self.reset_calls, ["POST"]),
                ("settings", self.settings, ["POST"]),
            )
        ]
