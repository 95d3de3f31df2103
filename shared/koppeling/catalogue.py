"""One catalogue of reasons: a code with its facts becomes Dutch for the one who must act; SnelStart's codes join it."""

import re
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from string import Formatter
from typing import Final

from koppeling import reasons, reasons_own, reasons_services
from koppeling.failures import Reason

REASONS: Final = reasons.REASONS | reasons_services.REASONS | reasons_own.REASONS

FACTS: Final = frozenset(
    {
        *(
            "account",
            "amount",
            "booked",
            "captured",
            "choice",
            "computed",
            "cost_centre",
            "country",
            "currency",
            "date",
        ),
        *("days", "error_code", "expected", "field", "invoice_number", "journal", "kind", "length", "lines", "message"),
        *(
            "of",
            "open",
            "payment",
            "payment_status",
            "rate",
            "refunded",
            "scope",
            "start_date",
            "stated",
            "status",
            "total",
        ),
    }
)
"""All that may be told about an order in a reason: nothing of it names a person."""

_MONTHS: Final = (
    *("januari", "februari", "maart", "april", "mei", "juni"),
    *("juli", "augustus", "september", "oktober", "november", "december"),
)
_PERSONAL: Final = re.compile(
    r"\S+@\S+"
    r"|\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{2,4}){3,8}\b"  # bank accounts and VAT numbers
    r"|\b[1-9][0-9]{3} ?[A-Z]{2}\b"  # Dutch postcodes
    r"|(?<!\w)[+0](?:[ ()./-]?[0-9]){8,}"  # telephone numbers
)
_QUOTED: Final = re.compile("'[^']*'|\"[^\"]*\"|\u2018[^\u2019]*\u2019|\u201c[^\u201d]*\u201d")
_LONGEST_MESSAGE: Final = 300

_SNELSTART: Final = {
    "BOE-0008": "account-refused",
    "BOE-0019": "account-cost-centre-refused",
    "BOE-0021": "number-taken",
    "BOE-0022": "account-cost-centre-refused",
    "BOE-0023": "snelstart-request-faulty",
    "BOE-0024": "journal-refused",
    "BOE-0025": "journal-refused",
    "BOE-0026": "account-cost-centre-refused",
    "BOE-0027": "snelstart-request-faulty",
    "BOE-0028": "snelstart-request-faulty",
    "BOE-0033": "period-too-old",
    "BOE-0037": "account-refused",
    "BOE-0039": "snelstart-request-faulty",
    "BOE-0042": "period-blocked",
    "BOE-0046": "period-vat-filed",
    "BOE-0051": "period-accountant-lock",
    "BOE-0054": "customer-inactive",
    "BOE-0058": "snelstart-request-faulty",
    "BOE-0060": "customer-not-a-customer",
    "BOE-0061": "account-refused",
    "BOE-0062": "vat-refused",
    "BOE-0068": "snelstart-request-faulty",
    "BOE-0069": "vat-refused",
    "BOE-0071": "snelstart-request-faulty",
    "BOE-0080": "account-eu-not-allowed",
    "BOE-0081": "account-function-missing",
    "BOE-0082": "vat-refused",
    "BOE-0089": "account-refused",
    "BOE-0096": "journal-refused",
    "REL-0011": "customer-iban-refused",
    "REL-0060": "customer-address-incomplete",
    "REL-0061": "customer-email-refused",
    "REL-0084": "customer-email-refused",
    "REL-0087": "vat-number-country",
    "REL-0088": "vat-number-invalid",
    "ALG-0104": "snelstart-request-faulty",
    "ALG-0105": "journal-refused",
}
"""Source: the error table of SnelStart's documentation. BOE-0021 means this only after the number was looked up.

ALG-0105 ("nonactief") can only be the journal of a bank booking: accounts, cost centres and relaties that we send have
a code of their own.
"""


@cache
def facts_of(code: str) -> frozenset[str]:
    """The names of the facts a code's sentence and advice need. Raises `KeyError` for a code that does not exist."""
    sentence, advice, _ = REASONS[code]
    return frozenset(name for _, name, _, _ in Formatter().parse(sentence + advice) if name)


def reason(code: str, **facts: str | int) -> Reason:
    """The reason in Dutch. Amounts, rates and dates are facts as `euro`, `percentage` and `on` write them.

    Raises `KeyError` for an unknown code, `ValueError` when facts are missing or superfluous: our own mistakes, and a
    test goes by every call.
    """
    if facts_of(code) != facts.keys():
        raise ValueError(f"{code} takes the facts {sorted(facts_of(code))}, not {sorted(facts)}")
    sentence, advice, whose = REASONS[code]
    return Reason(code, sentence.format(**facts), advice.format(**facts), whose)


def from_snelstart(error_code: str, message: str, *, booked_on: date | None = None, invoice_number: str = "") -> Reason:
    """What SnelStart's refusal means here and whose it is; a code not in the table is kept as it came.

    `booked_on` and `invoice_number`: for the refusals that are about them. The message is kept but for what may be
    personal in it: e-mail addresses, postcodes, telephone and account numbers, and whatever SnelStart quotes, but for
    the number of an account or journal.
    """
    about_relation = error_code.startswith("REL-")
    code = _SNELSTART.get(error_code, "customer-refused" if about_relation else "snelstart-refused")
    shown = _PERSONAL.sub("…", _QUOTED.sub(_unless_a_number, message))
    known: dict[str, str | int] = {
        "error_code": error_code or "zonder code",
        "message": shortened(shown) or "zonder toelichting",
        "date": on(booked_on) if booked_on else "de factuurdatum",
        "invoice_number": invoice_number or "van deze bestelling",
    }
    return reason(code, **{name: known[name] for name in facts_of(code)})


def shortened(message: str, most: int = _LONGEST_MESSAGE) -> str:
    """At most so many characters of a sentence, in whole words: half a name would not be known for one."""
    return message if len(message) <= most else message[: most + 1].rpartition(" ")[0]


def _unless_a_number(quoted: re.Match[str]) -> str:
    return quoted[0] if quoted[0][1:-1].isdecimal() else "…"


def without(reason: Reason, texts: Iterable[str]) -> Reason:
    """The reason with an ellipsis for each of these texts, in whatever letter case, where they stand by themselves."""
    words = "|".join(map(re.escape, texts))
    if not words:
        return reason
    pattern = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE)
    return replace(reason, sentence=pattern.sub("…", reason.sentence))


def euro(amount: Decimal) -> str:
    """An amount as a Dutch reader expects it: € 1.234,56; the exact digits where there are more than two decimals."""
    rounded = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    shown = rounded if rounded == amount else amount.normalize()
    return "€ " + f"{shown:,f}".translate(str.maketrans(",.", ".,"))


def percentage(rate: Decimal) -> str:
    """A rate as 21% or 5,5%."""
    return f"{rate.normalize():f}%".replace(".", ",")


def on(day: date) -> str:
    """A date as 23 november 2026."""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"
