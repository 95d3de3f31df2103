"""SnelStart's activation page and what comes of it, under /_sim/coupling: approve, regenerate and delete.

Each tells the one registered webhook once: no signature, no second try, whatever the answer is. Strict about the
activation URL, since the vendor's page would only show an error.
"""

import secrets
import ssl
import time
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlsplit

import httpx
from starlette.requests import Request
from starlette.routing import Route

from sandbox.books_control import answering, json_body
from sandbox.books_gate import Simulator
from sandbox.books_state import Administration, Coupling, Delivery
from sandbox.books_wire import RefusedError, Row

_HOST, _PATH = "web.snelstart.nl", "/couplings/activate/"
_LONGEST_REFERENCE: Final = 500
_PATIENCE_SECONDS: Final = 30.0
_NAMES: Final[Mapping[str, tuple[str, str, str]]] = {
    "upper": ("KoppelSleutel", "ActionType", "ReferenceKey"),
    "camel": ("koppelSleutel", "actionType", "referenceKey"),
}


def _refused(why: str) -> RefusedError:
    return RefusedError(400, {"error": why})


class Page:
    """The handlers of /_sim/coupling, over one simulator."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def routes(self) -> list[Route]:
        """The control API's routes for activation."""
        table = [
            ("POST", "", self.register),
            ("GET", "/deliveries", self.deliveries),
            ("POST", "/approve", self.approve),
            ("POST", "/regenerate", self.regenerate),
            ("POST", "/delete", self.delete),
        ]
        return [Route(f"/_sim/coupling{path}", answering(run), methods=[method]) for method, path, run in table]

    @property
    def _app(self) -> Coupling:
        return self._sim.books.coupling

    async def register(self, request: Request) -> object:
        """Register the app: `app_name`, `webhook_url`, and `casing` (`upper` or `camel`) of the fields it is sent."""
        values = await json_body(request)
        if not values.keys() <= {"app_name", "webhook_url", "casing"} or values.get("casing", "upper") not in _NAMES:
            raise _refused("app_name, webhook_url and casing are what an app has")
        self._app.app_name = str(values.get("app_name", self._app.app_name))
        self._app.webhook_url = str(values.get("webhook_url", self._app.webhook_url))
        self._app.casing = str(values.get("casing", self._app.casing))
        return {"registered": self._app.app_name}

    async def deliveries(self, _: Request) -> object:
        """What was told to the app, and what it answered; the koppelsleutels left out."""
        return [delivery.told() for delivery in self._app.deliveries]

    async def approve(self, request: Request) -> object:
        """The owner of `administration` opens `url`, logs in and approves: a new koppelsleutel beside others."""
        values = await json_body(request)
        reference, success_url = self._opened(str(values["url"]))
        books = self._sim.books.find(str(values.get("administration", "")))
        books.couplings[reference] = secrets.token_urlsafe(32)
        return await self._tell("Create", books, reference) | {"success_url": success_url}

    async def regenerate(self, request: Request) -> object:
        """The owner asks for another key: the one before it dies at once. `silent`: the app is not told."""
        values = await json_body(request)
        books, reference = self._coupled(values)
        books.couplings[reference] = secrets.token_urlsafe(32)
        if values.get("silent"):
            return {"koppelsleutel": books.couplings[reference], "delivered": False}
        return await self._tell("Regenerate", books, reference)

    async def delete(self, request: Request) -> object:
        """The owner ends it: the key dies, then the app is told. `alive`: told, while the key still works."""
        values = await json_body(request)
        books, reference = self._coupled(values)
        koppelsleutel = books.couplings[reference] if values.get("alive") else books.couplings.pop(reference)
        return await self._tell("Delete", books, reference, koppelsleutel)

    def _opened(self, url: str) -> tuple[str, str]:
        parts = urlsplit(url)
        if (parts.scheme, parts.netloc) != ("https", _HOST) or parts.fragment:
            raise _refused(f"not a page of {_HOST}")
        if not self._app.app_name or parts.path != _PATH + self._app.app_name:
            raise _refused("no such app")
        asked = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True)
        given = dict(asked)
        if len(asked) != len(given) or not given.keys() <= {"referenceKey", "successUrl"}:
            raise _refused("the page takes referenceKey and successUrl, once")
        reference, success_url = given.get("referenceKey", ""), given.get("successUrl", "")
        if not 0 < len(reference) <= _LONGEST_REFERENCE:
            raise _refused(f"referenceKey is of 1 to {_LONGEST_REFERENCE} characters")
        if success_url and urlsplit(success_url).scheme != "https":
            raise _refused("successUrl is no https address")
        return reference, success_url

    def _coupled(self, values: Row) -> tuple[Administration, str]:
        books = self._sim.books.find(str(values.get("administration", "")))
        references = [values["reference"]] if "reference" in values else list(books.couplings)
        if len(references) != 1 or references[0] not in books.couplings:
            raise _refused("which coupling of this administration?")
        return books, str(references[0])

    async def _tell(self, action: str, books: Administration, reference: str, koppelsleutel: str = "") -> Row:
        if not self._app.webhook_url:
            raise _refused("no webhook is registered for this app")
        koppelsleutel = koppelsleutel or books.couplings[reference]
        body = dict(zip(_NAMES[self._app.casing], (koppelsleutel, action, reference), strict=True))
        began = time.monotonic()
        status: int | None = None
        # Loopback without TLS: reading the machine's certificates would only take time.
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with httpx.AsyncClient(timeout=_PATIENCE_SECONDS, verify=plain, trust_env=False) as client:
            try:
                status = (await client.post(self._app.webhook_url, json=body)).status_code
            except httpx.HTTPError:
                status = None
        delivery = Delivery(action, str(books.id), status, time.monotonic() - began)
        self._app.deliveries.append(delivery)
        return delivery.told() | {"koppelsleutel": koppelsleutel, "reference": reference}
