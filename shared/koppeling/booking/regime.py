"""Whether an order falls under Dutch domestic VAT, the only regime this version books. Anything else is refused."""

from typing import Final

from koppeling.catalogue import reason
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Address, Order
from koppeling.snelstart.models import Chart

HOME: Final = "NL"
EU: Final = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905
)
_HOME_NAMES: Final = ("nederland", "netherlands", "the netherlands", "holland", "niederlande", "pays-bas")
_CODE_LENGTH: Final = 2
_STRATEGIES: Final = {"zero_percent": "vat-zero-percent", "reverse_charged_vat": "vat-reverse-charged"}


def require_domestic(order: Order, chart: Chart) -> None:
    """Return when seller and buyer both stand in the Netherlands; raise `Refused` otherwise.

    An order that names no country at all was sold over the counter or digitally under the shop's own region.
    """
    if chart.company.kor_actief:
        raise Refused(reason("vat-kor-active"))
    if order.tax_strategy:
        raise Refused(reason(_STRATEGIES.get(order.tax_strategy, "vat-strategy-unknown")))
    for country in _countries(order, chart):
        if country != HOME:
            raise _abroad(order, country)
    if order.tax_region not in ("", HOME):
        raise Refused(reason("vat-region-abroad", country=_shown(order.tax_region)))


def _countries(order: Order, chart: Chart) -> list[str]:
    """Where the goods go first, then who pays."""
    delivery, invoice = order.debtor.delivery, order.debtor.invoice
    return [
        code
        for code in (
            _country(delivery, chart) if delivery else "",
            *order.shipping_countries,
            _country(invoice, chart) if invoice else "",
        )
        if code
    ]


def _country(address: Address, chart: Chart) -> str:
    code, name = address.country_code, address.country.casefold()
    if not code and not name:
        return ""
    if len(code) == _CODE_LENGTH and code.isalpha():
        return code
    if not code and name in _HOME_NAMES:
        return HOME
    for known in chart.countries.values():
        if (code and known.landcode_iso.upper() == code) or (not code and known.naam.casefold() == name):
            return known.landcode.upper()
    raise Refused(reason("vat-country-unknown"))


def _abroad(order: Order, country: str) -> Refused:
    if country not in EU:
        return Refused(reason("vat-export", country=_shown(country)))
    invoice = order.debtor.invoice
    business = order.business_model == "B2B" or bool(invoice and invoice.tax_number)
    return Refused(reason("vat-business-abroad" if business else "oss-consumer-abroad", country=_shown(country)))


def _shown(code: str) -> str:
    return code if len(code) == _CODE_LENGTH and code.isalpha() else "een ander land"
