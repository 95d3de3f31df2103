"""Reading what another party's JSON says: tolerant about how, strict about what.

Numbers arrive as text or as JSON numbers decoded with ``parse_float=Decimal``; a float is refused, because the cent it
lost cannot be found back. PHP writes "nothing" as null, as "" and as [], so all three mean nothing here.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from koppeling.clock import AMSTERDAM

_DECIMAL: Final = re.compile(r"[+-]?[0-9]{1,12}(\.[0-9]{1,40})?")
_TRUE: Final = ("1", "true", "yes", "ja")
_FALSE: Final = ("", "0", "false", "no", "nee")
_LONGEST: Final = 4_000
"""Far longer than anything that is read here, and so short that a row with some of them in it can be written."""

_YEARS: Final = (1900, 9999)
_LARGEST: Final = Decimal(10) ** 12
_FINEST: Final = Decimal("1e-12")
"""Sums of such numbers stay exact in the 28 digits of the decimal module."""


class ShapeError(ValueError):
    """Something needed is missing or unreadable; its text is the field's name alone, never what stood in it."""

    def __init__(self, field: str) -> None:
        super().__init__(field)
        self.field = field


class Shape(BaseModel):
    """A frozen value; neither its errors nor its base class repeat what was read."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    @classmethod
    def read(cls, raw: Mapping[str, Any], names: Mapping[str, str] | None = None) -> Self:
        """The model from prepared input; `names` says what our fields are called at the sender's.

        Raises `ShapeError` outside of the handler, so that no traceback shows pydantic's own error behind it.
        """
        try:
            return cls.model_validate(raw)
        except ValidationError as wrong:
            path = wrong.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
        raise ShapeError(".".join((names or {}).get(str(part), str(part)) for part in path) or "body")


def nothing(value: object) -> bool:
    """Whether this is one of the ways in which JSON made by PHP says "nothing"."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def mapping(value: object) -> Mapping[str, Any]:
    """The object, or an empty one where something else stands in its place."""
    return value if isinstance(value, Mapping) else {}


def many(value: object) -> Sequence[object]:
    """A list, one object standing alone, or an object numbered like a list: always a sequence."""
    if nothing(value):
        return ()
    if isinstance(value, Mapping):
        numbered = all(str(key).isdigit() for key in value)
        return tuple(value.values()) if numbered else (value,)
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def text(value: object) -> str:
    """Text with the outer blanks off, 4,000 characters at the most; numbers as they are written; nothing as ""."""
    if nothing(value):
        return ""
    if isinstance(value, str):
        return value.strip()[:_LONGEST]
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)[:_LONGEST]
    raise ValueError("not a text")


def decimal(value: object) -> Decimal:
    """An exact number from text, an integer or a `Decimal`. A float is refused."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value.strip()):
        value = Decimal(value.strip())
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal) or not value.is_finite() or abs(value) >= _LARGEST:
        raise ValueError("not a number")
    exponent = value.as_tuple().exponent
    return value if isinstance(exponent, int) and -12 <= exponent <= 0 else value.quantize(_FINEST)  # noqa: PLR2004


def integer(value: object) -> int:
    """A whole number from text, an integer or a `Decimal`."""
    number = decimal(value)
    if number != number.to_integral_value():
        raise ValueError("not a whole number")
    return int(number)


def flag(value: object) -> bool:
    """Yes or no from JSON's own, from 0 and 1 and from their texts; nothing is no."""
    if isinstance(value, bool):
        return value
    word = text(value).casefold()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise ValueError("not a yes or no")


def word(source: Mapping[str, Any], name: str) -> str:
    """The text of a field, "" where there is none. Raises `ShapeError`."""
    try:
        return text(source.get(name))
    except ValueError:
        raise ShapeError(name) from None


def yes(source: Mapping[str, Any], name: str) -> bool:
    """Whether a field says yes. Raises `ShapeError`."""
    try:
        return flag(source.get(name))
    except ValueError:
        raise ShapeError(name) from None


def moment(value: object) -> datetime:
    """A date-time; without a zone it is Amsterdam's wall clock, as both vendors write it."""
    if isinstance(value, datetime):
        read = value
    elif isinstance(value, str):
        read = datetime.fromisoformat(value.strip())
    else:
        raise ValueError("not a date-time")  # noqa: TRY004 -- pydantic reports ValueError, not TypeError
    if not _YEARS[0] <= read.year <= _YEARS[1]:
        raise ValueError("not a year of a shop")
    if read.tzinfo is None:
        return read.replace(tzinfo=AMSTERDAM)
    try:
        return read.astimezone(AMSTERDAM)
    except OverflowError:
        raise ValueError("not a moment of a shop") from None


def day(value: object) -> date:
    """The date of a date or of a zoneless date-time."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    if isinstance(value, str) and (read := datetime.fromisoformat(value.strip())).tzinfo is None:
        return read.date()  # SnelStart may say "since always" as the year 1
    return moment(value).date()


def _optional[T](read: Callable[[object], T]) -> Callable[[object], T | None]:
    return lambda value: None if nothing(value) else read(value)


Text = Annotated[str, BeforeValidator(text)]
Amount = Annotated[Decimal, BeforeValidator(decimal)]
MaybeAmount = Annotated[Decimal | None, BeforeValidator(_optional(decimal))]
Whole = Annotated[int, BeforeValidator(integer)]
MaybeWhole = Annotated[int | None, BeforeValidator(_optional(integer))]
Flag = Annotated[bool, BeforeValidator(flag)]
Day = Annotated[date, BeforeValidator(day)]
MaybeDay = Annotated[date | None, BeforeValidator(_optional(day))]
Moment = Annotated[datetime, BeforeValidator(moment)]
