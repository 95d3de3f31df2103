"""VAT numbers of customers, checked as far as a number alone can tell: form and check digits, by python-stdnum."""

from typing import Final

from koppeling.booking.countries import EU, code_of
from koppeling.mijnwebwinkel.models import Order
from koppeling.snelstart.models import Chart

_GREECE: Final = ("GR", "EL")
_LENGTHS: Final = range(4, 30)


def stated(order: Order) -> str:
    """The VAT number on the order as the customer typed it, "" for none."""
    return order.debtor.invoice.tax_number.strip() if order.debtor.invoice else ""


def checked(order: Order, chart: Chart) -> str | None:
    """The order's VAT number, compact and with its country's prefix (EL for Greece); None when it is not valid.

    Valid is a number of a present EU country, the Netherlands included. A number typed without its prefix is tried
    with that of the invoice address: the check digits tell.
    """
    typed, invoice = stated(order), order.debtor.invoice
    if not typed or invoice is None:
        return None
    return valid(typed) or valid(code_of(invoice, chart) + typed)


def valid(number: str) -> str | None:
    """One number, compact and with its country's prefix; None when it is not valid."""
    # Here and not above: it takes a tenth of a second, and most orders carry no VAT number.
    from stdnum.eu import vat
    from stdnum.exceptions import ValidationError

    if len(number) not in _LENGTHS:
        return None
    try:
        compact = vat.validate(number)
    except ValidationError:
        return None
    if compact[:2] in _GREECE:
        return _GREECE[1] + compact[2:]
    # XI (Northern Ireland) and EU (a scheme, no country) are no countries SnelStart knows.
    return compact if compact[:2] in EU else None


def country_of(number: str) -> str:
    """The country of a number that `checked` or `valid` gave, two capitals as in an address (GR for EL)."""
    return _GREECE[0] if number[:2] == _GREECE[1] else number[:2]
