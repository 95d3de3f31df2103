"""The shop's API, read only. Nothing here ever names a URL: the tokens travel in it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from koppeling import catalogue, transport
from koppeling.clock import AMSTERDAM
from koppeling.failures import ConnectionRefused, Refused, Unavailable
from koppeling.mijnwebwinkel.models import Order, OrderStatus, Payments, ShapeError, Store
from koppeling.shapes import integer

PAGE = 100
"""The largest `limit` the documentation allows; what a larger one does is not known."""

_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND = 401, 403, 404


Listing = Literal["both", "active-only", "unknown"]
"""What the order list holds when `archived` is left out. The documentation is silent, so it is learnt per shop."""


@dataclass(frozen=True, slots=True)
class Window:
    """Which orders: those whose status changed from `start` up to and including `end`."""

    start: datetime
    end: datetime
    archived: bool | None = None

    def params(self) -> dict[str, str | int]:
        """As query parameters; the shop's clock is Amsterdam's as far as is known."""
        params: dict[str, str | int] = {
            "status_changed_start_date": _wall_clock(self.start),
            "status_changed_end_date": _wall_clock(self.end),
        }
        return params | _archived(self.archived)


@dataclass(frozen=True, slots=True)
class Placed:
    """Which orders: those placed from the day `start` up to and including the day `end`, by the shop's calendar."""

    start: date
    end: date
    archived: bool | None = None

    def params(self) -> dict[str, str | int]:
        """As query parameters."""
        params: dict[str, str | int] = {"start_date": self.start.isoformat(), "end_date": self.end.isoformat()}
        return params | _archived(self.archived)


def archived_choices(listing: Listing) -> tuple[bool | None, ...]:
    """What to ask for so that archived orders are in it: an order may be archived as soon as it is done."""
    return (False, True) if listing == "active-only" else (None,)


@dataclass(frozen=True, slots=True)
class Shop:
    """One shop, by its own token and the operator's.

    Every call raises `ConnectionRefused` (the shop's token), `Unavailable` (the operator's token, no answer, no
    sense in the answer) or `Refused`.
    """

    api_url: str
    token: str
    partner_token: str
    around: transport.Around = field(default=transport.freely, compare=False)
    """What every call is made within."""

    def __repr__(self) -> str:
        """Nothing: a traceback that prints locals must not print tokens."""
        return "Shop(…)"

    def store(self) -> Store:
        """Who this token belongs to."""
        return self._parsed(Store.parse, self._get("store"))

    def order_statuses(self) -> tuple[OrderStatus, ...]:
        """The shop's own order statuses; ids and texts are the shop's."""
        listed = self._listed(self._get("orderstatuses"))
        return tuple(self._parsed(OrderStatus.parse, status) for status in listed)

    def order(self, number: str) -> Order:
        """One order. `Refused` with shop-order-not-found or shop-order-unreadable."""
        answer = self._get(f"orders/{number}")
        if not isinstance(answer, dict):
            raise Unavailable(catalogue.reason("shop-unavailable"))
        try:
            order = Order.parse(answer)
        except ShapeError as error:
            raise Refused(catalogue.reason("shop-order-unreadable", field=str(error))) from error
        if order.number != number:
            raise Refused(catalogue.reason("shop-order-unreadable", field="number"))
        return order

    def payments(self, number: str) -> Payments:
        """What was paid for one order."""
        return self._parsed(Payments.parse, self._get(f"orders/{number}/payments", {"embed": "mutations"}))

    def count(self, window: Window | Placed) -> int:
        """How many orders are in the window."""
        return self._count(window.params())

    def archived_listing(self) -> Listing:
        """What this shop's list holds when `archived` is left out, as far as its orders can tell: three counts."""
        archived, active, unsaid = (self._count(_archived(choice)) for choice in (True, False, None))
        if archived == 0:
            return "unknown"
        return "both" if unsaid >= active + archived else "active-only"

    def page(self, window: Window | Placed, offset: int) -> list[dict[str, Any]]:
        """Up to a hundred orders of the window from `offset` on, whole, by number; unparsed as in `orders`."""
        return self._listed(self._get("orders", window.params() | {"limit": PAGE, "offset": offset, "ordering": "asc"}))

    def orders(self, window: Window | Placed, expected: int) -> Iterator[dict[str, Any]]:
        """The orders in the window as the shop states them, page by page, by number, until `expected` are read.

        Unparsed: one unreadable order must not hide its neighbours.
        """
        offset = 0
        before: list[dict[str, Any]] = []
        while offset < expected:
            page = self.page(window, offset)
            # An empty page ends it, and one that comes again: who does not mind the offset has no last page. A short
            # one does not: the shop may hand out smaller pages than asked for.
            if not page or page == before:
                return
            before = page
            yield from page
            offset += len(page)

    def _count(self, params: dict[str, str | int]) -> int:
        answer = self._get("orders/count", params)
        count = answer.get("count") if isinstance(answer, dict) else None
        try:
            counted = integer(count)
        except ValueError:
            counted = -1
        # A count below nothing would end a poll without reading, and what it did not read would be passed over.
        if counted < 0:
            raise Unavailable(catalogue.reason("shop-unavailable"))
        return counted

    def _listed(self, answer: object) -> list[dict[str, Any]]:
        if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
            raise Unavailable(catalogue.reason("shop-unavailable"))
        return answer

    def _parsed[T](self, parse: Callable[[Mapping[str, Any]], T], payload: object) -> T:
        if not isinstance(payload, dict):
            raise Unavailable(catalogue.reason("shop-unavailable"))
        try:
            return parse(payload)
        except ShapeError as error:
            raise Unavailable(catalogue.reason("shop-unavailable")) from error

    def _get(self, path: str, params: dict[str, str | int] | None = None) -> object:
        answer = self._ask(path, {**(params or {}), "token": self.token})
        if answer.ok and answer.body is not None:
            return answer.body
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            raise self._whose()
        if answer.status == _NOT_FOUND and path.startswith("orders/") and path != "orders/count":
            raise Refused(catalogue.reason("shop-order-not-found"))
        raise Unavailable(catalogue.reason("shop-unavailable"), answer.retry_after)

    def _ask(self, path: str, params: dict[str, str | int]) -> transport.Answer:
        fixed = {"partner_token": self.partner_token}
        if not path.endswith("/payments"):
            # The payments call is documented without them.
            fixed |= {"language": "nl_NL", "format": "json"}
        try:
            return transport.read(f"{self.api_url}/v1/{path}", params={**params, **fixed}, around=self.around)
        except (transport.NotSent, transport.NoAnswer) as error:
            raise Unavailable(catalogue.reason("shop-unavailable")) from error

    def _whose(self) -> ConnectionRefused | Unavailable:
        """Whose token a 401 or 403 is about: no answer is documented to say so, a call without store token tells.

        The documentation asks only the partner's token for the order statuses. Answered: the shop's token is the bad
        one. Refused too: probably the partner's, but nobody has tried, and no shop is paused over a guess.
        """
        answer = self._ask("orderstatuses", {})
        if answer.ok:
            return ConnectionRefused(catalogue.reason("shop-token-refused"))
        if answer.status in (_UNAUTHORIZED, _FORBIDDEN):
            return Unavailable(catalogue.reason("shop-access-refused"))
        return Unavailable(catalogue.reason("shop-unavailable"), answer.retry_after)


def _wall_clock(moment: datetime) -> str:
    return moment.astimezone(AMSTERDAM).strftime("%Y-%m-%d %H:%M:%S")


def _archived(archived: bool | None) -> dict[str, str | int]:  # noqa: FBT001 -- three-valued: yes, no, not said
    return {} if archived is None else {"archived": "true" if archived else "false"}
