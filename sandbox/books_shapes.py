"""The shape of request bodies: which fields exist and of what kind. Stricter than SnelStart on purpose.

The real API drops unknown fields silently; here they are refused, because a dropped field is a booking that
means something else than its sender thought.
"""

import re
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sandbox.books_wire import Row, Violation, moment, refuse, stop_on

_REF = {"id": "id", "uri": "text"}
_ADRES = {"contactpersoon": "text", "straat": "text", "postcode": "text", "plaats": "text", "land": "ref"}
_EMAIL = {"shouldSend": "bool", "email": "text", "ccEmail": "text"}
_DEBET_CREDIT = {"debet": "money", "credit": "money"}

# Kinds: text, money, int, bool, moment, id, ref (an {id, uri}), any (answered, not read), object/list of a shape.
SHAPES: dict[str, dict[str, str]] = {
    "verkoopboeking": {
        "factuurnummer": "text",
        "klant": "ref",
        "factuurdatum": "moment",
        "omschrijving": "text",
        "boekstuk": "text",
        "betalingstermijn": "int",
        "factuurbedrag": "money",
        "markering": "bool",
        "boekingsregels": "list:verkoopregel",
        "btw": "list:btwregel",
        "eenmaligeIncassoMachtiging": "any",
        "doorlopendeIncassoMachtiging": "any",
        "documents": "any",
        "gewijzigdDoorAccountant": "any",
        "modifiedOn": "any",
        "id": "id",
        "uri": "any",
    },
    "verkoopregel": {
        "omschrijving": "text",
        "grootboek": "ref",
        "kostenplaats": "ref",
        "bedrag": "money",
        "btwSoort": "text",
    },
    "btwregel": {"btwSoort": "text", "btwBedrag": "money"},
    "geldboeking": {
        "datum": "moment",
        "markering": "bool",
        "boekstuk": "text",
        "omschrijving": "text",
        "grootboekBoekingsRegels": "list:grootboekregel",
        "inkoopboekingBoekingsRegels": "list:betaalregel",
        "verkoopboekingBoekingsRegels": "list:betaalregel",
        "btwBoekingsregels": "list:btwgeldregel",
        "bedragUitgegeven": "money",
        "bedragOntvangen": "money",
        "dagboek": "ref",
        "gewijzigdDoorAccountant": "any",
        "modifiedOn": "any",
        "id": "id",
        "uri": "any",
    },
    "grootboekregel": {
        "omschrijving": "text",
        "grootboek": "ref",
        "kostenplaats": "ref",
        "btwSoort": "text",
        **_DEBET_CREDIT,
    },
    "betaalregel": {"boekingId": "ref", "omschrijving": "text", **_DEBET_CREDIT},
    "btwgeldregel": {"type": "text", "tarief": "text", **_DEBET_CREDIT},
    "relatie": {
        "relatiesoort": "list:text",
        "modifiedOn": "any",
        "relatiecode": "int",
        "naam": "text",
        "vestigingsAdres": "object:adres",
        "correspondentieAdres": "object:adres",
        "telefoon": "text",
        "mobieleTelefoon": "text",
        "email": "text",
        "btwNummer": "text",
        "factuurkorting": "money",
        "krediettermijn": "int",
        "bankieren": "bool",
        "nonactief": "bool",
        "kredietLimiet": "money",
        "memo": "text",
        "kvkNummer": "text",
        "oin": "text",
        "websiteUrl": "text",
        "aanmaningsoort": "text",
        "offerteEmailVersturen": "object:email",
        "bevestigingsEmailVersturen": "object:email",
        "factuurEmailVersturen": "object:email",
        "aanmaningEmailVersturen": "object:email",
        "offerteAanvraagEmailVersturen": "object:email",
        "bestellingEmailVersturen": "object:email",
        "ublBestandAlsBijlage": "bool",
        "iban": "text",
        "bic": "text",
        "incassoSoort": "text",
        "factuurRelatie": "ref",
        "inkoopBoekingenUri": "any",
        "verkoopBoekingenUri": "any",
        "documents": "any",
        "id": "id",
        "uri": "any",
        "extraVeldenKlant": "any",
    },
    "adres": _ADRES,
    "email": _EMAIL,
}

_MONEY = re.compile(r"-?\d{1,12}(\.\d{1,2})?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_NO_ID = "00000000-0000-0000-0000-000000000000"
_INT32 = 2**31


class _Reader:
    """Walks one body and collects every violation instead of stopping at the first."""

    def __init__(self) -> None:
        self.violations: list[Violation] = []

    def _wrong(self, code: str, path: str) -> None:
        self.violations.append(Violation(code, path))

    def shaped(self, shape: str, value: object, path: str) -> Row | None:
        if value is None:
            return None
        if not isinstance(value, dict):
            self._wrong("SIM-0002", path or "body")
            return None
        fields = SHAPES[shape]
        for name in value:
            if name not in fields:
                self._wrong("SIM-0001", f"{path}{name}")
        return {name: self.value(kind, value.get(name), f"{path}{name}") for name, kind in fields.items()}

    def value(self, kind: str, value: object, path: str) -> object:
        if value is None or kind == "any":
            return None
        head, _, rest = kind.partition(":")
        match head:
            case "list" if isinstance(value, list):
                return self.listed(rest, value, path)
            case "object":
                return self.shaped(rest, value, f"{path}.")
            case "ref":
                return self.reference(value, path)
            case "money":
                return self.money(value, path)
            case _:
                return self.scalar(head, value, path)

    def listed(self, shape: str, items: list[object], path: str) -> list[object]:
        """The items of a list, of text or of a shape; null items are passed over."""
        if shape == "text":
            return [self.value("text", item, f"{path}[{i}]") for i, item in enumerate(items)]
        return [self.shaped(shape, item, f"{path}[{i}].") for i, item in enumerate(items) if item is not None]

    def scalar(self, kind: str, value: object, path: str) -> object:
        match kind, value:
            case ("text", str()) | ("bool", bool()):
                return value
            case "int", int() if not isinstance(value, bool) and -_INT32 <= value < _INT32:
                return value
            case "id", str():
                return self.identifier(value, path)
            case "moment", str():
                return self.moment(value, path)
        self._wrong("SIM-0002", path)
        return None

    def reference(self, value: object, path: str) -> str | None:
        """The id inside an identifier object; None for an empty one."""
        if not isinstance(value, dict) or not value.keys() <= _REF.keys():
            self._wrong("SIM-0002", path)
            return None
        key = value.get("id")
        return None if key is None else self.identifier(key, f"{path}.id")

    def identifier(self, value: object, path: str) -> str | None:
        try:
            key = str(UUID(value if isinstance(value, str) else ""))
        except ValueError:
            self._wrong("SIM-0002", path)
            return None
        return None if key == _NO_ID else key

    def moment(self, value: str, path: str) -> datetime | None:
        try:
            return moment(value)
        except ValueError:
            self.violations.append(Violation("BOE-0070", path))
            return None

    def money(self, value: object, path: str) -> Decimal | None:
        if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
            self._wrong("SIM-0002", path)
            return None
        text = value if isinstance(value, str) else format(Decimal(value), "f")
        if not _MONEY.fullmatch(text):
            self._wrong("SIM-0003" if _NUMBER.fullmatch(text) else "SIM-0002", path)
            return None
        return Decimal(text).quantize(Decimal("0.01"))


def read(shape: str, body: object) -> Row:
    """A body in one shape: every known field present (None when absent), references as their id, money as Decimal.

    Raises RefusedError 400 naming every unknown field, wrong kind and amount with more than two decimals.
    """
    if body is None:
        raise refuse(Violation("ALG-0106"))
    reader = _Reader()
    row = reader.shaped(shape, body, "")
    stop_on(reader.violations)
    assert row is not None
    return row
