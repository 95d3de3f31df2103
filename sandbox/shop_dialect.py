"""The ways the shop's JSON may look: each open fact of the API, played as the settings say. Money stays to the cent."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Literal, cast

from sandbox.shop_state import Json, Settings, Store, StoredOrder

AMOUNTS = frozenset({"amount", "amount_including_tax", "rate", "total", "weight", "unit_weight", "purchase_price"})
INTEGERS = frozenset({"quantity", "status"})
NUMBERS = frozenset({"number", "credited_order_number", "credit_order_numbers"})
SIGNED = frozenset({"amount", "amount_including_tax", "total"})
COMMON_LINE_TYPES = frozenset({"article", "custom"})

type Shape = Literal["as-given", "text", "number"]


def _written(value: object, shape: Shape) -> object:
    """Write one number as text or as a JSON number; what is no number stays."""
    if shape == "as-given" or isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    text = str(value)
    if shape == "text":
        return text
    try:
        exact = Decimal(text)
    except ArithmeticError:
        return value
    # float is safe here: its shortest text gives back the same six decimals, which is all that travels
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _opposite(value: object) -> object:
    """Turn the sign of an amount, keeping text text."""
    if isinstance(value, str):
        turned = -Decimal(value)
        return f"{turned:f}" if turned else value
    return -value if isinstance(value, int | float) and not isinstance(value, bool) else value


def _walked(node: object, settings: Settings, name: str = "") -> object:
    """Copy a piece of JSON, writing its numbers as the settings say."""
    if isinstance(node, dict):
        return {key: _walked(value, settings, str(key)) for key, value in node.items()}
    if isinstance(node, list):
        return [_walked(value, settings, name) for value in node]
    if name in AMOUNTS:
        return _written(node, settings.numbers)
    if name in INTEGERS:
        return _written(node, settings.integers)
    return node


def _numbered(order: Json, shape: Shape) -> Json:
    """Write the order's own number and those it names; a house number is called `number` too and stays."""

    def told(value: object) -> object:
        if isinstance(value, list):
            return [told(each) for each in value]
        return value if str(value).endswith("T") else _written(value, shape)

    return {name: told(value) if name in NUMBERS else value for name, value in order.items()}


def _turned(node: object) -> object:
    """Copy a piece of JSON with the sign of every amount turned."""
    if isinstance(node, dict):
        return {key: _opposite(value) if key in SIGNED else _turned(value) for key, value in node.items()}
    return [_turned(value) for value in node] if isinstance(node, list) else node


def _shaped(value: object, shape: Literal["as-given", "object", "list"]) -> object:
    """Give prices as a list, or a single one as the object itself."""
    if shape == "list" and isinstance(value, dict):
        return [value]
    if shape == "object" and isinstance(value, list) and len(value) == 1:
        return value[0]
    return value


def _with_sign(order: Json, sign: Literal["as-given", "negative", "positive"]) -> Json:
    price = order.get("price")
    total = Decimal(str(price.get("total", "0"))) if isinstance(price, dict) else Decimal()
    if sign == "as-given" or total == 0 or (total < 0) == (sign == "negative"):
        return order
    return {**order, "price": _turned(price), "orderlines": _turned(order.get("orderlines", []))}


def _line(line: Json, settings: Settings) -> Json:
    told = dict(line)
    if "price" in told:
        told["price"] = _shaped(told["price"], settings.line_price)
    if settings.unknown_line_types and told.get("type") not in COMMON_LINE_TYPES:
        told["type"] = f"nieuw_{told.get('type')}"
    if settings.unknown_fields:
        told["fulfilment"] = {"state": "unknown", "parcels": []}
    return told


def order_json(order: StoredOrder, store: Store, settings: Settings) -> Json:
    """Tell one order as `GET /v1/orders` does, in the shape the settings ask for."""
    told = dict(order.raw)
    if store.credits(order):
        told = _with_sign(told, settings.credit_sign)
    lines = told.get("orderlines")
    if isinstance(lines, list):
        told["orderlines"] = [_line(line, settings) for line in lines]
    price = told.get("price")
    if isinstance(price, dict) and "tax" in price:
        told["price"] = {**price, "tax": _shaped(price["tax"], settings.price_tax)}
    shipping = told.get("shipping")
    if settings.country == "empty-list" and isinstance(shipping, list):
        told["shipping"] = [{**each, "country": []} for each in shipping]
    if settings.payment_status == "absent":
        told.pop("payment_status", None)
    elif settings.payment_status == "unknown":
        told["payment_status"] = "unknown"
    if settings.unknown_fields:
        told |= {"sustainability": {"score": 7, "labels": ["groen"]}, "channel": None}
    return cast("Json", _walked(_numbered(told, settings.order_number), settings))


def payment_json(payment: Mapping[str, object], embed: frozenset[str], settings: Settings) -> Json:
    """Tell one payment; mutations, properties and order only when asked for. Amounts are cents."""
    told = {key: value for key, value in payment.items() if key not in {"mutations", "properties", "order"} - embed}
    if "price" in told:
        told["price"] = _written(told["price"], settings.numbers)
    mutations = told.get("mutations")
    if isinstance(mutations, list):
        told["mutations"] = [
            {key: _written(value, settings.numbers) if key == "price" else value for key, value in each.items()}
            for each in mutations
        ]
    if settings.unknown_fields:
        told["settlement"] = {"batch": None}
    return told


def statuses_json(statuses: list[Json], language: str) -> list[Json]:
    """Tell the order statuses in one language, Dutch where there is no text in it."""

    def text(description: object) -> object:
        if not isinstance(description, dict):
            return description
        return description.get(language, description.get("nl_NL", ""))

    return [{**each, "description": text(each.get("description"))} for each in statuses]
