"""A connection's choices. TOML for people, JSON for the row; wrong types are refused by name.

Unknown keys are refused in what a person wrote, and left out of what the row holds.
"""

import json
import tomllib
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationError,
)

_A_DAY: Final = timedelta(days=1)

NUMBER_LENGTH: Final = 25
"""The longest `factuurnummer` SnelStart takes."""


class ProfileError(ValueError):
    """A profile that cannot be used; its text is a Dutch sentence that names the key."""


def _day(value: object) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, str):
        return date.fromisoformat(value)
    raise ValueError("not a date")


def _period(value: object) -> object:
    """Two days, the first and the last; as TOML's dates or, out of the row, as text."""
    if not isinstance(value, list | tuple):
        raise ValueError("not a period")  # noqa: TRY004 -- pydantic wants a ValueError
    first, last = (_day(day) for day in value)
    if first is None or last is None or first > last:
        raise ValueError("not a period")
    return first, last


def _number_form(value: str) -> str:
    rest = value.replace("{number}", "")
    if value.count("{number}") != 1 or "{" in rest or "}" in rest or not rest.isprintable():
        raise ValueError("not a form")
    return value


def _gateways(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key).strip().lower(): number for key, number in value.items()}
    return value


Ledger = Annotated[StrictInt, Field(ge=0)] | None
Day = Annotated[date | None, BeforeValidator(_day)]
Period = Annotated[tuple[date, date], BeforeValidator(_period)]


class _Choices(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Accounts(_Choices):
    """Ledger account (grootboek) numbers; None where nothing is chosen.

    high, low, zero and other are the VAT kinds Hoog, Laag, Geen and Overig. Shipping, payment costs and discounts
    fall back to the revenue account of the same kind. `gift_cards`: the debt of gift cards sold and not yet redeemed.
    """

    revenue_high: Ledger = None
    revenue_low: Ledger = None
    revenue_zero: Ledger = None
    revenue_other: Ledger = None
    revenue_eu: Ledger = None
    revenue_export: Ledger = None
    shipping_high: Ledger = None
    shipping_low: Ledger = None
    shipping_zero: Ledger = None
    shipping_other: Ledger = None
    payment_costs_high: Ledger = None
    payment_costs_low: Ledger = None
    payment_costs_zero: Ledger = None
    payment_costs_other: Ledger = None
    discounts_high: Ledger = None
    discounts_low: Ledger = None
    discounts_zero: Ledger = None
    discounts_other: Ledger = None
    gift_cards: Ledger = None

    def chosen(self) -> dict[str, int]:
        """What is chosen, by name, in the order above."""
        return {name: number for name, number in self if number is not None}


class Customers(_Choices):
    """`collective`: the name of one relation for all consumers, "" for one per e-mail address."""

    collective: Annotated[StrictStr, Field(max_length=50)] = ""
    without_email: Annotated[StrictStr, Field(min_length=1, max_length=50)] = "Webwinkelklant zonder e-mailadres"


class Profile(_Choices):
    """All choices of one connection; every one has a default."""

    completed_statuses: tuple[StrictInt, ...] = (4,)
    authorized_is_paid: StrictBool = False
    start_date: Day = None
    imported: tuple[Period, ...] = ()
    invoice_number: Annotated[StrictStr, AfterValidator(_number_form)] = "MWW{number}"
    invoice_date: Literal["order", "completed"] = "order"
    payment_term_days: Annotated[StrictInt, Field(ge=0, le=999)] = 14
    cost_centre: Annotated[StrictInt, Field(ge=0)] = 0
    closed_period: Literal["refuse", "first-open-day"] = "refuse"
    mark_doubtful: StrictBool = True
    gift_cards: Literal["payment", "discount"] = "payment"
    accounts: Accounts = Accounts()
    journals: Annotated[dict[StrictStr, StrictInt], BeforeValidator(_gateways)] = {}
    customers: Customers = Customers()

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """From the text of a profile file. Raises `ProfileError`."""
        return cls._of(_loads(text))

    def changed_by(self, text: str) -> Self:
        """This profile, changed where the text of a profile file says something; tables key by key.

        Raises `ProfileError`.
        """
        merged = self.model_dump()
        for name, value in _loads(text).items():
            kept = merged.get(name)
            merged[name] = {**kept, **value} if isinstance(kept, dict) and isinstance(value, dict) else value
        return self._of(merged)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """From what `to_json` wrote. Raises `ProfileError`.

        Choices that this version does not know are left out: while a newer one is deployed, both read the same row.
        """
        try:
            read = json.loads(text, parse_float=Decimal)
        except ValueError:
            raise ProfileError("Het opgeslagen profiel is niet te lezen.") from None
        return cls._of(read, unknown="ignore")

    def to_json(self) -> str:
        """Text for the connection's row."""
        return self.model_dump_json()

    def to_toml(self) -> str:
        """A file for people, with Dutch explanation; `from_toml` reads the same profile back."""
        return "\n".join(_toml(self)) + "\n"

    @property
    def begins(self) -> date | None:
        """The first day of which an order may be booked; None without such a day."""
        return self.start_date and min((self.start_date, *(first for first, _ in self.imported)))

    def books(self, placed: date) -> bool:
        """Whether orders placed on this day are for the books: from the start date on, or of an imported period."""
        if self.start_date is None or placed >= self.start_date:
            return True
        return any(first <= placed <= last for first, last in self.imported)

    def with_import(self, first: date, last: date) -> Self:
        """This profile for a shop whose orders of these days are imported: no other day is opened by it.

        A period up to the start date moves that back.
        """
        begins = self.start_date
        if begins is None or first >= begins:
            return self
        apart: list[tuple[date, date]] = []
        for from_, to in sorted((*self.imported, (first, last))):
            if apart and from_ - _A_DAY <= apart[-1][1]:
                apart[-1] = (apart[-1][0], max(apart[-1][1], to))
            else:
                apart.append((from_, to))
        while apart and apart[-1][1] >= begins - _A_DAY:
            begins = min(begins, apart.pop()[0])
        return self.model_copy(update={"start_date": begins, "imported": tuple(apart)})

    def number_for(self, order_number: str) -> str:
        """The invoice number of an order; `plan` refuses one that is too long."""
        return self.invoice_number.replace("{number}", order_number)

    def journal_for(self, gateway: str, method: str) -> int:
        """The journal number of a way of paying: the most exact choice first, "*" last.

        `KeyError` without "*": `suggest.check` lets no such profile into a connection.
        A method may carry its issuer (``ideal:ideal_INGBNL2A``); the choice for ``mollie:ideal`` holds for it too.
        """
        exact, parts = gateway.lower(), method.lower().split(":")
        names = [":".join((exact, *parts[:length])) for length in range(len(parts), 0, -1)]
        return self.journals[next((name for name in (*names, exact) if name in self.journals), "*")]

    @classmethod
    def _of(cls, read: Any, unknown: Literal["forbid", "ignore"] = "forbid") -> Self:  # noqa: ANN401 -- whatever the file holds; pydantic says what is wrong with it
        try:
            return cls.model_validate(read, extra=unknown)
        except ValidationError as wrong:
            first = wrong.errors(include_input=False, include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"] if part != "[key]") or "(het geheel)"
        raise ProfileError(_sentence(key, first["type"], first.get("ctx", {})))


def _loads(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as wrong:
        raise ProfileError(f"Het profiel is geen geldige TOML: {wrong}.") from None


def _sentence(key: str, kind: str, context: Mapping[str, Any]) -> str:
    if kind == "extra_forbidden":
        return f"De instelling {key} bestaat niet in het profiel."
    expected = {
        "int_type": "een heel getal",
        "bool_type": "true of false",
        "string_type": "een tekst tussen aanhalingstekens",
        "tuple_type": "een lijst van statusnummers, zoals [4]",
        "literal_error": f"een van {context.get('expected', '')}".replace(" or ", " of "),
        "greater_than_equal": f"minstens {context.get('ge')}",
        "less_than_equal": f"hoogstens {context.get('le')}",
        "string_too_long": f"hoogstens {context.get('max_length')} tekens",
        "string_too_short": "ten minste één teken",
        "model_type": f"een tabel, [{key}]",
        "dict_type": f"een tabel, [{key}]",
    }.get(kind, "een geldige waarde")
    if key == "start_date":
        expected = "een datum, zoals 2026-11-23"
    if key.partition(".")[0] == "imported":
        expected = "een lijst van perioden, zoals [[2026-01-01, 2026-03-31]]"
    if key == "invoice_number" and kind == "value_error":
        expected = "een tekst met precies één keer {number}, zoals MWW{number}"
    return f"De instelling {key} is ongeldig: verwacht wordt {expected}."


_EXPLAINED: Final = {
    "completed_statuses": "statusnummers van de winkel die afgerond betekenen",
    "authorized_is_paid": "geldt een gereserveerde betaling (achteraf betalen) als betaald",
    "start_date": "bestellingen van voor deze dag worden overgeslagen",
    "imported": "perioden van daarvoor waarvan de bestellingen wel worden geboekt, door koppeling import",
    "invoice_number": f"hoogstens {NUMBER_LENGTH} tekens na invullen van {{number}}",
    "invoice_date": '"order": de dag van bestellen; "completed": de dag van afronden',
    "payment_term_days": "betalingstermijn in dagen",
    "cost_centre": "nummer van de kostenplaats, 0 voor geen",
    "closed_period": 'bij een gesloten periode: "refuse" (weigeren) of "first-open-day" (eerste open dag)',
    "mark_doubtful": "markeer opvallende, maar boekbare bestellingen in SnelStart",
    "gift_cards": 'cadeaubonnen: "payment" (betaling) of "discount" (korting)',
    "accounts.gift_cards": "balansrekening voor uitstaande cadeaubonnen en tegoeden",
    "collective": "een relatie voor alle consumenten; leeg: een per e-mailadres",
    "without_email": "de relatie voor bestellingen zonder e-mailadres",
}


def _toml(profile: Profile) -> list[str]:
    lines = [
        _setting(name, value)
        for name, value in profile
        if name not in ("accounts", "journals", "customers") and value is not None and (name, value) != ("imported", ())
    ]
    if profile.start_date is None:
        lines.append(f"# start_date = 2026-11-23  # {_EXPLAINED['start_date']}")
    lines += ["", "[accounts]  # grootboeknummers; verzend- en betaalkosten en kortingen volgen anders de omzet"]
    lines += [_setting(name, number, "accounts.") for name, number in profile.accounts.chosen().items()]
    if profile.accounts.gift_cards is None:
        lines.append(f"# gift_cards = 1360  # {_EXPLAINED['accounts.gift_cards']}")
    lines += ["", '[journals]  # dagboeknummer per "betaaldienst:betaalwijze", dan per betaaldienst, dan "*"']
    lines += [f"{_quoted(name)} = {number}" for name, number in profile.journals.items()]
    lines += ["", "[customers]"]
    return lines + [_setting(name, value) for name, value in profile.customers]


def _setting(name: str, value: object, table: str = "") -> str:
    if isinstance(value, str):
        written = _quoted(value)
    elif isinstance(value, bool):
        written = str(value).lower()
    else:
        written = _written(value)
    explained = _EXPLAINED.get(table + name)
    return f"{name} = {written}  # {explained}" if explained else f"{name} = {written}"


def _written(value: object) -> str:
    return "[" + ", ".join(map(_written, value)) + "]" if isinstance(value, tuple) else str(value)


def _quoted(value: str) -> str:
    # JSON escapes all that TOML wants escaped but DEL.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
