"""A small administration, a profile that fits it, and orders as the shop's API states them."""

import copy
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from koppeling.booking.profile import Accounts, Profile
from koppeling.mijnwebwinkel.models import Order, OrderStatus, ShopStatuses
from koppeling.snelstart.models import Chart

UUID = "af88e19b-a57b-4aae-a92b-f7078454d1e3"

_ACCOUNTS: list[tuple[int, str, str, list[str], dict[str, Any]]] = [
    (1300, "Debiteuren", "Diversen", [], {"rekeningCode": "Balans"}),
    (1360, "Uitstaande cadeaubonnen", "Diversen", ["Geen"], {"rekeningCode": "Balans"}),
    (1520, "Buitenlandse btw", "Diversen", ["Geen"], {"rekeningCode": "Balans"}),
    (4305, "Weggegeven cadeaubonnen", "Diversen", ["Geen"], {"rekeningCode": "WinstEnVerlies"}),
    (8200, "Omzet hoog", "VerkopenOmzetHoog", ["Hoog"], {}),
    (8190, "Margegoederen hoog", "VerkopenOmzetHoog", ["Hoog"], {}),
    (8100, "Omzet oud", "VerkopenOmzetHoog", ["Hoog"], {"nonactief": True}),
    (8205, "Verzendkosten hoog", "VerkopenOmzetHoog", ["Hoog"], {}),
    (8206, "Omzet filialen hoog", "VerkopenOmzetHoog", ["Hoog"], {"kostenplaatsVerplicht": True}),
    (8207, "Betaalkosten hoog", "VerkopenOmzetHoog", ["Hoog"], {}),
    (8208, "Kortingen hoog", "VerkopenOmzetHoog", ["Hoog"], {}),
    (8210, "Omzet laag", "VerkopenOmzetLaag", ["Laag"], {}),
    (8240, "Omzet onbelast", "VerkopenOmzetOnbelastVerlegd", ["Geen"], {}),
    (8250, "Omzet btw verlegd", "VerkopenOmzetOnbelastVerlegd", ["Geen"], {}),
    (8300, "Omzet binnen EU", "VerkopenExportBinnenEU", ["Geen"], {}),
    (8310, "Omzet buiten EU", "VerkopenExportBuitenEU", ["Geen"], {}),
    (8320, "Afstandsverkopen standaard", "InstallatieTeleverkoopBinnenEUgeen", ["Geen"], {"vatRateCode": "SR"}),
    (8321, "Afstandsverkopen verlaagd hoog", "InstallatieTeleverkoopBinnenEUgeen", ["Geen"], {"vatRateCode": "RRH"}),
    (8323, "Afstandsverkopen tussentarief", "InstallatieTeleverkoopBinnenEUgeen", ["Geen"], {"vatRateCode": "PR"}),
]

_JOURNALS: list[tuple[int, str, str, bool]] = [
    (1000, "Kas", "Kas", False),
    (1090, "Oude bank", "Bank", True),
    (1100, "Rabobank", "Bank", False),
    (1103, "Tussenrekening Mollie", "Bank", False),
    (1104, "PayPal", "Bank", False),
    (1300, "Verkoopboek", "Verkoop", False),
]


_VATRATES: list[tuple[str, list[tuple[str, str, str]]]] = [
    ("DEU", [("SR", "19.0", "2020-01-01"), ("RRH", "7", "2020-01-01")]),
    ("BEL", [("SR", "21", "2020-01-01"), ("RRH", "12", "2020-01-01"), ("RRL", "6", "2020-01-01")]),
    ("EST", [("SR", "20", "2020-01-01"), ("SR", "22", "2024-01-01"), ("SR", "24", "2025-07-01")]),
    ("AUT", [("RRL", "13", "2020-01-01"), ("PR", "13", "2020-01-01")]),
    ("GRC", [("SR", "24", "2020-01-01")]),
    ("FRA", [("SR", "20", "2020-01-01")]),
]


def chart(*, kor: bool = False, oss: bool = False, ranges: Sequence[tuple[object, object]] = ()) -> Chart:
    """An administration with the usual accounts, journals and Dutch rates since 2012.

    `oss`: it invoices the VAT of other EU countries, in these ranges or always.
    """
    foreign = {
        "factureerBuitenlandsBtw": True,
        "factureerBuitenlandsBtwRanges": [{"from": first, "to": last} for first, last in ranges],
        "buitenlandseBtwGrootboek": {"id": "GB-1520"},
    }
    return Chart.build(
        grootboeken=[
            {
                "id": f"gb-{nummer}",
                "nummer": nummer,
                "omschrijving": name,
                "grootboekfunctie": function,
                "btwSoort": kinds,
            }
            | extra
            for nummer, name, function, kinds, extra in _ACCOUNTS
        ],
        dagboeken=[
            {"id": f"db-{nummer}", "nummer": nummer, "omschrijving": name, "soort": soort, "nonactief": nonactief}
            for nummer, name, soort, nonactief in _JOURNALS
        ],
        btwtarieven=[
            _rate("Hoog", "21.00", "2012-10-01", None),
            _rate("Laag", "6.00", "0001-01-01", "2018-12-31"),
            _rate("Laag", "9.00", "2019-01-01", "9999-12-31"),
            _rate("Overig", "5.50", "2019-01-01", None),
        ],
        kostenplaatsen=[
            {"id": "kp-1", "nummer": 1, "omschrijving": "Web"},
            {"id": "kp-2", "nummer": 2, "omschrijving": "Oud", "nonactief": True},
        ],
        landen=[
            {"id": "nl", "naam": "Nederland", "landcode": "NL", "landcodeISO": "NLD"},
            {"id": "be", "naam": "België", "landcode": "BE", "landcodeISO": "BEL"},
            {"id": "us", "naam": "Verenigde Staten", "landcode": "US", "landcodeISO": "USA"},
        ],
        company_info={
            "administratieNaam": "Proef",
            "kleineOndernemersregeling": {"isKleineOndernemersRegelingActief": kor},
        }
        | (foreign if oss else {}),
        vatrates=[
            {
                "countryCode": country,
                "vatRates": [
                    {"rateCode": code, "rate": Decimal(rate), "validFrom": f"{since}T00:00:00"}
                    for code, rate, since in rates
                ],
            }
            for country, rates in (_VATRATES if oss else ())
        ],
    )


def _rate(kind: str, percentage: str, since: str, until: str | None) -> dict[str, Any]:
    return {
        "btwSoort": kind,
        "btwPercentage": Decimal(percentage),
        "datumVanaf": f"{since}T00:00:00",
        "datumTotEnMet": f"{until}T00:00:00" if until else None,
    }


def profile(**choices: Any) -> Profile:  # noqa: ANN401 -- any setting of the profile
    """A profile that fits `chart`, with these settings otherwise."""
    fitting: dict[str, Any] = {"accounts": ACCOUNTS, "journals": {"*": 1100, "mollie": 1103, "basic:cash": 1000}}
    return Profile(**(fitting | choices))


ACCOUNTS = Accounts(
    revenue_high=8200,
    revenue_low=8210,
    revenue_zero=8240,
    revenue_eu=8300,
    revenue_export=8310,
    shipping_high=8205,
    payment_costs_high=8207,
    discounts_high=8208,
    gift_cards=1360,
)

STATUSES = ShopStatuses(
    (
        OrderStatus(status=1, description="Nieuw"),
        OrderStatus(status=3, description="Nog niet afgerond"),
        OrderStatus(status=4, description="Afgerond"),
        OrderStatus(status=5, description="Geannuleerd"),
        OrderStatus(status=9, description="Creditorder afgerond", credit_order=True),
    )
)


def line(
    *prices: Mapping[str, Any], kind: str = "article", quantity: object = 1, description: str = "Ding"
) -> dict[str, Any]:
    """One order line as the shop states it."""
    price: Any = prices[0] if len(prices) == 1 else list(prices)
    return {"id": "l", "type": kind, "quantity": quantity, "description": description, "price": price}


def paid(including: str, rate: str = "21", amount: str | None = None) -> dict[str, str]:
    """A line's price: what was paid, with the net amount as the shop computes it unless it is given."""
    exact = Decimal(including) * 100 / (100 + Decimal(rate))
    return {"amount": amount or f"{exact:.6f}", "amount_including_tax": including, "rate": rate}


def payload(*lines: Mapping[str, Any], total: str, tax: Any = (), **changes: Any) -> dict[str, Any]:  # noqa: ANN401 -- the same
    """An order as the shop states it: domestic, afgerond, paid by iDEAL through Mollie."""
    stated = [{"amount": amount, "rate": rate} for amount, rate in tax] if isinstance(tax, tuple) else tax
    return {
        "number": 1001,
        "uuid": UUID,
        "date": "2026-11-23",
        "time": "13:37:12",
        "status": 4,
        "status_changed_date": "2026-11-25",
        "status_changed_time": "09:00:00",
        "currency": "EUR",
        "tax_region": "NL",
        "tax_strategy": "",
        "payment_status": "captured",
        "payment": {"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1, "text": "Successful"}},
        "debtor": {"email": "klant@example.org", "address": {"invoice": {"name": "K", "country_code": "NL"}}},
        "price": {"tax": stated, "total": total},
        "orderlines": list(lines),
    } | changes


def order(*lines: Mapping[str, Any], total: str, tax: Any = (), **changes: Any) -> Order:  # noqa: ANN401 -- the same
    """The same, parsed."""
    return Order.parse(payload(*lines, total=total, tax=tax, **changes))


def to(country: str, *, number: str = "", invoice: str | None = None) -> dict[str, Any]:
    """A customer abroad: goods to this country, the invoice there too unless said otherwise, and a VAT number."""
    address = {"name": "K", "country_code": invoice or country, "taxnumber": number}
    return {"email": "klant@example.org", "address": {"invoice": address, "delivery": {"country_code": country}}}


def untaxed(amount: str = "100.00", **changes: Any) -> Order:  # noqa: ANN401 -- any field of an order
    """One thing without any VAT."""
    return order(line(paid(amount, "0")), total=amount, tax=(("0.00", "0"),), **changes)


def simple(**changes: Any) -> Order:  # noqa: ANN401 -- any field of an order
    """One thing of 121.00 with 21.00 VAT."""
    return order(line(paid("121.00")), total="121.00", tax=(("21.00", "21"),), **changes)


def order_27() -> dict[str, Any]:
    """The maker's own example from its API documentation, on a present date and without its person."""
    read: dict[str, Any] = json.loads(_ORDER_27, parse_float=Decimal)
    return copy.deepcopy(read)


_ORDER_27 = """
{"number": 27, "uuid": "af88e19b-a57b-4aae-a92b-f7078454d1e3", "date": "2026-11-23", "time": "13:37:12", "status": 4,
 "archived": true, "finished": false, "taxed": "include", "locale": "en_GB", "discountcode": "korting123",
 "comments": {"customer": "Please send quickly!"}, "business_model": "B2B", "reference": "MOS103271",
 "currency": "EUR", "credited_order_number": 28, "credit_order_numbers": [99, 101],
 "payment": {"gateway_name": "basic", "method_name": "advance"}, "payment_status": "captured",
 "debtor": {"email": "klant@example.org", "address": {"invoice": {"gender": "V", "name": "K", "company": "K BV",
  "street": "Molenstraat", "number": "62", "zipcode": "5341GE", "city": "Oss", "country": "Nederland",
  "country_code": "NL", "phone": "06-12345678", "bankaccount": "NL39RABO0300065264"}}},
 "price": {"tax": [{"amount": 0.83, "rate": 9.0}, {"amount": 6.5, "rate": 21.0}], "total": 47.45},
 "orderlines": [
  {"id": "a", "type": "article", "quantity": 1, "weight": 0, "description": "Article A",
   "price": {"amount": 12.396694, "amount_including_tax": 15.0, "rate": 21.0},
   "articles": [{"id": 1, "description": "Article A", "price": {"amount": 24.793388, "rate": 21.0},
     "options": [{"description": "Action price", "price": {"amount": -12.396694, "rate": 21.0}}]}]},
  {"id": "b", "type": "article", "quantity": 2, "description": "Article B",
   "price": {"amount": 8.181818, "amount_including_tax": 9.9, "rate": 21.0}},
  {"id": "c", "type": "article", "quantity": 3, "description": "Article C",
   "price": {"amount": 4.83471, "amount_including_tax": 5.85, "rate": 21.0,
     "articles": [{"id": 3, "description": "Article C", "price": {"amount": 1.61157, "rate": 21.0}}]}},
  {"id": "d", "type": "article", "quantity": 5, "description": "Article D",
   "price": {"amount": 8.94495, "amount_including_tax": 9.75, "rate": 9.0}},
  {"id": "e", "type": "payment", "quantity": 1,
   "price": [{"amount": 0.192571, "rate": 9.0, "amount_including_tax": 0.21},
             {"amount": 0.652972, "rate": 21.0, "amount_including_tax": 0.79}]},
  {"id": "f", "type": "payment", "quantity": 1,
   "price": {"amount": 4.917355, "amount_including_tax": 5.95, "rate": 21.0}}],
 "shipping": [{"country": {"description": "Nederland", "isocode": "NL"}}]}
"""
