"""Made-up orders of every regime, end to end: booked to the cent and credited again, or refused for what is wrong."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, get_args

import pytest

from sandbox.order_lines import CENT, Line, Part, VatMethod, euros, stated_vat
from sandbox.orders import generate
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage
from tests.regimes.winkel import (
    BELGIAN,
    Json,
    buyer,
    connect,
    content,
    credit_of,
    invoices,
    reversed_to,
    settled,
    to,
)

_ORDERS = 40
_CREDITED_EACH = 5
_SEED = 20261123
_FOREIGN_VAT = 1520
_unused = count(500_001)


@dataclass(frozen=True)
class Case:
    """One regime: the administration, and what becomes of an ordinary order's rates and fields."""

    options: Mapping[str, Any] = field(default_factory=dict)
    rates: Mapping[str, str] = field(default_factory=dict)
    changes: Json = field(default_factory=dict)


NO_VAT = {"21": "0", "9": "0"}
CASES = {
    "domestic": Case(),
    "below the threshold": Case(changes=to("BE") | {"tax_region": "NL"}),
    "business with Dutch VAT": Case({"foreign_vat": True}, changes=to("BE", BELGIAN) | {"tax_region": "NL"}),
    "small business scheme": Case({"kor": True}, NO_VAT),
    "reverse charge": Case(rates=NO_VAT, changes=reversed_to("BE")),
    "export": Case(rates=NO_VAT, changes=to("US") | {"tax_strategy": "zero_percent"}),
    "oss": Case({"foreign_vat": True}, {"21": "19", "9": "7", "0": "7"}, to("DE")),
    "gift cards": Case(),
}
REFUSED = {"mismatch": "amount-lines-total", "dollars": "currency-not-eur"}


def made_up(name: str, case: Case) -> tuple[list[Json], dict[str, str]]:
    """The regime's orders of today, and for those that must be refused the code."""
    rng = Random(f"{_SEED} {name}")  # noqa: S311 -- a sample, no secret
    mix: Any = {"sale": 90, "mismatch": 5, "dollars": 5}
    first = next(_unused) * 1000
    now = datetime.now(AMSTERDAM)
    made = generate(rng.randrange(2**32), _ORDERS, first_number=first, start=now, span=timedelta(0), mix=mix)
    orders = [_of_regime(rng, dict(each.raw), case, card=name == "gift cards") for each in made]
    return orders, {each.number: REFUSED[each.kind] for each in made if each.kind in REFUSED}


def _of_regime(rng: Random, raw: Json, case: Case, *, card: bool) -> Json:
    """The order at the regime's rates, a cent off in total now and then, perhaps paid for a part by gift card."""
    lines = [_at_rates(each, case.rates) for each in _listed(raw["orderlines"])]
    goods = sum(line.cents for line in lines)
    price: Any = raw["price"]
    off = Decimal(price["total"]) - euros(sum(_cents(each) for each in _listed(raw["orderlines"])))
    vat = stated_vat(rng, lines, rng.choice(get_args(VatMethod.__value__)))
    if card:
        redeemed = rng.randint(1, goods)
        lines.append(Line({"type": "gift_card", "quantity": 1, "description": "Bon"}, (Part(Decimal(0), -redeemed),)))
    if rng.random() < 0.2 and not off:
        off = rng.choice((CENT, -CENT)) if goods > 1 and not card else Decimal(0)
    total = euros(sum(line.cents for line in lines)) + off
    tax = [{"amount": str(amount), "rate": str(rate)} for rate, amount in vat.items()]
    placed = {"orderlines": [line.told() for line in lines], "price": {"tax": tax, "total": str(total)}}
    debtor = {} if case.changes else {"debtor": buyer("NL", str(rng.randint(1, 15)))}
    return raw | {"shipping": []} | placed | debtor | case.changes


def _listed(lines: object) -> list[Any]:
    assert isinstance(lines, list)
    return lines


def _prices(line: Mapping[str, Any]) -> list[Any]:
    return line["price"] if isinstance(line["price"], list) else [line["price"]]


def _cents(line: Mapping[str, Any]) -> int:
    return sum(int(Decimal(price["amount_including_tax"]) * 100) for price in _prices(line))


def _at_rates(line: Mapping[str, Any], rates: Mapping[str, str]) -> Line:
    cents: dict[Decimal, int] = {}
    for price in _prices(line):
        rate = Decimal(price["rate"]).normalize()
        rate = Decimal(rates.get(f"{rate:f}", rate))
        cents[rate] = cents.get(rate, 0) + int(Decimal(price["amount_including_tax"]) * 100)
    json = {name: value for name, value in line.items() if name not in ("price", "articles")}
    return Line(json, tuple(Part(rate, amount) for rate, amount in cents.items()))


def deliver(stage: Stage, connected: Connected, orders: Sequence[Mapping[str, Any]]) -> None:
    """Place the orders and work them off, four at a time."""
    stage.place(connected, *orders)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda each: stage.until_done(connected, str(each["number"])), orders))


def difference(raw: Mapping[str, Any], invoice: Mapping[str, Any], sign: int = 1) -> Decimal:
    """How far the books are from the shop's order: in the total, and in the VAT of each rate."""
    lines, vat = content(invoice)
    off = abs(Decimal(invoice["factuurbedrag"]) - sign * Decimal(raw["price"]["total"]))
    stated = [Decimal(each["amount"]) * sign for each in raw["price"]["tax"] if Decimal(each["amount"])]
    foreign = [Decimal(amount) for ledger, amount in lines if ledger == _FOREIGN_VAT]
    there = [*foreign, *map(Decimal, vat.values())]
    assert len(stated) == len(there)
    return off + sum((abs(a - b) for a, b in zip(sorted(stated), sorted(there), strict=True)), Decimal(0))


@pytest.mark.parametrize("name", CASES)
def test_generated(stage: Stage, name: str, record_testsuite_property: Callable[[str, object], None]) -> None:
    """Every order that states what it should is booked, settled and without a cent of difference; so is its credit."""
    case = CASES[name]
    connected = connect(stage, **case.options)
    orders, wrong = made_up(name, case)
    deliver(stage, connected, orders)
    rows = {str(raw["number"]): stage.row(connected, str(raw["number"])) for raw in orders}
    refused = {number: row.reason.code for number, row in rows.items() if row.state == "refused" and row.reason}
    assert refused == wrong
    good = [raw for raw in orders if str(raw["number"]) not in wrong]
    assert {rows[str(raw["number"])].state for raw in good} == {"paid"}
    off = sum((difference(raw, settled(stage, connected, f"MWW{raw['number']}")) for raw in good), Decimal(0))
    credits_ = [_credit(raw, case) for raw in good[::_CREDITED_EACH]]
    deliver(stage, connected, credits_)
    for raw in credits_:
        assert stage.row(connected, str(raw["number"])).state == "credited"
        assert stage.row(connected, str(raw["credited_order_number"])).state == "credited"
        off += difference(raw, settled(stage, connected, f"MWW{raw['number']}"), -1)
    told = {
        "booked": len(good),
        "credited": len(credits_),
        "euro of difference": str(off),
        "refused": dict(Counter(wrong.values())),
    }
    record_testsuite_property(f"generated: {name}", told)
    assert off == 0
    assert len(invoices(stage, connected)) == len(good) + len(credits_)


def _credit(raw: Mapping[str, Any], case: Case) -> Json:
    tax = {each["rate"]: each["amount"] for each in raw["price"]["tax"]}
    made = credit_of(str(raw["number"]), *raw["orderlines"], total=raw["price"]["total"], tax=tax, **case.changes)
    return made | {"number": next(_unused)}
