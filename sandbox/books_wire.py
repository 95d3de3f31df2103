"""What travels over the wire: JSON with exact amounts, local wall-clock dates, and SnelStart's error bodies."""

import json
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
CENT = Decimal("0.01")

type Row = dict[str, Any]

# Our own wording of the meaning SnelStart's portal gives each code; SIM- codes are this sandbox being stricter.
MESSAGES = {
    "ALG-0100": "Het ID dient leeg te zijn",
    "ALG-0104": "Ongeldig OData filter",
    "ALG-0105": "Het item is nonactief",
    "ALG-0106": "De data in het request is leeg",
    "BOE-0001": "Niet gevonden",
    "BOE-0008": "De grootboekrekening staat op nonactief",
    "BOE-0019": "De kostenplaats is niet gevonden",
    "BOE-0021": "Het factuurnummer bestaat al",
    "BOE-0022": "Bij deze grootboekrekening is een kostenplaats verplicht",
    "BOE-0023": "Er zijn geen boekingsregels",
    "BOE-0024": "Het dagboek kas staat op nonactief",
    "BOE-0025": "Het dagboek kas is niet gevonden",
    "BOE-0026": "De kostenplaats staat op nonactief",
    "BOE-0027": "Het uitgegeven en het ontvangen bedrag zijn beide ongelijk aan nul",
    "BOE-0028": "Een regelbedrag is nul",
    "BOE-0033": "De boekdatum ligt meer dan 5 jaar voor het huidige boekjaar",
    "BOE-0037": "Een grootboekrekening kon niet worden gevonden",
    "BOE-0039": "De boeking is niet in balans",
    "BOE-0042": "De boekdatum ligt in een geblokkeerde periode",
    "BOE-0046": "De boeking is gekoppeld aan een btw-aangifte",
    "BOE-0051": "De boekdatum ligt in een periode die door uw accountant is geblokkeerd",
    "BOE-0054": "De relatie staat op nonactief",
    "BOE-0055": "Incasseren is niet toegestaan voor deze klant",
    "BOE-0058": "Het factuurnummer is verplicht en mag maximaal 25 tekens bevatten",
    "BOE-0060": "De opgegeven relatie is geen klant",
    "BOE-0061": "Er is een niet toegestane grootboekrekening gebruikt",
    "BOE-0062": "Btw verlegd mag niet worden gecombineerd met andere btw-soorten",
    "BOE-0068": "Het boekstuk mag maximaal 25 tekens lang zijn",
    "BOE-0069": "De opgegeven btw is niet geldig",
    "BOE-0070": "De opgegeven boekdatum is niet geldig",
    "BOE-0071": "Een omschrijving mag maximaal 250 tekens lang zijn",
    "BOE-0075": "In de boekingsregels mag niet op een memoriaal- of balansdagboek worden geboekt",
    "BOE-0076": "Debet of credit van een boekingsregel moet 0 zijn",
    "BOE-0078": "De id kan niet gewijzigd worden",
    "BOE-0080": "Voor deze klant is boeken op een omzetrekening voor EU niet toegestaan",
    "BOE-0081": "Er is geen grootboekrekening aanwezig voor een grootboekfunctie",
    "BOE-0082": "Een btw-soort ontbreekt, of past niet bij de btw-soort van de grootboekrekening",
    "BOE-0083": "De factuur kan niet worden verwijderd omdat er betalingen zijn",
    "BOE-0084": "De omschrijving is verplicht",
    "BOE-0089": "Het grootboek is niet gevonden",
    "BOE-0096": "Het dagboek is niet gevonden",
    "REL-0001": "Relatiesoort mag niet 'geen' zijn",
    "REL-0003": "De krediettermijn ligt buiten het toegestane bereik",
    "REL-0006": "Het KvK-nummer is ongeldig",
    "REL-0007": "Naam moet gevuld zijn",
    "REL-0008": "Relatiecode reeds in gebruik",
    "REL-0010": "Bic is ongeldig",
    "REL-0011": "Iban is ongeldig",
    "REL-0014": "Relatiesoort dient leverancier te bevatten indien bankieren aan staat",
    "REL-0015": "WebsiteUrl dient een geldige URL te zijn",
    "REL-0047": "Het ID in de url en het ID van de relatie komen niet overeen",
    "REL-0048": "Relatiesoort mag niet 'eigen' bevatten",
    "REL-0049": "Klant heeft openstaande facturen",
    "REL-0057": "BtwNummer mag maximaal 50 tekens bevatten",
    "REL-0058": "BtwNummer moet minimaal 2 tekens bevatten",
    "REL-0059": "BtwNummer mag alleen cijfers en letters bevatten",
    "REL-0060": "Van een adres moeten alle velden gevuld zijn, uitgezonderd contactpersoon",
    "REL-0061": "Email dient een geldig e-mailadres te zijn",
    "REL-0063": "Het ID dient leeg te zijn",
    "REL-0064": "Relatiesoort mag niet aangepast worden",
    "REL-0065": "Relatiesoort kan niet zowel klant als leverancier zijn",
    "REL-0066": "De invoer is incompleet of incorrect",
    "REL-0084": "Email bevat een of meer ongeldige e-mailadressen",
    "REL-0085": "Email mag maximaal 250 tekens bevatten",
    "REL-0086": "Oin moet exact 20 cijfers bevatten",
    "REL-0087": "De landcode van het btw-nummer hoort niet bij het land van het vestigingsadres",
    "REL-0088": "Het opgegeven nummer is geen geldig btw-nummer",
    "SIM-0001": "Onbekend veld",
    "SIM-0002": "Verkeerd soort waarde",
    "SIM-0003": "Een bedrag met meer dan twee decimalen",
    "SIM-0004": "Geen geldige JSON",
    "SIM-0005": "Een negatief bedrag waar debet en credit het teken geven",
}


@dataclass(frozen=True, slots=True)
class Violation:
    """One broken rule: SnelStart's code and, where it helps the reader, which field."""

    code: str
    details: str | None = None

    def body(self) -> Row:
        """As one entry of a 400 body."""
        message = MESSAGES.get(self.code, "De invoer voldoet niet aan de regels")
        return {"errorCode": self.code, "message": message, "details": self.details}


class RefusedError(Exception):
    """An answer other than success: status and JSON body. Raised before anything is changed."""

    def __init__(self, status: int, body: object) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.body = body


def refuse(*violations: Violation) -> RefusedError:
    """A 400 with a list, as SnelStart answers broken rules."""
    return RefusedError(400, [violation.body() for violation in violations])


def stop_on(violations: list[Violation]) -> None:
    """Raise what was found so far, so that a later rule does not echo an earlier one."""
    if violations:
        raise refuse(*dict.fromkeys(violations))


def not_found() -> RefusedError:
    """The answer to an id nobody knows."""
    return RefusedError(404, {"Message": "Niet gevonden"})


def _no_duplicates(pairs: list[tuple[str, Any]]) -> Row:
    found: Row = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(key)
        found[key] = value
    return found


def _no_constant(text: str) -> Any:  # noqa: ANN401 - the hook's own signature; it never returns
    raise ValueError(text)


def loads(body: bytes) -> Any:  # noqa: ANN401 - JSON is any value until its shape is checked
    """JSON with amounts as Decimal. Raises RefusedError 400 when empty, malformed, or with a key twice."""
    if not body.strip():
        raise refuse(Violation("ALG-0106"))
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_no_constant, object_pairs_hook=_no_duplicates)
    except (ValueError, RecursionError):
        raise refuse(Violation("SIM-0004")) from None


def dumps(value: object) -> str:
    """JSON with Decimal written as the number it is (121.00), never through a float."""
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return json.dumps(stamp(value))
        case dict():
            return "{" + ",".join(f"{json.dumps(str(k))}:{dumps(v)}" for k, v in value.items()) + "}"
        case list() | tuple():
            return "[" + ",".join(dumps(item) for item in value) + "]"
        case _:
            return json.dumps(value, ensure_ascii=False)


def as_text(value: object) -> object:
    """The same document with amounts and dates as text, for the control API."""
    match value:
        case Decimal():
            return format(value, "f")
        case datetime():
            return stamp(value)
        case dict():
            return {k: as_text(v) for k, v in value.items()}
        case list() | tuple():
            return [as_text(item) for item in value]
        case _:
            return value


_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")


def moment(text: str) -> datetime:
    """A local wall-clock date-time without zone, `2026-11-23T00:00:00`. Raises ValueError for any other form."""
    if not _MOMENT.fullmatch(text):
        raise ValueError
    head, _, fraction = text.partition(".")
    return datetime.fromisoformat(f"{head}.{fraction[:6]:0<6}")


def stamp(value: datetime) -> str:
    """A wall-clock date-time as SnelStart writes it: no zone, fraction only when there is one."""
    return value.replace(tzinfo=None).isoformat(timespec="milliseconds" if value.microsecond else "seconds")


def now() -> datetime:
    """The wall clock in Amsterdam, without its zone, as every date in these books."""
    return datetime.now(AMSTERDAM).replace(tzinfo=None)
