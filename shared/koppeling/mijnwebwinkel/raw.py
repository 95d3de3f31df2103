"""How the shop's JSON is laid out, turned into the fields of `models`. Nothing is interpreted here but the layout."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from koppeling.shapes import ShapeError, decimal, many, mapping, moment, nothing, text, word, yes

_NUMBER: Final = re.compile(r"0*([0-9]{1,18})(T?)", re.IGNORECASE)


def order(payload: Mapping[str, Any]) -> dict[str, object]:
    """The fields of `models.Order`, each still as the shop wrote it."""
    price = _price(payload)
    number, test = _order_number(payload.get("number"), "number")
    return {
        **{name: payload.get(name) for name in ("uuid", "status", "archived", "locale", "reference")},
        "number": number,
        "test": test or yes(payload, "test"),
        "placed_at": _moment(payload.get("date"), payload.get("time"), "date"),
        "status_changed_at": _changed(payload),
        "currency": word(payload, "currency").upper(),
        "total": price.get("total"),
        "taxes": many(price.get("tax")),
        "lines": tuple(_line(line) for line in many(payload.get("orderlines"))),
        "payment_status": word(payload, "payment_status").lower(),
        "payment": _payment(payload.get("payment")),
        "debtor": _debtor(mapping(payload.get("debtor"))),
        "tax_strategy": word(payload, "tax_strategy").lower(),
        "tax_region": word(payload, "tax_region").upper(),
        "shipping_countries": _shipping(payload.get("shipping")),
        "business_model": word(payload, "business_model").upper(),
        "credited_order_number": _linked(payload.get("credited_order_number"), "credited_order_number"),
        "credit_order_numbers": tuple(
            linked
            for item in many(payload.get("credit_order_numbers"))
            if (linked := _linked(item, "credit_order_numbers"))
        ),
        "discount_code": payload.get("discountcode"),
    }


def _price(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    prices = many(payload.get("price"))
    if len(prices) != 1 or not isinstance(prices[0], Mapping):
        raise ShapeError("price")
    return prices[0]


def _order_number(value: object, name: str) -> tuple[str, bool]:
    try:
        match = _NUMBER.fullmatch(text(value))
    except ValueError:
        match = None
    if match is None:
        raise ShapeError(name)
    return match[1].lstrip("0") or "0", bool(match[2])


def _linked(value: object, name: str) -> str | None:
    if nothing(value) or value is False:
        return None
    number, _ = _order_number(value, name)
    return None if number == "0" else number


def _moment(day: object, clock: object, name: str) -> datetime:
    try:
        written, time = text(day), text(clock)
        return moment(f"{written[:10]}T{time}" if time else written)
    except ValueError:
        raise ShapeError(name) from None


def _changed(payload: Mapping[str, Any]) -> datetime | None:
    changed = payload.get("status_changed_date")
    # "0000-00-00" and "-0001-11-30" are how MySQL and PHP write "never".
    if nothing(changed) or (isinstance(changed, str) and changed.strip().startswith(("0000", "-"))):
        return None
    return _moment(changed, payload.get("status_changed_time"), "status_changed_date")


def _line(raw: object) -> object:
    if not isinstance(raw, Mapping):
        return raw
    articles = [mapping(article) for article in many(raw.get("articles"))]
    described = next((item.get("description") for item in (raw, *articles) if not nothing(item.get("description"))), "")
    quantity = raw.get("quantity")
    return {
        "id": raw.get("id"),
        "type": word(raw, "type").lower(),
        "quantity": Decimal(1) if nothing(quantity) else quantity,
        "description": described,
        "prices": tuple(_line_price(price) for price in many(raw.get("price"))),
    }


def _line_price(raw: object) -> object:
    if not isinstance(raw, Mapping) or not nothing(raw.get("amount")) or nothing(raw.get("amount_including_tax")):
        return raw
    # What the customer paid is stated, the net amount is not: six decimals, as the shop itself computes it.
    try:
        paid, rate = decimal(raw["amount_including_tax"]), abs(decimal(raw.get("rate")))
    except ValueError:
        raise ShapeError("orderlines.price") from None
    return {**raw, "amount": (paid * 100 / (100 + rate)).quantize(Decimal("0.000001"))}


def _payment(raw: object) -> Mapping[str, Any] | None:
    if nothing(raw) or not isinstance(raw, Mapping):
        return None
    status = mapping(raw.get("status"))
    return {
        "gateway": raw.get("gateway_name"),
        "method": raw.get("method_name"),
        "status_id": status.get("id"),
    }


def _debtor(raw: Mapping[str, Any]) -> Mapping[str, Any]:
    addresses = mapping(raw.get("address"))
    invoice = _address(mapping(addresses.get("invoice")))
    stated = invoice or {}
    old = {"name": "name", "company": "company", "phone": "phone", "bank_account": "bankaccount"}
    return {
        "email": raw.get("email"),
        **{name: raw.get(was) if nothing(stated.get(name)) else stated[name] for name, was in old.items()},
        "invoice": invoice,
        "delivery": _address(mapping(addresses.get("delivery"))),
    }


def _address(raw: Mapping[str, Any]) -> Mapping[str, Any] | None:
    country = raw.get("country")
    if isinstance(country, Mapping):
        country = country.get("description")
    fields = {
        **{name: raw.get(name) for name in ("name", "company", "street", "number", "zipcode", "city", "phone")},
        "country": country,
        "country_code": word(raw, "country_code").upper(),
        "tax_number": raw.get("taxnumber"),
        "bank_account": raw.get("bankaccount"),
    }
    return None if all(nothing(value) for value in fields.values()) else fields


def _shipping(raw: object) -> Sequence[str]:
    codes = (word(mapping(mapping(item).get("country")), "isocode").upper() for item in many(raw))
    return tuple(dict.fromkeys(code for code in codes if code))
