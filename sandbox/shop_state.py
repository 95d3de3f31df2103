"""What the simulated shop remembers: its stores and orders, how it behaves, which faults wait, which calls came."""

import re
import uuid
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, Self, cast, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
DEFAULT_PARTNER_TOKEN = "sandbox-partner-token"  # noqa: S105 - a made-up token of a simulator that listens on loopback only
TEST_NUMBER = re.compile(r"\d+T")

type Json = dict[str, object]
type Description = str | dict[str, str]

DEFAULT_STATUSES: tuple[Json, ...] = (
    {"status": 1, "description": {"nl_NL": "Nieuw", "en_GB": "New"}, "credit_order": False},
    {"status": 2, "description": {"nl_NL": "In behandeling", "en_GB": "Processing"}, "credit_order": False},
    {"status": 3, "description": {"nl_NL": "Verzonden", "en_GB": "Shipped"}, "credit_order": False},
    {"status": 4, "description": {"nl_NL": "Afgerond", "en_GB": "Completed"}, "credit_order": False},
    {"status": 5, "description": {"nl_NL": "Geannuleerd", "en_GB": "Cancelled"}, "credit_order": False},
    {"status": 6, "description": {"nl_NL": "Wacht op betaling", "en_GB": "Awaiting payment"}, "credit_order": False},
    {"status": 10, "description": {"nl_NL": "Creditorder", "en_GB": "Credit order"}, "credit_order": True},
)


class ControlError(ValueError):
    """A test asked the simulator for something it does not have."""


@dataclass(frozen=True)
class Settings:
    """How the shop answers. `as-given` leaves an order as it was handed in; the rest plays one side of an open fact."""

    round_trip_ms: int = 0
    error_shape: Literal["problem", "code"] = "problem"
    missing_token_status: Literal[401, 403] = 401
    wrong_token_status: Literal[401, 403] = 403
    rate_limit: int = 0
    """Calls one store may make per `rate_window_seconds`; 0 for no limit."""
    rate_window_seconds: int = 60
    retry_after: bool = True
    timeout_seconds: int = 120
    """How long a `timeout` fault stays silent when the caller does not hang up first."""
    limit_above_max: Literal["clamp", "refuse"] = "clamp"
    archived_default: Literal["both", "active"] = "both"
    filter_zone: Literal["Europe/Amsterdam", "UTC"] = "Europe/Amsterdam"
    """Zone in which `status_changed_*` filters are read; the orders themselves always tell Amsterdam time."""
    numbers: Literal["as-given", "text", "number"] = "as-given"
    """Amounts, rates, weights and the cents of payments."""
    integers: Literal["as-given", "text", "number"] = "as-given"
    """`quantity` and `status` of an order."""
    order_number: Literal["as-given", "text", "number"] = "as-given"
    line_price: Literal["as-given", "object", "list"] = "as-given"
    """`object` only where one rate applies: several rates are always a list."""
    price_tax: Literal["as-given", "object", "list"] = "as-given"
    country: Literal["as-given", "empty-list"] = "as-given"
    credit_sign: Literal["as-given", "negative", "positive"] = "as-given"
    payment_status: Literal["as-given", "absent", "unknown"] = "as-given"
    unknown_fields: bool = False
    unknown_line_types: bool = False

    def changed(self, given: Mapping[str, object]) -> Self:
        """Return these settings with some replaced. Raises ControlError on an unknown name or value."""
        hints = get_type_hints(Settings)
        for name, value in given.items():
            if name not in hints:
                known = ", ".join(each.name for each in fields(self))
                raise ControlError(f"no setting {name}; there are: {known}")
            hint = hints[name]
            literal = get_origin(hint) is Literal
            fits = value in get_args(hint) if literal else type(value) is hint
            if not fits or (isinstance(value, int) and value < 0):
                raise ControlError(f"{name} cannot be {value!r}")
        return replace(self, **cast("dict[str, Any]", given))  # checked above, name by name


@dataclass(frozen=True)
class StoredOrder:
    """One order as handed in, with what the filters ask for taken out."""

    number: str
    raw: Json
    payments: tuple[Json, ...]
    ordered_on: date
    status: int
    status_changed: datetime
    """In UTC, so that comparing it is cheap and right across a clock change."""
    archived: bool
    email: str

    @property
    def is_test(self) -> bool:
        """Whether the number carries the T of a test order."""
        return bool(TEST_NUMBER.fullmatch(self.number))

    @property
    def sort_key(self) -> tuple[int, bool]:
        """Order of listing: by number, a test order behind the real one."""
        return int(self.number.removesuffix("T")), self.is_test

    @classmethod
    def of(cls, given: Mapping[str, object]) -> Self:
        """Read an order in the API's own JSON, with optional `_payments`. Raises ControlError when it is none."""
        raw = {key: value for key, value in given.items() if key != "_payments"}
        number = str(raw.get("number", ""))
        if not re.fullmatch(r"\d+T?", number):
            raise ControlError("an order needs a number: digits, with a T behind them for a test order")
        debtor = raw.get("debtor")
        try:
            ordered = datetime.fromisoformat(f"{raw['date']} {raw['time']}")
            changed = datetime.fromisoformat(
                f"{raw.get('status_changed_date', raw['date'])} {raw.get('status_changed_time', raw['time'])}"
            )
            status = int(str(raw["status"]))
        except (KeyError, ValueError) as error:
            raise ControlError(f"order {number} lacks a readable date, time or status") from error
        return cls(
            number=number,
            raw=raw,
            payments=tuple(cast("list[Json]", given.get("_payments", []))),
            ordered_on=ordered.date(),
            status=status,
            status_changed=changed.replace(tzinfo=AMSTERDAM).astimezone(UTC),
            archived=str(raw.get("archived", False)).lower() in {"true", "1"},
            email=str(debtor.get("email", "")) if isinstance(debtor, dict) else "",
        )


@dataclass
class Store:
    """One shop: its token, what `GET /v1/store` says of it, its statuses and its orders by number."""

    token: str
    info: Json
    statuses: list[Json]
    orders: dict[str, StoredOrder] = field(default_factory=dict)
    recent_calls: deque[float] = field(default_factory=deque)
    _sorted: list[StoredOrder] | None = None

    @property
    def name(self) -> str:
        """What people call the shop."""
        return str(self.info["name"])

    def put(self, given: Mapping[str, object]) -> StoredOrder:
        """Add an order or replace the one with its number."""
        order = StoredOrder.of(given)
        self.orders[order.number] = order
        self._sorted = None
        return order

    def remove(self, number: str) -> None:
        """Forget an order, as a shop whose owner removed it."""
        if self.orders.pop(number, None) is None:
            raise ControlError(f"no order {number} in this store")
        self._sorted = None

    def change(self, number: str, given: Mapping[str, object], now: datetime) -> StoredOrder:
        """Change fields of an order; another `status` is stamped with `now` (aware) unless the change dates itself."""
        old = self.orders.get(number)
        if old is None:
            raise ControlError(f"no order {number} in this store")
        merged: Json = {**old.raw, "_payments": list(old.payments), **given}
        if "status" in given and not {"status_changed_date", "status_changed_time"} & given.keys():
            local = now.astimezone(AMSTERDAM)
            merged |= {"status_changed_date": f"{local:%Y-%m-%d}", "status_changed_time": f"{local:%H:%M:%S}"}
        if "number" in given and str(given["number"]) != number:
            raise ControlError("an order keeps its number")
        return self.put(merged)

    def listed(self) -> list[StoredOrder]:
        """All orders by number, rising."""
        if self._sorted is None:
            self._sorted = sorted(self.orders.values(), key=lambda order: order.sort_key)
        return self._sorted

    def credits(self, order: StoredOrder) -> bool:
        """Whether this is a credit order: it names its original and its status says so."""
        credit_statuses = {int(str(each["status"])) for each in self.statuses if each.get("credit_order") is True}
        return bool(order.raw.get("credited_order_number")) and order.status in credit_statuses


@dataclass
class Fault:
    """A fault waiting for calls whose path matches; `after` lets that many pass first, `times` is how many it hits."""

    path: re.Pattern[str]
    kind: str
    times: int
    after: int = 0
    store: Store | None = None
    number: str = ""
    change: Json = field(default_factory=dict)

    def strikes(self, path: str, store: Store | None) -> bool:
        """Whether this call is one to hit; counts it if so."""
        if self.times <= 0 or not self.path.search(path) or (self.store is not None and self.store is not store):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True


class Shop:
    """All stores of one simulated Mijnwebwinkel, and the operator's partner token."""

    def __init__(self) -> None:
        """Start empty."""
        self.partner_token = DEFAULT_PARTNER_TOKEN
        self.settings = Settings()
        self.stores: dict[str, Store] = {}
        self.faults: list[Fault] = []
        self.calls: Counter[tuple[str, str, str, int]] = Counter()

    def reset(self) -> None:
        """Start over in place: both sides of the server hold this very object."""
        vars(self).update(vars(Shop()))

    def add_store(self, given: Mapping[str, object]) -> Store:
        """Add a store, or change the one with this token and keep its orders."""
        token = given.get("token")
        name = given.get("name", "Voorbeeldwinkel")
        if not isinstance(token, str) or not token or not isinstance(name, str):
            raise ControlError("a store needs a token and a name, both text")
        info: Json = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, token)),
            "name": name,
            "primary_domain": "https://www.example.nl",
            "description": "",
            "open": True,
            "version": "Pro",
            "administration_language": "nl_NL",
            "currency": "EUR",
            "prices_include_tax": True,
            "default_language": "nl_NL",
            "active_languages": ["nl_NL"],
            "currency_format_locale": "nl_NL",
            "available_business_models": "ALL",
            "region_code": "NL",
        }
        info |= {key: value for key, value in given.items() if key not in {"token", "statuses"}}
        statuses = cast("list[Json]", given.get("statuses", list(DEFAULT_STATUSES)))
        store = self.stores.get(token)
        if store is None:
            store = self.stores[token] = Store(token, info, statuses)
        else:
            store.info, store.statuses = info, statuses
        return store

    def store(self, key: object) -> Store:
        """Find a store by token, id or name. Raises ControlError when none or several answer to it."""
        found = [each for each in self.stores.values() if key in (each.token, each.info["id"], each.name)]
        if len(found) != 1:
            raise ControlError(f"{len(found)} stores answer to that token, id or name")
        return found[0]

    def fault_for(self, path: str, store: Store | None) -> Fault | None:
        """Give the first waiting fault that hits this call, if any."""
        return next((fault for fault in self.faults if fault.strikes(path, store)), None)
