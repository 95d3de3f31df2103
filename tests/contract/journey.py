"""A journey on real parts that makes our clients send all they can send, and the simulators answer all they can."""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from koppeling import onboard, poll, preview, reconcile, transport
from koppeling.failures import Failure, Refused
from koppeling.mijnwebwinkel.client import Shop
from koppeling.settings import settings
from koppeling.snelstart.client import SnelStart, token
from koppeling.workplace import Workplace
from sandbox.books_api import ROUTES
from sandbox.books_state import SCOPES
from sandbox.orders import EXPECTED, generate, makers_example
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY
from tests.contract.exchanges import Recording
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage, order
from tests.undo.hand import history, imported, undo_orders

SALES: Final = 10
BUSINESS: Final = {
    "name": "Jip Voorbeeld",
    "company": "Voorbeeldig BV",
    "street": "Molenstraat",
    "number": "62",
    "zipcode": "5341GE",
    "city": "Oss",
    "country_code": "NL",
    "phone": "06-12345678",
    "taxnumber": "NL123456782B90",
    "bankaccount": "NL91ABNA0417164300",
}
SETTINGS: Final[tuple[tuple[str, object], ...]] = (
    ("numbers", "text"),
    ("numbers", "number"),
    ("integers", "text"),
    ("integers", "number"),
    ("order_number", "text"),
    ("order_number", "number"),
    ("line_price", "object"),
    ("line_price", "list"),
    ("price_tax", "object"),
    ("price_tax", "list"),
    ("country", "empty-list"),
    ("credit_sign", "negative"),
    ("credit_sign", "positive"),
    ("payment_status", "absent"),
    ("payment_status", "unknown"),
    ("unknown_fields", True),
    ("unknown_line_types", True),
)
"""The shop's ways to answer. All but these change filters, paging, rates or statuses, not the shape of an answer."""


_JSON: Final = {"Content-Type": "application/json"}


def travel(stage: Stage, recording: Recording) -> None:
    """Everything there is to hear, once."""
    stage.calm()
    # Without Retry-After our client tries again sooner; that header is no part of the documents.
    for simulator in (stage.shop, stage.books):
        simulator.tell("settings", {"retry_after": False})
    connected, other = stage.connect(), stage.connect()
    _every_kind_of_order(stage, connected)
    _fields_that_are_seldom_filled(stage, other)
    _unclear_outcomes(stage, connected)
    _taken_back(stage)
    _refusals_of_snelstart(stage, connected)
    _refusals_of_the_shop(stage, other)
    _refused_credentials(stage, connected)
    with recording.touring():
        _failures_of_both(stage, other)
        _every_route_of_snelstart(stage, other)
    few = _few_orders(stage, connected)
    for name, value in SETTINGS:
        stage.shop.tell("settings", {name: value})
        with recording.touring(f"{name}={value}"):
            _every_answer_of_the_shop(few)
        stage.shop.tell("settings", {name: False if value is True else "as-given"})


def _every_kind_of_order(stage: Stage, connected: Connected) -> None:
    """Polled as they are found, then each delivered: sales, unpaid, refunded, another currency and so on."""
    now = datetime.now(AMSTERDAM)
    week = timedelta(days=7)
    made = [
        each
        for seed, kind in enumerate(EXPECTED)
        for each in generate(
            seed,
            SALES if kind == "sale" else 2,
            first_number=500_001 + 100 * seed,
            start=now - week,
            span=week,
            mix={kind: 1},
        )
    ]
    stage.place(connected, *(each.raw for each in made), makers_example(now.date()).raw)
    stage.place(connected, _credit_order(), order(payment_status="refunded"), order(payment_status="unknown"))
    day = {"status_changed_date": f"{now:%Y-%m-%d}", "status_changed_time": f"{now:%H:%M:%S}"}
    for number in ("27", *(each.number for each in made if each.number.isdigit())):
        stage.change(connected, number, **day)
    place = Workplace.open(stage.table, connected.connection)
    for archived in ("both", "active"):
        # A preview asks for the archived ones apart where the shop's list leaves them out.
        stage.shop.tell("settings", {"archived_default": archived})
        listed_apart = replace(connected.connection, archived_listing="active-only" if archived == "active" else "both")
        for _ in preview.preview_since(replace(place, connection=listed_apart), now.date() - week, now.date()):
            pass
    stage.shop.tell("settings", {"archived_default": "both"})
    preview.preview_order(place, "27")
    poll.poll(stage.table, connected.id)
    for message in stage.queued():
        stage.deliver(connected, message.order_number)
    reconcile.reconcile(place, now.date() - week, now.date())


def _credit_order() -> dict[str, Any]:
    raw = order(credited_order_number=27, credit_order_numbers=[], status=10)
    del raw["payment"], raw["payment_status"], raw["_payments"]
    return raw


def _fields_that_are_seldom_filled(stage: Stage, connected: Connected) -> None:
    """Foreign VAT, cost centre, mark for the bookkeeper, cash, a business with everything a relatie can hold."""
    stage.books.tell(f"administrations/{connected.administration}", {"foreign_vat": True})
    centre = next(row for row in connected.snelstart.get("kostenplaatsen") if not row["nonactief"])
    toml = f"{PROFILE}cost_centre = {centre['nummer']}\n"
    connected = replace(connected, connection=onboard.change_profile(stage.table, connected.connection, toml))
    cash = order()
    cash["payment"] = {**cash["payment"], "gateway_name": "basic", "method_name": "cash"}
    business = order()
    business["debtor"] = {"email": business["debtor"]["email"], "address": {"invoice": BUSINESS}}
    doubtful = order()
    doubtful["orderlines"] = [{**line, "type": "nieuw"} for line in doubtful["orderlines"]]
    for raw in (cash, business, doubtful):
        _deliver(stage, connected, raw)


def _deliver(stage: Stage, connected: Connected, raw: Mapping[str, Any]) -> None:
    stage.place(connected, raw)
    stage.deliver(connected, str(raw["number"]))


def _unclear_outcomes(stage: Stage, connected: Connected) -> None:
    """Each write done and its answer lost; then looked for, found, and the rest done."""
    for path in ("relaties", "verkoopboekingen", "bankboekingen"):
        raw = order()
        raw["payment"] = {**raw["payment"], "gateway_name": "mollie", "method_name": "ideal"}
        stage.trouble(connected, "cut-after", f"/{path}")
        stage.place(connected, raw)
        stage.until_done(connected, str(raw["number"]))
        if path == "bankboekingen":
            # Its payment is known by its name alone.
            undo_orders(stage, connected, str(raw["number"]))


def _taken_back(stage: Stage) -> None:
    """One order of a payment of many, bank and cash, then all."""
    connected = stage.connect()
    for gateway, method in (("mollie", "ideal"), ("basic", "cash")):
        numbers = history(stage, connected, 3, days=1, payment={"gateway_name": gateway, "method_name": method})
        imported(stage, connected)
        undo_orders(stage, connected, numbers[0])
        undo_orders(stage, connected, *numbers[1:])


def _refusals_of_snelstart(stage: Stage, connected: Connected) -> None:
    """Rules broken, ids gone, too many calls, a server that fails, a token that ran out."""
    taken = order()
    stage.books.tell(
        "invoices",
        {"administration": connected.administration, "factuurnummer": f"MWW{taken['number']}", "bedrag": "10.00"},
    )
    _deliver(stage, connected, taken)
    today = f"{datetime.now(AMSTERDAM):%Y-%m-%d}"
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": [[today, today]]})
    _deliver(stage, connected, order())
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": []})
    for kind in ("401", "403", "404", "429", "500", "503"):
        stage.trouble(connected, kind, "/verkoopboekingen")
        _deliver(stage, connected, order())
    for path, params in (("grootboeken", {"$filter": "Onzin eq 1"}), (f"verkoopboekingen/{uuid4()}", {})):
        with contextlib.suppress(Failure):
            connected.snelstart.get(path, params)


def _refusals_of_the_shop(stage: Stage, connected: Connected) -> None:
    """An order that is not there, a token nobody knows; in both forms an error has."""
    for shape in ("code", "problem"):
        stage.shop.tell("settings", {"error_shape": shape})
        stage.deliver(connected, "987654")
        for shop_token, partner_token in (("wrong", PARTNER_TOKEN), (connected.shop_token, "wrong"), ("", "")):
            with contextlib.suppress(Failure):
                Shop(settings().mijnwebwinkel_api_url, shop_token, partner_token).store()


def _refused_credentials(stage: Stage, connected: Connected) -> None:
    """A koppelsleutel nobody knows, a subscription key nobody knows, a right that is missing."""
    koppelsleutel = connected.connection.credentials().koppelsleutel
    with contextlib.suppress(Failure):
        token("unknown")
    for subscription_key in ("wrong", ""):
        with contextlib.suppress(Failure):
            SnelStart(koppelsleutel, subscription_key).get("companyInfo")
    stage.books.tell(f"administrations/{connected.administration}", {"scopes": ["relaties:read"]})
    token(koppelsleutel, fresh=True)
    with contextlib.suppress(Refused):
        SnelStart(koppelsleutel, SUBSCRIPTION_KEY).get("companyInfo")


def _failures_of_both(stage: Stage, connected: Connected) -> None:
    """Too many calls and a server that fails, on a read: asked for once, where our client would ask three times."""
    for kind in ("401", "403", "404", "429", "500", "503"):
        stage.trouble(connected, kind, "/landen", method="GET")
        transport.client().get(f"{settings().snelstart_api_url}/landen", headers=_headers(connected))
    for shape in ("code", "problem"):
        stage.shop.tell("settings", {"error_shape": shape})
        for kind in ("401", "403", "404", "429", "500", "503"):
            stage.shop.tell("faults", {"path": "/v1/store", "kind": kind, "times": 1, "store": connected.shop_token})
            _ask_the_shop(connected, "store")


def _headers(connected: Connected) -> dict[str, str]:
    bearer = token(connected.connection.credentials().koppelsleutel)
    return {"Authorization": f"Bearer {bearer}", "Ocp-Apim-Subscription-Key": SUBSCRIPTION_KEY}


def _ask_the_shop(connected: Connected, path: str, **params: str) -> None:
    tokens = {"token": connected.shop_token, "partner_token": PARTNER_TOKEN}
    transport.client().get(f"{settings().mijnwebwinkel_api_url}/v1/{path}", params=tokens | params)


def _every_route_of_snelstart(stage: Stage, connected: Connected) -> None:
    """Every call of the simulator on what the journey left there: first what reads, last what deletes."""
    rights = {"scopes": [*SCOPES, "settings:write"]}
    stage.books.tell(f"administrations/{connected.administration}", rights)
    token(connected.connection.credentials().koppelsleutel, fresh=True)
    snelstart, headers = connected.snelstart, _headers(connected)
    ids = {
        path.removesuffix("/{id}"): snelstart.get(path.removesuffix("/{id}").lstrip("/"))[-1]["id"]
        for path in ROUTES
        if path.endswith("/{id}") and path != "/verkoopboekingen/{id}"
    }
    ids["/verkoopboekingen"] = snelstart.get("verkoopfacturen")[-1]["verkoopBoeking"]["id"]
    read: dict[str, bytes] = {}
    for method in ("GET", "PUT", "DELETE"):
        # In this order payments go before the invoices they are of; of a replacement, the answer is what was read.
        for path in sorted(ROUTES):
            if method in ROUTES[path]:
                url = f"{settings().snelstart_api_url}{path.replace('{id}', ids.get('/' + path.split('/')[1], ''))}"
                content = (
                    {"content": read[path], "headers": headers | _JSON} if method == "PUT" else {"headers": headers}
                )
                answer = transport.client().request(method, url, **content)
                read.setdefault(path, answer.content)


def _few_orders(stage: Stage, connected: Connected) -> Connected:
    """A shop with the orders whose shapes differ: several rates, a test order, a credit order, a second address."""
    name = f"klein-{uuid4().hex[:8]}"
    few = replace(connected, shop_token=name)
    stage.shop.tell("stores", {"token": name, "name": name, "primary_domain": f"{name}.example.nl"})
    made = generate(7, 8, start=datetime.now(AMSTERDAM) - timedelta(days=1), span=timedelta(hours=1))
    present = order()
    address = present["debtor"]["address"]
    # A VAT number belongs to the invoice address alone.
    place = {name: value for name, value in address["invoice"].items() if name != "taxnumber"}
    present["debtor"] = {**present["debtor"], "address": {**address, "delivery": place}}
    test = order()
    raws = [each.raw for each in made if each.number != "27"]
    today = datetime.now(AMSTERDAM).date()
    stage.place(
        few, *raws, makers_example(today).raw, _credit_order(), present, test | {"number": f"{test['number']}T"}
    )
    return few


def _every_answer_of_the_shop(connected: Connected) -> None:
    """Every call of the simulated shop, as it answers in the setting in force."""
    _ask_the_shop(connected, "orders", limit="100", test="true")
    for path in ("store", "orderstatuses", "orders/count", "orders/27"):
        _ask_the_shop(connected, path)
    # Order 27 was paid by bank transfer, which leaves no payment with a provider.
    for number in (27, *range(1001, 1009)):
        _ask_the_shop(connected, f"orders/{number}/payments", embed="mutations")
