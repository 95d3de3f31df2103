"""How each refusal about what is booked where comes about."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any, Final

import httpx

from koppeling import clock, onboard
from koppeling.booking.plan import Settlement
from koppeling.failures import Reason
from koppeling.settings import settings
from koppeling.snelstart import payments
from koppeling.snelstart.client import rows, token
from sandbox.world import SUBSCRIPTION_KEY
from tests.booking.world import line, paid
from tests.exactly_once.rig import PROFILE
from tests.refusals.scene import Scenario, Scene, seen, told
from tests.regimes.winkel import (
    Json,
    buyer,
    credit_of,
    days_ago,
    german,
    next_name,
    reversed_to,
    sold,
    thing,
    to,
    untaxed,
)

BOOKINGS, RELATIES = "/verkoopboekingen", "/relaties"
CARD: Final = line(paid("-21.00", "0"), kind="gift_card")
EVER: Final = [[days_ago(400), "2999-12-31"]]
ODD: Final = "é@voorbeeld.nl"
"""An e-mail address by our check, and none by SnelStart's."""


def ordered(**changes: Any) -> Scenario:  # noqa: ANN401 -- any field of an order
    """An order of one thing that says this instead."""
    return lambda scene: scene.refused(thing(**changes))


def changed(path: str, nummer: int, /, profile: str = "", **values: object) -> Scenario:
    """The bookkeeper changes an account, journal or cost centre after it was chosen, and an order comes."""

    def scenario(scene: Scene) -> Reason:
        connected = scene.connect(profile)
        scene.books(path, connected, nummer=nummer, **values)
        scene.chart_ages(connected)
        return scene.refused(thing(), connected)

    return scenario


def unnoticed(path: str, nummer: int, /, profile: str = "", **values: object) -> Scenario:
    """The same at the very moment of the order: it is SnelStart that refuses."""

    def scenario(scene: Scene) -> Reason:
        connected = scene.connect(profile)
        scene.books(path, connected, nummer=nummer, **values)
        return scene.refused(thing(), connected)

    return scenario


def abroad(raw: Json, *plant: Mapping[str, object], foreign_vat: bool = False) -> Scenario:
    """An order to a consumer abroad, where the administration has these accounts."""
    return lambda scene: scene.refused(raw, scene.connect(plant=plant, foreign_vat=foreign_vat))


def closed(option: str) -> Scenario:
    """The day of the order is closed."""
    options: dict[str, Any] = {option: EVER}
    return lambda scene: scene.refused(thing(), scene.connect(**options))


def relatie_refused(*codes: str, **debtor: str) -> Scenario:
    """SnelStart refuses the customer's data one after another: what is left out once is not enough."""

    def scenario(scene: Scene) -> Reason:
        for code in codes:
            scene.answers(code, RELATIES)
        return scene.refused(thing(debtor=buyer("NL", next_name()) | debtor))

    return scenario


def booking_refused(code: str) -> Scenario:
    """SnelStart refuses the relatie, and the one that is taken instead as well."""

    def scenario(scene: Scene) -> Reason:
        scene.answers(code, BOOKINGS, times=2)
        return scene.refused(thing())

    return scenario


def function_mismatch(scene: Scene) -> Reason:
    """The account for sales within the EU got another function."""
    scene.books("grootboeken", nummer=8300, grootboekfunctie="Diversen")
    scene.chart_ages()
    return scene.refused(untaxed(**reversed_to("BE")))


def booked_differs(scene: Scene) -> Reason:
    """The owner changes the total of an order that is in the books."""
    raw = thing()
    number = str(raw["number"])
    assert scene.deliver(raw).state == "paid"
    scene.stage.change(scene.home, number, price={"total": "242.00", "tax": [{"amount": "42.00", "rate": "21"}]})
    return seen(scene.again(number), "paid")


def open_differs(scene: Scene) -> Reason:
    """The bookkeeper settles more than the invoice before we do."""
    invoice, number = _unsettled(scene)
    journal = next(row for row in rows(scene.home.snelstart.get("dagboeken")) if row["nummer"] == 1100)
    payment = payments.Payment(invoice["id"], f"MWW{number}", days_ago(0), Decimal("150.00"))
    payments.send(scene.home.snelstart, payment, Settlement(journal["id"], 1100, "Bank", "", ""), clock.now())
    return seen(scene.again(number), "booked")


def gone(scene: Scene) -> Reason:
    """The bookkeeper removes the invoice before it is settled."""
    invoice, number = _unsettled(scene)
    bearer = token(scene.home.connection.credentials().koppelsleutel)
    headers = {"Authorization": f"Bearer {bearer}", "Ocp-Apim-Subscription-Key": SUBSCRIPTION_KEY}
    url = f"{settings().snelstart_api_url}{BOOKINGS}/{invoice['id']}"
    httpx.delete(url, headers=headers).raise_for_status()
    return seen(scene.again(number), "booked")


def _unsettled(scene: Scene) -> tuple[Json, str]:
    """An invoice whose settlement never reached SnelStart, and the order's number."""
    raw = thing()
    scene.stage.trouble(scene.home, "cut-before", "/bankboekingen")
    assert scene.deliver(raw).state == "booked"
    scene.stage.time_passes(scene.home)
    [invoice] = scene.stage.ledger(scene.home)["invoices"]
    return invoice, str(raw["number"])


def credit_exceeds(scene: Scene) -> Reason:
    """A credit order of twice what was sold."""
    raw = thing()
    assert scene.deliver(raw).state == "paid"
    twice = credit_of(str(raw["number"]), line(paid("242.00")), total="242.00", tax={"21": "42.00"})
    return scene.refused(twice)


def known_without_number(scene: Scene) -> Reason:
    """The bookkeeper's own relatie of the customer has no VAT number."""
    raw = untaxed(**reversed_to("BE"))
    address = {"landcode": "BE", "straat": "Kerkstraat 1", "postcode": "1000", "plaats": "Brussel"}
    scene.books("relaties", naam="Bekend", email=raw["debtor"]["email"], vestigingsAdres=address)
    return scene.refused(raw)


def being_made(scene: Scene) -> Reason:
    """Another order of the same new customer, while SnelStart is slow over the first."""
    debtor = buyer("NL", next_name())
    first, second = thing(debtor=debtor), thing(debtor=debtor)
    scene.stage.place(scene.home, first)
    scene.stage.trouble(scene.home, "timeout-before", RELATIES, seconds=10)
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(scene.again, str(first["number"]))
        while not (running.done() or scene.stage.calls(scene.home)["POST /relaties"]):
            time.sleep(0.05)
        reason = scene.failed(second)
        assert running.result().state == "failed"
        return reason


def journal_refused(scene: Scene) -> Reason:
    """The journal is made inactive between our reading of it and the payment: the invoice is there."""
    scene.books("dagboeken", nummer=1103, nonactief=True)
    return seen(scene.deliver(thing()), "booked")


def number_taken(scene: Scene) -> Reason:
    """Somebody made an invoice of this number by hand."""
    raw = thing()
    scene.books("invoices", factuurnummer=f"MWW{raw['number']}", bedrag="121.00")
    return seen(scene.deliver(raw), "refused")


def number_too_long(scene: Scene) -> Reason:
    """A form of numbers that is full with one digit."""
    form = "F" * 24 + "{number}"
    onboard.change_profile(scene.stage.table, scene.home.connection, f'invoice_number = "{form}"')
    return scene.refused(thing())


def two_forms(scene: Scene) -> Reason:
    """The same shop and administration a second time, with another form of numbers."""
    key = scene.home.connection.credentials().koppelsleutel
    other = PROFILE.replace("MWW", "WEB")
    return told(lambda: onboard.add(scene.stage.table, "tweede", scene.home.shop_token, key, other))


def too_old(scene: Scene) -> Reason:
    """The book year is so far ahead that the order's day is more than five years before it."""
    return scene.skipped(thing(), scene.connect(huidig_boekjaar=clock.now().year + 6))


def nameless(raw: Json) -> Json:
    """The order without an e-mail address."""
    return raw | {"debtor": raw["debtor"] | {"email": ""}}


SCENARIOS: Mapping[str, Scenario] = {
    "account-cost-centre-inactive": changed("kostenplaatsen", 1, "cost_centre = 1", nonactief=True),
    "account-cost-centre-refused": unnoticed("kostenplaatsen", 1, "cost_centre = 1", nonactief=True),
    "account-cost-centre-required": changed("grootboeken", 8200, kostenplaatsVerplicht=True),
    "account-cost-centre-unknown": changed("kostenplaatsen", 1, "cost_centre = 1", weg=True),
    "account-eu-not-allowed": lambda scene: scene.refused(untaxed(**reversed_to("BE", city=""))),
    "account-function-mismatch": function_mismatch,
    "account-function-missing": unnoticed("grootboeken", 1500, nonactief=True),
    "account-inactive": changed("grootboeken", 8200, nonactief=True),
    "account-not-chosen": lambda scene: scene.refused(
        sold(line(paid("121.00")), CARD, total="100.00", tax={"21": "21.00"}), scene.connect("")
    ),
    "account-refused": unnoticed("grootboeken", 8200, nonactief=True),
    "account-unknown": changed("grootboeken", 8200, weg=True),
    "account-vat-mismatch": changed("grootboeken", 8200, btwSoort=["Laag"]),
    "amount-booked-differs": booked_differs,
    "amount-credit-exceeds": credit_exceeds,
    "amount-decimals": ordered(price={"tax": [], "total": "121.005"}),
    "amount-gift-card-vat": lambda scene: scene.refused(
        sold(line(paid("121.00")), line(paid("-12.10"), kind="gift_card"), total="108.90", tax={"21": "18.90"})
    ),
    "amount-gift-card-sold": lambda scene: scene.refused(
        sold(line(paid("50.00", "0"), kind="gift_card"), total="50.00", tax={"0": "0.00"}),
        scene.connect('gift_cards = "discount"\n'),
    ),
    "amount-lines-total": ordered(price={"tax": [], "total": "122.00"}),
    "amount-negative-total": ordered(price={"tax": [], "total": "-121.00"}),
    "amount-no-lines": ordered(orderlines=[]),
    "amount-open-differs": open_differs,
    "currency-not-eur": ordered(currency="USD"),
    "customer-address-incomplete": relatie_refused("REL-0061", "REL-0060"),
    "customer-being-made": being_made,
    "customer-email-needed": lambda scene: scene.refused(nameless(untaxed(**reversed_to("BE")))),
    "customer-email-refused": relatie_refused("REL-0060", email=ODD),
    "customer-iban-refused": relatie_refused("REL-0060", "REL-0011", bank_account="NL91ABNA0417164300"),
    "customer-inactive": booking_refused("BOE-0054"),
    "customer-not-a-customer": booking_refused("BOE-0060"),
    "customer-refused": relatie_refused("REL-0066", "REL-0066"),
    "customer-without-vat-number": known_without_number,
    "journal-inactive": changed("dagboeken", 1103, nonactief=True),
    "journal-not-bank-or-cash": changed("dagboeken", 1103, soort="Memoriaal"),
    "journal-refused": journal_refused,
    "journal-unknown": changed("dagboeken", 1103, weg=True),
    "number-gone": gone,
    "number-taken": number_taken,
    "number-too-long": number_too_long,
    "number-two-forms": two_forms,
    "oss-account-missing": abroad(german(), {"nummer": 8320, "nonactief": True}, foreign_vat=True),
    "oss-dutch-vat": abroad(thing(**to("BE") | {"tax_region": "NL"}), foreign_vat=True),
    "oss-not-enabled": abroad(german()),
    "oss-rate-unknown": abroad(thing("118.00", "18", "18.00", **to("DE")), foreign_vat=True),
    "oss-vat-account-missing": abroad(german(), {"nummer": 1520, "nonactief": True}, foreign_vat=True),
    "period-accountant-lock": closed("accountant"),
    "period-blocked": closed("blocked"),
    "period-too-old": too_old,
    "period-vat-filed": closed("vat_filed"),
}
