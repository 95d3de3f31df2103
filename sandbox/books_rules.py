"""SnelStart's rules for a sales booking (BOE- codes), stage by stage, and keeping what passes.

A stage that finds anything ends the check, so that one mistake is not answered with its echoes.
"""

from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from sandbox import books_chart, books_vat
from sandbox.books_shapes import read
from sandbox.books_state import Administration, Settings, later
from sandbox.books_vat import Line
from sandbox.books_wire import Row, Violation, not_found, now, refuse, stop_on

LONGEST_NUMBER = 25
LONGEST_BOEKSTUK = 25
LONGEST_TEXT = 250
LONGEST_TERM = 999
OLDEST_YEARS = 5
_ZERO = Decimal("0.00")


def reference(collection: str, key: str | None) -> Row | None:
    """An identifier object, None for no id."""
    return None if key is None else {"id": key, "uri": f"/{collection}/{key}"}


def texts(row: Row, lines: list[Row]) -> list[Violation]:
    """Lengths of the free texts of a booking and its lines."""
    found = []
    if len(row["boekstuk"] or "") > LONGEST_BOEKSTUK:
        found.append(Violation("BOE-0068"))
    if any(len(part["omschrijving"] or "") > LONGEST_TEXT for part in (row, *lines)):
        found.append(Violation("BOE-0071"))
    return found


def day_open(books: Administration, at: datetime | None) -> list[Violation]:
    """Whether a booking may be made on, changed on or removed from this day."""
    if at is None:
        return [Violation("BOE-0070")]
    day = at.date()
    if day.year < books.options.boekjaar() - OLDEST_YEARS:
        return [Violation("BOE-0033")]
    code = books.options.closed(day)
    return [Violation(code)] if code else []


def cost_centre(books: Administration, account: Row, key: str | None, path: str) -> list[Violation]:
    """Whether the cost centre of a line is there when its account asks for one, known, and active."""
    if key is None:
        return [Violation("BOE-0022", path)] if account["kostenplaatsVerplicht"] else []
    found = books.kostenplaatsen.get(key)
    if found is None:
        return [Violation("BOE-0019", path)]
    return [Violation("BOE-0026", path)] if found["nonactief"] else []


def _number(books: Administration, settings: Settings, row: Row, own_id: str | None) -> list[Violation]:
    number = row["factuurnummer"] or ""
    if not number.strip() or len(number) > LONGEST_NUMBER:
        return [Violation("BOE-0058")]
    taken = set(books.by_number.get(number.casefold(), ()))
    if settings.factuurnummer_case_sensitive:
        taken = {key for key in taken if books.verkoopboekingen[key]["factuurnummer"] == number}
    return [Violation("BOE-0021")] if taken - {own_id} else []


def _klant(books: Administration, key: str | None) -> list[Violation]:
    klant = books.relaties.get(key or "")
    if klant is None or "Klant" not in klant["relatiesoort"]:
        return [Violation("BOE-0060")]
    return [Violation("BOE-0054")] if klant["nonactief"] else []


def _head(books: Administration, settings: Settings, row: Row, own_id: str | None) -> list[Violation]:
    found = _number(books, settings, row, own_id) + _klant(books, row["klant"])
    found += day_open(books, row["factuurdatum"])
    found += texts(row, row["boekingsregels"] or [])
    if not 0 <= (row["betalingstermijn"] or 0) <= LONGEST_TERM:
        found.append(Violation("SIM-0002", "betalingstermijn"))
    if not row["boekingsregels"]:
        found.append(Violation("BOE-0023"))
    return found


def _account(books: Administration, key: str | None, path: str) -> list[Violation]:
    account = books.grootboeken.get(key or "")
    if account is None:
        return [Violation("BOE-0037", path)]
    if account["nonactief"]:
        return [Violation("BOE-0008", path)]
    functie = account["grootboekfunctie"]
    if functie in {"DagboekMemoriaal", "DagboekBalans"}:
        return [Violation("BOE-0075", path)]
    return [] if functie in books_chart.SALES_FUNCTIONS else [Violation("BOE-0061", path)]


def _lines(books: Administration, row: Row) -> list[Violation]:
    found = []
    for i, line in enumerate(row["boekingsregels"]):
        path = f"boekingsregels[{i}]"
        if not line["bedrag"]:
            found.append(Violation("BOE-0028", path))
        wrong = _account(books, line["grootboek"], path)
        found += wrong or cost_centre(books, books.grootboeken[line["grootboek"]], line["kostenplaats"], path)
    return found


def _one_vocabulary(row: Row) -> None:
    """Translate either vocabulary into the one of its place (setting one_btw_vocabulary)."""
    to_line = books_vat.DOCUMENT_KINDS
    to_document = {line: document for document, line in to_line.items()}
    for line in row["boekingsregels"] or []:
        line["btwSoort"] = to_line.get(line["btwSoort"], line["btwSoort"])
    for entry in row["btw"] or []:
        entry["btwSoort"] = to_document.get(entry["btwSoort"], entry["btwSoort"])


def _resolved(books: Administration, row: Row) -> list[Line]:
    """Lines with their account; a kind left empty becomes the only one its account takes."""
    lines = []
    for line in row["boekingsregels"]:
        account = books.grootboeken[line["grootboek"]]
        if line["btwSoort"] is None and len(account["btwSoort"]) == 1:
            line["btwSoort"] = account["btwSoort"][0]
        lines.append(Line(account, line["bedrag"], line["btwSoort"]))
    return lines


def _vat(books: Administration, settings: Settings, row: Row) -> None:
    lines, btw = _resolved(books, row), row["btw"]
    klant, day = books.relaties[row["klant"]], row["factuurdatum"].date()
    stop_on(books_vat.line_kinds(lines) + books_vat.document_kinds(btw))
    stop_on(books_vat.accounts(books, klant, day, lines) + books_vat.vat_accounts(books, btw))
    if books_vat.is_foreign(books, settings, klant, day, lines):
        stop_on(books_vat.foreign(books, settings, klant, day, lines, btw))
    else:
        stop_on(books_vat.dutch(books, settings, day, lines, btw))


def _checked(books: Administration, settings: Settings, body: object, own_id: str | None) -> Row:
    row = read("verkoopboeking", body)
    assert isinstance(body, dict)
    if body.get("eenmaligeIncassoMachtiging") or body.get("doorlopendeIncassoMachtiging"):
        raise refuse(Violation("BOE-0055"))
    row["btw"] = row["btw"] or []
    if settings.one_btw_vocabulary:
        _one_vocabulary(row)
    stop_on(_head(books, settings, row, own_id))
    stop_on(_lines(books, row))
    _vat(books, settings, row)
    total = sum((line["bedrag"] for line in row["boekingsregels"]), _ZERO)
    total += sum((entry["btwBedrag"] for entry in row["btw"]), _ZERO)
    if row["factuurbedrag"] is None or row["factuurbedrag"] != total:
        raise refuse(Violation("BOE-0039"))
    return row


def _stored(books: Administration, row: Row, key: str) -> Row:
    """Keep a checked booking, and the sales invoice that belongs to it with its open balance."""
    at = now()
    known = books.verkoopfacturen.get(key)
    paid = known["factuurBedrag"] - known["openstaandSaldo"] if known else _ZERO
    factuur_id = known["id"] if known else str(uuid4())
    record = {
        "modifiedOn": at,
        "boekstuk": row["boekstuk"],
        "gewijzigdDoorAccountant": False,
        "markering": bool(row["markering"]),
        "factuurdatum": row["factuurdatum"],
        "factuurnummer": row["factuurnummer"],
        "klant": reference("relaties", row["klant"]),
        "omschrijving": row["omschrijving"],
        "factuurbedrag": row["factuurbedrag"],
        "betalingstermijn": row["betalingstermijn"] or 0,
        "eenmaligeIncassoMachtiging": None,
        "doorlopendeIncassoMachtiging": None,
        "boekingsregels": [
            line
            | {
                "grootboek": reference("grootboeken", line["grootboek"]),
                "kostenplaats": reference("kostenplaatsen", line["kostenplaats"]),
            }
            for line in row["boekingsregels"]
        ],
        "btw": row["btw"],
        "documents": [],
        "id": key,
        "uri": f"/verkoopboekingen/{key}",
    }
    if key in books.verkoopboekingen:
        books.by_number[books.verkoopboekingen[key]["factuurnummer"].casefold()].remove(key)
    books.by_number.setdefault(row["factuurnummer"].casefold(), []).append(key)
    books.verkoopboekingen[key] = record
    books.verkoopfacturen[key] = {
        "verkoopBoeking": reference("verkoopboekingen", key),
        "modifiedOn": at,
        "openstaandSaldo": row["factuurbedrag"] - paid,
        "factuurnummer": row["factuurnummer"],
        "vervalDatum": later(row["factuurdatum"], row["betalingstermijn"]),
        "relatie": reference("relaties", row["klant"]),
        "factuurDatum": row["factuurdatum"],
        "factuurBedrag": row["factuurbedrag"],
        "verkoopOrders": [],
        "id": factuur_id,
        "uri": f"/verkoopfacturen/{factuur_id}",
    }
    return record


def create(books: Administration, settings: Settings, body: object) -> Row:
    """Validate and book a sales invoice. Raises RefusedError 400 with the codes of the rules it breaks."""
    if isinstance(body, dict) and body.get("id"):
        raise refuse(Violation("ALG-0100"))
    return _stored(books, _checked(books, settings, body, None), str(uuid4()))


def _known(books: Administration, key: str) -> Row:
    known = books.verkoopboekingen.get(key)
    if known is None:
        raise not_found()
    stop_on(day_open(books, known["factuurdatum"]))
    return known


def replace(books: Administration, settings: Settings, key: str, body: object) -> Row:
    """Replace a sales booking; what was paid on it stays paid. Raises RefusedError 400 or 404."""
    _known(books, key)
    row = _checked(books, settings, body, key)
    if row["id"] not in {None, key}:
        raise refuse(Violation("BOE-0078"))
    return _stored(books, row, key)


def payments_on(books: Administration, key: str) -> list[tuple[Row, Row]]:
    """Every bank or cash booking with a line on this sales booking: (booking, line)."""
    return [
        (booking, line)
        for booking in (*books.bankboekingen.values(), *books.kasboekingen.values())
        for line in booking["verkoopboekingBoekingsRegels"]
        if line["boekingId"]["id"] == key
    ]


def delete(books: Administration, key: str) -> None:
    """Remove a sales booking and its invoice. Raises RefusedError 404, or 400 when it has payments."""
    known = _known(books, key)
    if payments_on(books, key):
        raise refuse(Violation("BOE-0083"))
    books.by_number[known["factuurnummer"].casefold()].remove(key)
    del books.verkoopboekingen[key]
    del books.verkoopfacturen[key]
