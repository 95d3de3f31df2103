"""Countries: which are in the EU for VAT, under which codes, and what an address of the shop means."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from koppeling.catalogue import reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Address, Order
from koppeling.snelstart.models import Chart

HOME: Final = "NL"

EU: Final[Mapping[str, str]] = MappingProxyType({
    "AT": "AUT", "BE": "BEL", "BG": "BGR", "CY": "CYP", "CZ": "CZE", "DE": "DEU", "DK": "DNK", "EE": "EST",
    "ES": "ESP", "FI": "FIN", "FR": "FRA", "GR": "GRC", "HR": "HRV", "HU": "HUN", "IE": "IRL", "IT": "ITA",
    "LT": "LTU", "LU": "LUX", "LV": "LVA", "MT": "MLT", "NL": "NLD", "PL": "POL", "PT": "PRT", "RO": "ROU",
    "SE": "SWE", "SI": "SVN", "SK": "SVK",
})  # fmt: skip
"""The EU as it is now, two letters to three; an order of before February 2020 to GB is refused or seen as export."""

NAMES: Final[Mapping[str, str]] = MappingProxyType({
    "AT": "Oostenrijk", "BE": "België", "BG": "Bulgarije", "CY": "Cyprus", "CZ": "Tsjechië", "DE": "Duitsland",
    "DK": "Denemarken", "EE": "Estland", "ES": "Spanje", "FI": "Finland", "FR": "Frankrijk", "GR": "Griekenland",
    "HR": "Kroatië", "HU": "Hongarije", "IE": "Ierland", "IT": "Italië", "LT": "Litouwen", "LU": "Luxemburg",
    "LV": "Letland", "MT": "Malta", "PL": "Polen", "PT": "Portugal", "RO": "Roemenië", "SE": "Zweden",
    "SI": "Slovenië", "SK": "Slowakije",
})  # fmt: skip
"""The other countries of the EU in Dutch."""

_ALSO: Final = {"EL": "GR", "MC": "FR", "UK": "GB"}
"""Other codes for the same VAT territory: Greece's own prefix, Monaco (French VAT), a common mistake for GB."""

# Every other code is outside the EU for VAT: GB, JE, GG and IM; AX, IC, EA, GP, GF, MQ, RE, YT, GI, SM and VA as well,
# which belong to or border a member state but not its VAT territory. A part that the shop writes as its country (ES
# with a Canary postcode) is that country here: what the shop charged then fits no regime and somebody looks.
# XI, Northern Ireland, is inside for goods and outside for services, and SnelStart knows no such country: refused.
_TWOFOLD: Final = ("XI",)

_HOME_NAMES: Final = ("nederland", "netherlands", "the netherlands", "holland", "niederlande", "pays-bas")
_CODE_LENGTH: Final = 2


def destination(order: Order, chart: Chart) -> str:
    """Two capitals: where the goods go, which is what decides VAT; NL where the order names no country at all.

    The delivery address, else the country of shipping, else the invoice address: a foreign customer who has something
    delivered in the Netherlands buys domestically. Raises `Refused` for a country that cannot be told.
    """
    delivery, invoice = order.debtor.delivery, order.debtor.invoice
    country = code_of(delivery, chart) if delivery else ""
    if not country and order.shipping_countries:
        shipped = {code_of(Address(country_code=code), chart) for code in order.shipping_countries}
        if len(shipped) > 1:
            raise Refused(reason("vat-country-unknown"))
        country = shipped.pop()
    if not country and invoice:
        country = code_of(invoice, chart)
    if country in _TWOFOLD:
        raise Refused(reason("vat-territory", country=country))
    return country or HOME


def code_of(address: Address, chart: Chart) -> str:
    """An address's country as two capitals, "" where it names none. Raises `Refused` for one that is not known."""
    code, name = address.country_code.upper(), address.country.casefold()
    if not code and not name:
        return ""
    if len(code) == _CODE_LENGTH and code.isalpha():
        return _ALSO.get(code, code)
    if not code and name in _HOME_NAMES:
        return HOME
    for known in chart.countries.values():
        if (code and known.landcode_iso.upper() == code) or (not code and known.naam.casefold() == name):
            return _ALSO.get(known.landcode.upper(), known.landcode.upper())
    for two, three in EU.items():
        if code == three:
            return two
    raise Refused(reason("vat-country-unknown"))


def region(order: Order) -> str:
    """The country for which the shop computed VAT, two capitals, or "" where it does not say."""
    return _ALSO.get(order.tax_region, order.tax_region)


def shown(code: str) -> str:
    """A country code for people; what is no code is not repeated."""
    return code if len(code) == _CODE_LENGTH and code.isalpha() else "een ander land"
