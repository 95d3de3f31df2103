"""What may stand in the query of a call to the shop, and which orders it selects. What is unknown is refused."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from starlette.datastructures import QueryParams

from sandbox.shop_state import Settings, StoredOrder

MAX_LIMIT = 100
DEFAULT_LIMIT = 10
LANGUAGES = frozenset(
    "nl_NL en_GB de_DE fr_FR es_ES en_US pt_PT it_IT da_DK sv_SE no_NO tr_TR pl_PL".split()  # noqa: SIM905 - a word list
)
CREDENTIALS = frozenset({"token", "partner_token"})
COMMON = CREDENTIALS | {"language", "format"}
COUNT_FILTERS = frozenset(
    {"start_date", "end_date", "archived", "status_id", "status_changed_start_date", "status_changed_end_date", "test"}
)
LIST_PARAMETERS = COUNT_FILTERS | {"limit", "offset", "ordering", "debtor_email"}


@dataclass
class ApiError(Exception):
    """An answer of the API that is no success; `headers` go with it."""

    status: int
    title: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)


def bad(detail: str) -> ApiError:
    """Refuse what was asked, saying what is wrong with it."""
    return ApiError(400, "Bad Request", detail)


def checked(query: QueryParams, own: frozenset[str], common: frozenset[str] = COMMON) -> dict[str, str]:
    """Return the parameters without credentials. Raises ApiError 400 on one that is unknown, doubled or cannot be."""
    names = [name for name, _ in query.multi_items()]
    for name in names:
        if name not in common | own:
            raise bad(f"Unknown query parameter: {name}")
        if names.count(name) > 1:
            raise bad(f"Query parameter given twice: {name}")
    if query.get("format", "json") != "json":
        raise bad("format: this simulator speaks json only")
    if query.get("language", "nl_NL") not in LANGUAGES:
        raise bad("language: unknown")
    return {name: value for name, value in query.items() if name not in CREDENTIALS}


def _integer(name: str, text: str, least: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) < least:
        raise bad(f"{name}: expected an integer of at least {least}")
    return int(text)


def _boolean(name: str, text: str) -> bool:
    if text not in {"true", "false", "1", "0"}:
        raise bad(f"{name}: expected a boolean")
    return text in {"true", "1"}


def _day(name: str, text: str) -> date:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    except ValueError:
        pass  # falls to the one refusal below: a well-shaped date that does not exist
    raise bad(f"{name}: expected yyyy-mm-dd")


def _moment(name: str, text: str, zone: str) -> datetime:
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}", text):
            return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except ValueError:
        pass  # falls to the one refusal below: a well-shaped moment that does not exist
    raise bad(f"{name}: expected yyyy-mm-dd hh:mm:ss")


def selects(query: Mapping[str, str], settings: Settings) -> Callable[[StoredOrder], bool]:
    """Turn the filters of a checked query into one test per order; both ends of every range are included."""
    tests: list[Callable[[StoredOrder], bool]] = []
    if "start_date" in query:
        first = _day("start_date", query["start_date"])
        tests.append(lambda order: order.ordered_on >= first)
    if "end_date" in query:
        last = _day("end_date", query["end_date"])
        tests.append(lambda order: order.ordered_on <= last)
    if "status_id" in query:
        status = _integer("status_id", query["status_id"], 0)
        tests.append(lambda order: order.status == status)
    if "status_changed_start_date" in query:
        since = _moment("status_changed_start_date", query["status_changed_start_date"], settings.filter_zone)
        tests.append(lambda order: order.status_changed >= since)
    if "status_changed_end_date" in query:
        until = _moment("status_changed_end_date", query["status_changed_end_date"], settings.filter_zone)
        tests.append(lambda order: order.status_changed <= until)
    if "archived" in query:
        archived = _boolean("archived", query["archived"])
        tests.append(lambda order: order.archived is archived)
    elif settings.archived_default == "active":
        tests.append(lambda order: not order.archived)
    if not _boolean("test", query.get("test", "false")):
        tests.append(lambda order: not order.is_test)
    if "debtor_email" in query:
        email = query["debtor_email"].casefold()
        tests.append(lambda order: order.email.casefold() == email)
    return lambda order: all(test(order) for test in tests)


def page(query: Mapping[str, str], settings: Settings, orders: list[StoredOrder]) -> list[StoredOrder]:
    """Cut one page out of the selected orders, as `limit`, `offset` and `ordering` ask."""
    limit = _integer("limit", query.get("limit", str(DEFAULT_LIMIT)), 1)
    offset = _integer("offset", query.get("offset", "0"), 0)
    ordering = query.get("ordering", "asc")
    if ordering not in {"asc", "desc"}:
        raise bad("ordering: expected asc or desc")
    if limit > MAX_LIMIT and settings.limit_above_max == "refuse":
        raise bad(f"limit: at most {MAX_LIMIT}")
    chosen = orders if ordering == "asc" else orders[::-1]
    return chosen[offset : offset + min(limit, MAX_LIMIT)]


def embeds(query: Mapping[str, str]) -> frozenset[str]:
    """Read `embed` of the payments call: none, one or several of properties, mutations and order."""
    asked = frozenset(part for part in query.get("embed", "").split(",") if part)
    if not asked <= {"properties", "mutations", "order"}:
        raise bad("embed: expected properties, mutations or order, separated by commas")
    return asked
