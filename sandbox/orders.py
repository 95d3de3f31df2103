"""Made-up orders as the shop's API states them, each with what must become of it. One seed, one and the same list."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sandbox import order_lines, words
from sandbox.customers import as_written_today, customer
from sandbox.order_lines import Json, Line, euros, identifier

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
NEW, PROCESSING, SHIPPED, COMPLETED, CANCELLED = 1, 2, 3, 4, 5

type Kind = Literal[
    "sale", "unpaid", "authorized", "incomplete", "test", "zero", "cancelled", "refunded", "dollars", "mismatch"
]
"""`incomplete`: paid, not afgerond. `dollars` and `mismatch` (lines do not make the total) come only when asked."""
type Expected = Literal["paid", "waiting", "skipped", "refused"]

EXPECTED: Mapping[Kind, Expected] = MappingProxyType({
    "sale": "paid",
    "unpaid": "waiting",
    "authorized": "waiting",
    "incomplete": "waiting",
    "test": "skipped",
    "zero": "skipped",
    "cancelled": "skipped",
    "refunded": "skipped",
    "dollars": "refused",
    "mismatch": "refused",
})  # fmt: skip
MIX: Mapping[Kind, int] = MappingProxyType({
    "sale": 82,
    "unpaid": 4,
    "authorized": 1,
    "incomplete": 5,
    "test": 2,
    "zero": 1,
    "cancelled": 3,
    "refunded": 2,
})  # fmt: skip
GATEWAYS = (
    ("mollie", "ideal", 60),
    ("mollie", "creditcard", 8),
    ("mollie", "bancontact", 3),
    ("paypal", "paypal", 12),
    ("klarna_checkout", "klarna_paylater", 7),
    ("multisafepay", "ideal", 3),
    ("basic", "cash", 4),
    ("basic", "advance", 3),
)
MUTATIONS = {
    "captured": ("authorize", "capture"),
    "authorized": ("authorize",),
    "refunded": ("authorize", "capture", "refund"),
}
MAKERS_ADDRESS: Mapping[str, str] = MappingProxyType({
    "gender": "V",
    "name": "Truus voorbeeldig",
    "company": "Voorbeeldig BV",
    "street": "Molenstraat",
    "number": "62",
    "zipcode": "5341GE",
    "city": "Oss",
    "country": "Nederland",
    "country_code": "NL",
    "phone": "06-12345678",
})  # fmt: skip
LEGACY_STATUS = {"captured": (1, "Successful"), "refunded": (7, "Refunded")}


@dataclass(frozen=True)
class GeneratedOrder:
    """An order and what must become of it under the default profile (status 4 is afgerond, reserved is not paid).

    `raw` is the API's JSON plus `_payments`; `total` includes VAT; `vat` holds what the shop states per rate in
    percent, 0 included where the order has such lines. All in the order's currency, with two decimals.
    """

    raw: Json
    kind: Kind
    eligible: bool
    expected_state: Expected
    total: Decimal
    vat: Mapping[Decimal, Decimal]
    payment: str
    """`gateway:method`, empty when nothing was to be paid."""
    email: str
    """The customer's address in lower case, however the order writes it."""

    @property
    def number(self) -> str:
        """The order number as text, with the T of a test order."""
        return str(self.raw["number"])


def generate(
    seed: int,
    count: int,
    *,
    first_number: int = 1001,
    start: datetime = datetime(2026, 11, 23, 9, tzinfo=AMSTERDAM),
    span: timedelta = timedelta(days=7),
    mix: Mapping[Kind, int] = MIX,
) -> list[GeneratedOrder]:
    """Make orders, numbered upwards from `first_number` and dated upwards within `span` from `start` (aware).

    Args:
        seed: the same seed and arguments give the same orders.
        count: how many.
        first_number: the number of the first.
        start: the earliest order.
        span: no order or change of status lies later than this after `start`.
        mix: how often each kind comes; `{"sale": 1}` makes them all eligible.
    """
    rng = Random(seed)
    customers = [customer(rng, index) for index in range(max(1, count * 3 // 5))]
    moments = sorted(rng.random() for _ in range(count))
    end = start + span
    return [
        _order(
            rng,
            number=first_number + index,
            kind=rng.choices(list(mix), list(mix.values()))[0],
            buyer=rng.choice(customers),
            placed=start + span * moment,
            end=end,
        )
        for index, moment in enumerate(moments)
    ]


def _lines(rng: Random, kind: Kind) -> tuple[list[Line], str]:
    """Make the lines of an order, and the discount code used (empty for none)."""
    lines = [
        order_lines.custom(rng) if rng.random() < 0.08 else order_lines.article(rng)  # noqa: PLR2004 - a share
        for _ in range(rng.choices((1, 2, 3, 4, 5), (40, 28, 18, 9, 5))[0])
    ]
    goods = order_lines.cents_per_rate(lines)
    worth = sum(goods.values())
    if kind == "zero":
        return [*lines, order_lines.discount(rng, worth, goods, "Kortingscode GRATIS")], "GRATIS"
    code = ""
    chance = rng.random()
    if chance < 0.12:  # noqa: PLR2004 - the share with a code
        code = rng.choice(("WELKOM10", "ZOMER", "korting123"))
        lines.append(order_lines.discount(rng, max(1, worth // 10), goods, f"Kortingscode {code}"))
    elif chance < 0.2:  # noqa: PLR2004 - and with a cart discount
        lines.append(order_lines.discount(rng, rng.randint(1, worth // 2), goods, "Winkelwagenkorting"))
    if rng.random() < 0.7:  # noqa: PLR2004 - the share that is sent
        lines.append(order_lines.costs(rng, "shipping", rng.choice((395, 495, 595, 695)), goods))
    if rng.random() < 0.25:  # noqa: PLR2004 - the share that pays for paying
        lines.append(order_lines.costs(rng, "payment", rng.choice((25, 45, 99, 195)), goods))
    return lines, code


def _payment_status(rng: Random, kind: Kind) -> str:
    match kind:
        case "unpaid":
            return rng.choice(("pending", "new"))
        case "authorized" | "refunded":
            return kind
        case "cancelled":
            return rng.choice(("failed", "voided", "new"))
        case _:
            return "captured"


def payments(
    rng: Random, gateway: str, method: str, status: str, cents: int, paid_at: datetime, currency: str = "EUR"
) -> list[Json]:
    """Make the answer of the payments call: one payment with its mutations, none for the shop's own `basic` gateway."""
    if gateway == "basic" or status == "new":
        return []
    moment = paid_at.isoformat(timespec="seconds")
    happened = MUTATIONS.get(status, ())
    return [
        {
            "id": identifier(rng),
            "gateway": gateway,
            "method": "ideal:ideal_INGBNL2A" if method == "ideal" else method,
            "gatewayReference": f"ord_{rng.getrandbits(32):08x}",
            "price": cents,
            "currency": currency,
            "isTest": False,
            "createdAt": moment,
            "updatedAt": moment,
            "mutations": [
                {"id": rng.randint(1, 10**6), "type": each, "reference": None, "price": cents, "createdAt": moment}
                for each in happened
            ],
        }
    ]


def _order(rng: Random, *, number: int, kind: Kind, buyer: Json, placed: datetime, end: datetime) -> GeneratedOrder:
    lines, code = _lines(rng, kind)
    method: order_lines.VatMethod = rng.choices(get_args(order_lines.VatMethod.__value__), (40, 45, 15))[0]
    vat = order_lines.stated_vat(rng, lines, "rate" if kind == "zero" else method)
    cents = sum(line.cents for line in lines) + (100 if kind == "mismatch" else 0)
    debtor, email = as_written_today(rng, buyer)
    gateway, way = rng.choices([each[:2] for each in GATEWAYS], [each[2] for each in GATEWAYS])[0]
    paid = _payment_status(rng, kind)
    status = {"incomplete": rng.choice((NEW, PROCESSING, SHIPPED)), "cancelled": CANCELLED}.get(kind, COMPLETED)
    changed = min(placed + timedelta(minutes=rng.randint(0, 2880)), end)
    company = debtor["address"]["invoice"].get("company") if isinstance(debtor["address"], dict) else None
    currency = "USD" if kind == "dollars" else "EUR"
    raw: Json = {
        "number": f"{number}T" if kind == "test" else number,
        "uuid": identifier(rng),
        **_stamps(placed, changed),
        "status": status,
        "archived": False,
        "finished": True,
        "taxed": "include",
        "locale": "nl_NL",
        "discountcode": code,
        "currency": currency,
        "comments": {"customer": rng.choice(words.COMMENTS)},
        "business_model": "B2B" if company else "B2C",
        "tax_region": "NL",
        "tax_strategy": "",
        "debtor": debtor,
        **_stated(lines, vat, cents),
    }
    if company:
        raw["reference"] = f"INK-{rng.randint(100, 9999)}"
    if cents:  # an order of nothing carries no payment information at all
        raw["payment_status"] = paid
        code_and_text = LEGACY_STATUS.get(paid, (5, "Pending"))
        raw["payment"] = {
            "gateway_name": gateway,
            "method_name": way,
            "status": dict(zip(("id", "text"), code_and_text, strict=True)),
        }
        raw["_payments"] = payments(rng, gateway, way, paid, cents, placed, currency)
    return GeneratedOrder(
        raw=raw,
        kind=kind,
        eligible=kind == "sale",
        expected_state=EXPECTED[kind],
        total=euros(cents),
        vat=MappingProxyType(vat),
        payment=f"{gateway}:{way}" if cents else "",
        email=email,
    )


def _stamps(placed: datetime, changed: datetime) -> Json:
    local, moved = placed.astimezone(AMSTERDAM), changed.astimezone(AMSTERDAM)
    return {
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M:%S}",
        "status_changed_date": f"{moved:%Y-%m-%d}",
        "status_changed_time": f"{moved:%H:%M:%S}",
    }


def _stated(lines: list[Line], vat: Mapping[Decimal, Decimal], cents: int) -> Json:
    return {
        "price": {
            "tax": [{"amount": f"{amount:.6f}", "rate": f"{rate:.2f}"} for rate, amount in vat.items()],
            "total": f"{euros(cents):.6f}",
        },
        "orderlines": [line.told() for line in lines],
        "shipping": [{"country": {"description": "Nederland", "isocode": "NL"}}],
    }


def makers_example(
    on: date,
    *,
    gateway: str = "basic",
    method: str = "advance",
    status: int = COMPLETED,
    credited_order_number: int | None = None,
) -> GeneratedOrder:
    """Give order 27 of the API's own documentation, to the cent, on another day: 47.45 with VAT 0.83 (9) and 6.50 (21).

    As printed it is of 2015 and names an order it credits, with an ordinary status; neither is kept unless asked for.
    Its amounts are the printed ones, also where they differ from a recomputation in the sixth decimal.
    """
    rng = Random(27)
    moment = datetime(on.year, on.month, on.day, 13, 37, 12, tzinfo=AMSTERDAM)
    email = "truus.voorbeeldig@example.nl"

    def price(amount: str, including: str, rate: str) -> Json:
        return {"amount": amount, "amount_including_tax": including, "rate": rate}

    def sold(letter: str, quantity: int, stated: Json, each: str, action: str = "") -> Json:
        options = (
            [{"description": "Action price", "price": {"amount": action, "rate": stated["rate"]}}] if action else []
        )
        article = {"id": ord(letter) - 64, "description": f"Article {letter}"}
        article |= {"price": {"amount": each, "rate": stated["rate"]}, "options": options}
        line: Json = {"id": identifier(rng), "type": "article", "quantity": quantity, "weight": "0"}
        return line | {"description": f"Article {letter}", "price": stated, "articles": [article]}

    def costs(stated: Json | list[Json]) -> Json:
        return {"id": identifier(rng), "type": "payment", "quantity": 1, "price": stated}

    raw: Json = {
        "number": 27,
        "uuid": "af88e19b-a57b-4aae-a92b-f7078454d1e3",
        **_stamps(moment, moment),
        "status": status,
        "archived": False,
        "finished": True,
        "taxed": "include",
        "locale": "en_GB",
        "discountcode": "korting123",
        "comments": {"customer": "Please send quickly!"},
        "business_model": "B2B",
        "reference": "MOS103271",
        "currency": "EUR",
        "tax_region": "NL",
        "tax_strategy": "",
        "payment": {"gateway_name": gateway, "method_name": method, "status": {"id": 1, "text": "Successful"}},
        "payment_status": "captured",
        "debtor": {"email": email, "address": {"invoice": dict(MAKERS_ADDRESS)}},
        "price": {
            "tax": [{"amount": "0.830000", "rate": "9.00"}, {"amount": "6.500000", "rate": "21.00"}],
            "total": "47.450000",
        },
        "orderlines": [
            sold("A", 1, price("12.396694", "15.00", "21.00"), "24.793388", "-12.396694"),
            sold("B", 2, price("8.181818", "9.90", "21.00"), "7.396694", "-3.305785"),
            sold("C", 3, price("4.834710", "5.85", "21.00"), "1.611570"),
            sold("D", 5, price("8.944950", "9.75", "9.00"), "1.788990"),
            costs([price("0.192571", "0.21", "9.00"), price("0.652972", "0.79", "21.00")]),
            costs(price("4.917355", "5.95", "21.00")),
        ],
        "shipping": [{"country": {"description": "Nederland", "isocode": "NL"}}],
        "_payments": payments(rng, gateway, method, "captured", 4745, moment),
    }
    if credited_order_number is not None:
        raw["credited_order_number"] = credited_order_number
    return GeneratedOrder(
        raw=raw,
        kind="sale",
        eligible=status == COMPLETED and credited_order_number is None,
        expected_state="paid" if status == COMPLETED else "waiting",
        total=Decimal("47.45"),
        vat=MappingProxyType({Decimal(9): Decimal("0.83"), Decimal(21): Decimal("6.50")}),
        payment=f"{gateway}:{method}",
        email=email,
    )
