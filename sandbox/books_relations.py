"""SnelStart's rules for relations (REL- codes): strict on optional fields, one bad field refuses the whole record."""

import re
from uuid import uuid4

from sandbox.books_rates import eu_countries
from sandbox.books_shapes import read
from sandbox.books_state import Administration, Settings, new_relatie
from sandbox.books_wire import RefusedError, Row, Violation, not_found, now, refuse, stop_on

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}"
)
_URL = re.compile(r"(https?://)?([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}(:\d+)?([/?#]\S*)?")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}([A-Z0-9]{3})?")
_KVK = re.compile(r"[A-Za-z0-9]{1,12}")

# The form of a VAT number after its country prefix, per EU country; Greece writes EL.
_VAT_FORMS = {
    "AT": r"U\d{8}",
    "BE": r"[01]\d{9}",
    "BG": r"\d{9,10}",
    "CY": r"\d{8}[A-Z]",
    "CZ": r"\d{8,10}",
    "DE": r"\d{9}",
    "DK": r"\d{8}",
    "EE": r"\d{9}",
    "EL": r"\d{9}",
    "ES": r"[A-Z0-9]\d{7}[A-Z0-9]",
    "FI": r"\d{8}",
    "FR": r"[A-HJ-NP-Z0-9]{2}\d{9}",
    "HR": r"\d{11}",
    "HU": r"\d{8}",
    "IE": r"\d[A-Z0-9+*]\d{5}[A-Z]{1,2}",
    "IT": r"\d{11}",
    "LT": r"(\d{9}|\d{12})",
    "LU": r"\d{8}",
    "LV": r"\d{11}",
    "MT": r"\d{8}",
    "NL": r"\d{9}B\d{2}",
    "PL": r"\d{10}",
    "PT": r"\d{9}",
    "RO": r"\d{2,10}",
    "SE": r"\d{12}",
    "SI": r"\d{8}",
    "SK": r"\d{10}",
}

_LENGTHS = {
    "telefoon": (25, "REL-0013"),
    "mobieleTelefoon": (25, "REL-0012"),
    "websiteUrl": (100, "REL-0015"),
    "iban": (50, "REL-0011"),
    "bic": (15, "REL-0010"),
}
_ADRES_LENGTHS = {
    "vestigingsAdres": (
        ("straat", 50, "REL-0020"),
        ("postcode", 25, "REL-0021"),
        ("plaats", 50, "REL-0022"),
        ("contactpersoon", 50, "REL-0023"),
    ),
    "correspondentieAdres": (
        ("straat", 50, "REL-0025"),
        ("postcode", 25, "REL-0026"),
        ("plaats", 50, "REL-0027"),
        ("contactpersoon", 50, "REL-0028"),
    ),
}
_LAND_UNKNOWN = {"vestigingsAdres": "REL-0056", "correspondentieAdres": "REL-0055"}
# field: should send but empty, not an address, one of several not an address, too long
_MAILINGS = {
    "offerteEmailVersturen": ("REL-0044", "REL-0045", "REL-0080", "REL-0081"),
    "bevestigingsEmailVersturen": ("REL-0038", "REL-0039", "REL-0076", "REL-0077"),
    "factuurEmailVersturen": ("REL-0032", "REL-0033", "REL-0072", "REL-0073"),
    "aanmaningEmailVersturen": ("REL-0029", "REL-0030", "REL-0068", "REL-0069"),
    "offerteAanvraagEmailVersturen": ("REL-0089", "REL-0090", "REL-0091", "REL-0092"),
    "bestellingEmailVersturen": ("REL-0096", "REL-0097", "REL-0098", "REL-0099"),
}
_ENUMS = {"aanmaningsoort": {"Nee", "Onderneming", "Consument"}, "incassoSoort": {"Geen", "Core", "B2B"}}
_LONGEST_NAME = 50
_SHORTEST_VAT_NUMBER, _LONGEST_VAT_NUMBER = 2, 50
_SHORTEST_TERM, _LONGEST_TERM = -365, 1000
_LONGEST_EMAIL = 250
_LONGEST_EMAIL_LOCAL = 64


def _email_ok(text: str) -> bool:
    return len(text.partition("@")[0]) <= _LONGEST_EMAIL_LOCAL and _EMAIL.fullmatch(text) is not None


def _emails(text: str | None, codes: tuple[str, str, str], path: str) -> list[Violation]:
    """Addresses separated by semicolons; `codes` for a bad one, for a bad one among several, and for too long."""
    if not text:
        return []
    if len(text) > _LONGEST_EMAIL:
        return [Violation(codes[2], path)]
    several = [part.strip() for part in text.split(";")]
    if all(_email_ok(part) for part in several):
        return []
    return [Violation(codes[1] if len(several) > 1 else codes[0], path)]


def iban_ok(text: str) -> bool:
    """Form and check digits (ISO 13616) of an IBAN; spaces are allowed."""
    iban = text.replace(" ", "").upper()
    if not _IBAN.fullmatch(iban):
        return False
    return int("".join(str(int(char, 36)) for char in iban[4:] + iban[:4])) % 97 == 1


def vat_number_ok(text: str, *, checksum: bool) -> bool:
    """Form of an EU VAT number with its country prefix; with `checksum` also the check digits of NL and BE."""
    prefix, number = text[:2].upper(), text[2:].upper()
    form = _VAT_FORMS.get(prefix)
    if form is None or not re.fullmatch(form, number):
        return False
    if not checksum:
        return True
    match prefix:
        case "NL":
            weighted = sum(int(digit) * weight for digit, weight in zip(number[:8], range(9, 1, -1), strict=True))
            eleven = weighted % 11 == int(number[8])
            ninety_seven = int("".join(str(int(char, 36)) for char in "NL" + number)) % 97 == 1
            return eleven or ninety_seven
        case "BE":
            return 97 - int(number[:8]) % 97 == int(number[8:])
        case _:
            return True


def _vat_number_code(books: Administration, number: str, adres: Row, settings: Settings) -> str | None:
    """The code for what is wrong with a VAT number, None when it may stand."""
    prefix = "GR" if number[:2].upper() == "EL" else number[:2].upper()
    land = books.landen.get(adres.get("land") or "")
    rules = (
        ("REL-0058", len(number) >= _SHORTEST_VAT_NUMBER),
        ("REL-0057", len(number) <= _LONGEST_VAT_NUMBER),
        ("REL-0059", number.isascii() and number.isalnum()),
        ("REL-0088", vat_number_ok(number, checksum=settings.vat_number_checksum)),
        ("REL-0087", land is None or land["landcode"] == prefix),
    )
    return next((code for code, fine in rules if not fine), None)


def _adressen(books: Administration, row: Row) -> list[Violation]:
    found = []
    for name, lengths in _ADRES_LENGTHS.items():
        adres = row[name]
        if not adres or not any(adres.values()):
            continue
        if not all((adres[part] or "").strip() for part in ("straat", "postcode", "plaats", "land")):
            found.append(Violation("REL-0060", name))
        if adres["land"] and adres["land"] not in books.landen:
            found.append(Violation(_LAND_UNKNOWN[name]))
        found += [Violation(code) for part, longest, code in lengths if len(adres[part] or "") > longest]
    return found


def _soort(row: Row) -> list[Violation]:
    soorten = row["relatiesoort"] or []
    if not soorten or "Geen" in soorten:
        return [Violation("REL-0001")]
    if "Eigen" in soorten:
        return [Violation("REL-0048")]
    if not set(soorten) <= {"Klant", "Leverancier"}:
        return [Violation("REL-0066", "relatiesoort")]
    if len(soorten) > 1:
        return [Violation("REL-0065")]
    if row["bankieren"] and "Leverancier" not in soorten:
        return [Violation("REL-0014")]
    return []


def _formats(row: Row) -> list[Violation]:
    """Optional fields that must be right when they are there."""
    forms = (
        ("REL-0006", "kvkNummer", _KVK.fullmatch),
        ("REL-0086", "oin", lambda text: re.fullmatch(r"\d{20}", text)),
        ("REL-0015", "websiteUrl", _URL.fullmatch),
        ("REL-0011", "iban", iban_ok),
        ("REL-0010", "bic", _BIC.fullmatch),
    )
    found = [Violation(code) for code, name, fine in forms if row[name] and not fine(row[name])]
    found += [Violation(code) for name, (longest, code) in _LENGTHS.items() if len(row[name] or "") > longest]
    found += [Violation("SIM-0002", name) for name, allowed in _ENUMS.items() if row[name] not in {None, *allowed}]
    return found


def _mailings(row: Row) -> list[Violation]:
    found = _emails(row["email"], ("REL-0061", "REL-0084", "REL-0085"), "email")
    for name, (empty, bad, among, too_long) in _MAILINGS.items():
        mailing = row[name] or {}
        if mailing.get("shouldSend") and not mailing.get("email"):
            found.append(Violation(empty))
        found += _emails(mailing.get("email"), (bad, among, too_long), f"{name}.email")
        found += _emails(mailing.get("ccEmail"), (bad, among, too_long), f"{name}.ccEmail")
    return found


def check(books: Administration, row: Row, settings: Settings, own_id: str | None) -> list[Violation]:
    """Every rule a relation breaks; `own_id` is the record being replaced, None for a new one."""
    found = _soort(row)
    naam = row["naam"] or ""
    if not naam.strip():
        found.append(Violation("REL-0007"))
    if len(naam) > _LONGEST_NAME:
        found.append(Violation("REL-0066", "naam"))
    code = row["relatiecode"]
    if code is not None and any(r["relatiecode"] == code and r["id"] != own_id for r in books.relaties.values()):
        found.append(Violation("REL-0008"))
    if not _SHORTEST_TERM <= (row["krediettermijn"] or 0) <= _LONGEST_TERM:
        found.append(Violation("REL-0003"))
    found += _formats(row) + _mailings(row) + _adressen(books, row)
    if row["btwNummer"]:
        wrong = _vat_number_code(books, row["btwNummer"], row["vestigingsAdres"] or {}, settings)
        found += [Violation(wrong)] if wrong else []
    return found


def _stored(books: Administration, row: Row, key: str, code: int) -> Row:
    """The record as it is kept and answered: empty fields at their defaults, references as identifier objects."""
    record = new_relatie(key)
    record |= {name: value for name, value in row.items() if value is not None and name in record}
    for name in _ADRES_LENGTHS:
        adres = row[name]
        if adres and any(adres.values()):
            land = adres["land"]
            record[name] = adres | {"land": {"id": land, "uri": f"/landen/{land}"}}
        else:
            record[name] = None
    relation = row["factuurRelatie"]
    record["factuurRelatie"] = {"id": relation, "uri": f"/relaties/{relation}"} if relation else None
    record |= {"id": key, "uri": f"/relaties/{key}", "relatiecode": code, "modifiedOn": now()}
    books.put_relatie(record)
    return record


def create(books: Administration, body: object, settings: Settings) -> Row:
    """Validate and keep a new relation. Raises RefusedError 400."""
    row = read("relatie", body)
    if row["id"]:
        raise refuse(Violation("REL-0063"))
    stop_on(check(books, row, settings, None))
    code = books.free_relatiecode() if row["relatiecode"] is None else row["relatiecode"]
    return _stored(books, row, str(uuid4()), code)


def replace(books: Administration, key: str, body: object, settings: Settings) -> Row:
    """Replace a whole relation; what the body leaves out is emptied. Raises RefusedError 400 or 404."""
    known = books.relaties.get(key)
    if known is None:
        raise not_found()
    row = read("relatie", body)
    if row["id"] not in {None, key}:
        raise refuse(Violation("REL-0047"))
    stop_on(check(books, row, settings, key))
    if set(row["relatiesoort"]) != set(known["relatiesoort"]):
        raise refuse(Violation("REL-0064"))
    code = known["relatiecode"] if row["relatiecode"] is None else row["relatiecode"]
    return _stored(books, row, key, code)


def delete(books: Administration, key: str) -> None:
    """Delete a relation: it becomes nonactief when it has bookings. Raises RefusedError 400 or 404."""
    known = books.relaties.get(key)
    if known is None:
        raise not_found()
    if "Eigen" in known["relatiesoort"] or known["relatiecode"] < 0:
        raise RefusedError(400, [Violation("REL-0103").body()])
    invoices = [f for f in books.verkoopfacturen.values() if f["relatie"]["id"] == key]
    if any(invoice["openstaandSaldo"] for invoice in invoices):
        raise refuse(Violation("REL-0049"))
    if invoices:
        books.put_relatie(known | {"nonactief": True, "modifiedOn": now()})
        return
    books.by_email[books.relatie_email(key) or ""].remove(key)
    del books.relaties[key]


def is_eu_consumer(books: Administration, relatie: Row) -> bool:
    """Whether foreign EU VAT concerns this relation: in the EU outside the Netherlands, without a VAT number."""
    return books.country_of(relatie) in eu_countries() - {"NLD"} and not relatie.get("btwNummer")


def is_eu_business(books: Administration, relatie: Row) -> bool:
    """Whether an intra-community supply to this relation may be booked."""
    return books.country_of(relatie) in eu_countries() - {"NLD"} and bool(relatie.get("btwNummer"))
