"""Shops and orders of every regime, and what the simulated SnelStart holds of them afterwards."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from koppeling import onboard
from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, PROFILE, Connected, Stage, order

BELGIAN, GERMAN_NUMBER = "BE0428759497", "DE136695976"
CREDIT, CANCELLED = 10, 5
PLACES = {
    "NL": ("5341GE", "Oss"),
    "BE": ("1000", "Brussel"),
    "DE": ("10115", "Berlijn"),
    "GR": ("10431", "Athene"),
    "US": ("10001", "New York"),
}
type Json = dict[str, Any]
"""An order, or fields of one, as the shop's API states it."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""Four digits of one may be another order's number."""

CARDS = "[accounts]\ngift_cards = 1360\n"


def connect(
    stage: Stage,
    profile: str = CARDS,
    *,
    plant: Sequence[Mapping[str, object]] = (),
    **options: Any,  # noqa: ANN401 -- any option
) -> Connected:
    """A new shop tied to a new administration with these options and, changed or added, these ledger accounts.

    `profile` is TOML behind the usual one.
    """
    name = f"winkel-{next_name()}"
    stage.shop.tell("stores", {"token": name, "name": name, "primary_domain": f"{name}.example.nl"})
    made = stage.books.tell("administrations", {"naam": name} | options)
    for account in plant:
        stage.books.tell("grootboeken", {"administration": made["id"]} | dict(account))
    added = onboard.add(stage.table, name, name, made["koppelsleutel"], PROFILE + profile)
    return Connected(added.connection, name, made["id"])


def next_name() -> str:
    """What no shop is called yet."""
    return str(order()["uuid"])


def sold(*lines: Mapping[str, Any], total: str, tax: Mapping[str, str], **changes: Any) -> Json:  # noqa: ANN401 -- any field of an order
    """A paid order of today with these lines, as the shop states it; `tax` is VAT per rate."""
    raw = order()
    stated = [{"amount": amount, "rate": rate} for rate, amount in tax.items()]
    fields: Json = {
        "orderlines": list(lines),
        "price": {"tax": stated, "total": total},
        "payment": {"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1, "text": "Successful"}},
        "_payments": [],
        "business_model": "B2C",
        "debtor": buyer("NL", str(raw["number"])),
        "shipping": [],
    }
    return raw | fields | changes


def thing(gross: str = "121.00", rate: str = "21", vat: str = "21.00", **changes: Any) -> Json:  # noqa: ANN401 -- any field of an order
    """An order of one thing at one rate."""
    return sold(line(paid(gross, rate)), total=gross, tax={rate: vat}, **changes)


def untaxed(gross: str = "100.00", **changes: Any) -> Json:  # noqa: ANN401 -- any field of an order
    """An order of one thing without VAT."""
    return thing(gross, "0", "0.00", **changes)


def buyer(country: str, who: str, *, number: str = "", delivery: str = "", **address: str) -> Json:
    """A customer in this country with a whole address and a VAT number; `delivery`: another country."""
    zipcode, city = PLACES[country]
    invoice = {
        "name": "Voorbeeld",
        "street": "Dorpsstraat",
        "number": "1",
        "zipcode": zipcode,
        "city": city,
        "country_code": country,
        "taxnumber": number,
    }
    places: Json = {"invoice": invoice | address}
    if delivery:
        places["delivery"] = {**invoice, "country_code": delivery, "taxnumber": ""}
    return {"email": f"klant{who}@example.nl", "address": places}


def to(country: str, number: str = "", **more: str) -> Json:
    """Fields of an order to a customer of its own abroad."""
    who = next_name()
    return {"debtor": buyer(country, who, number=number, **more), "tax_region": country if country != "US" else ""}


def reversed_to(country: str, number: str = BELGIAN, **more: str) -> Json:
    """Fields of an order under the reverse charge."""
    return {**to(country, number, **more), "tax_strategy": "reverse_charged_vat", "business_model": "B2B"}


def german(**changes: Any) -> Json:  # noqa: ANN401 -- any field of an order
    """An order of 119.00 with German VAT, by a consumer there."""
    return thing("119.00", "19", "19.00", **(to("DE") | changes))


def on(day: str) -> Json:
    """Fields of an order of this day."""
    return {"date": day, "time": "12:00:00", "status_changed_date": day, "status_changed_time": "12:00:00"}


def credit_of(number: str, *lines: Mapping[str, Any], total: str, tax: Mapping[str, str], **changes: Any) -> Json:  # noqa: ANN401 -- any field of an order
    """A credit order of order `number`."""
    fields: Json = {"status": CREDIT, "credited_order_number": int(number), "payment": None, "payment_status": ""}
    return sold(*lines, total=total, tax=tax, **(fields | changes))


def run(stage: Stage, connected: Connected, raw: Mapping[str, Any]) -> str:
    """Place the order in the shop and deliver its message; its number."""
    stage.place(connected, raw)
    number = str(raw["number"])
    assert stage.deliver(connected, number) is None, stage.row(connected, number).reason
    return number


def refusal(stage: Stage, connected: Connected, raw: Mapping[str, Any]) -> str:
    """The code with which this order is refused; nothing of it is in the books."""
    number = run(stage, connected, raw)
    row = stage.row(connected, number)
    assert (row.state, row.verkoopboeking_id) == ("refused", None), (row.state, row.reason)
    assert row.reason is not None
    assert f"MWW{number}" not in invoices(stage, connected)
    return row.reason.code


def invoices(stage: Stage, connected: Connected) -> dict[str, Any]:
    """The invoices of the administration, by number."""
    return {invoice["factuurnummer"]: invoice for invoice in stage.ledger(connected)["invoices"]}


def of(stage: Stage, connected: Connected, number: str) -> list[str]:
    """The numbers of all invoices that name this order."""
    described = {name: _UUID.sub("", each["omschrijving"]) for name, each in invoices(stage, connected).items()}
    return sorted(name for name, text in described.items() if number in text)


def booked(stage: Stage, connected: Connected, raw: Mapping[str, Any]) -> tuple[list[tuple[int, str]], dict[str, str]]:
    """Book the order: account and amount of its lines, and VAT by kind. It must be paid, with nothing open."""
    number = run(stage, connected, raw)
    row = stage.row(connected, number)
    assert row.state == "paid", row.reason
    return content(settled(stage, connected, f"MWW{number}"))


def settled(stage: Stage, connected: Connected, factuurnummer: str) -> Any:  # noqa: ANN401 -- JSON
    """The invoice with this number: settled once and whole, or not at all where there is nothing to settle."""
    invoice = invoices(stage, connected)[factuurnummer]
    total = Decimal(invoice["factuurbedrag"])
    amounts = [Decimal(regel["bedrag"]) for regel in invoice["regels"]]
    amounts += [Decimal(vat["btwBedrag"]) for vat in invoice["btw"]]
    assert sum(amounts) == total
    assert Decimal(invoice["openstaandSaldo"]) == 0
    assert [Decimal(betaling["bedrag"]) for betaling in invoice["betalingen"]] == ([total] if total else [])
    return invoice


def content(invoice: Mapping[str, Any]) -> tuple[list[tuple[int, str]], dict[str, str]]:
    """Account and amount of the lines, and VAT by kind."""
    lines = [(regel["grootboek"], regel["bedrag"]) for regel in invoice["regels"]]
    return lines, {vat["btwSoort"]: vat["btwBedrag"] for vat in invoice["btw"]}


def days_ago(days: int) -> str:
    """A date of Amsterdam."""
    return (datetime.now(AMSTERDAM).date() - timedelta(days=days)).isoformat()
