"""SnelStart's rules for bank and cash bookings, and what they do to the open balance of sales invoices.

There is no natural key and no check on overpaying: sent twice, it pays twice, exactly as the real one would.
"""

from decimal import Decimal
from uuid import uuid4

from sandbox.books_rules import cost_centre, day_open, reference, texts
from sandbox.books_shapes import read
from sandbox.books_state import Administration
from sandbox.books_wire import Row, Violation, not_found, now, refuse, stop_on

_LISTS = (
    "grootboekBoekingsRegels",
    "inkoopboekingBoekingsRegels",
    "verkoopboekingBoekingsRegels",
    "btwBoekingsregels",
)
_ZERO = Decimal("0.00")
# kind of journal: the code for a journal that is not there (or of another kind), and for one that is nonactief
_JOURNAL_CODES = {"Bank": ("BOE-0096", "ALG-0105"), "Kas": ("BOE-0025", "BOE-0024")}
_BTW_TYPES = frozenset({"TeVorderenBtwType", "AfTeDragenBtwType"})


def _journal(books: Administration, soort: str, key: str | None) -> list[Violation]:
    unknown, inactive = _JOURNAL_CODES[soort]
    found = books.dagboeken.get(key or "")
    if found is None or found["soort"] != soort:
        return [Violation(unknown)]
    return [Violation(inactive)] if found["nonactief"] else []


def _amounts(row: Row) -> list[Violation]:
    received, spent = row["bedragOntvangen"], row["bedragUitgegeven"]
    if received is None or spent is None:
        return [Violation("SIM-0002", "bedragOntvangen en bedragUitgegeven zijn verplicht")]
    if received and spent:
        return [Violation("BOE-0027")]
    return [Violation("SIM-0005")] if min(received, spent) < 0 else []


def _sides(line: Row, path: str) -> list[Violation]:
    debet, credit = line["debet"] or _ZERO, line["credit"] or _ZERO
    if debet and credit:
        return [Violation("BOE-0076", path)]
    if not debet and not credit:
        return [Violation("BOE-0028", path)]
    return [Violation("SIM-0005", path)] if min(debet, credit) < 0 else []


def _ledger_line(books: Administration, line: Row, path: str) -> list[Violation]:
    account = books.grootboeken.get(line["grootboek"] or "")
    if account is None:
        return [Violation("BOE-0089", path)]
    if account["nonactief"]:
        return [Violation("BOE-0008", path)]
    if account["grootboekfunctie"] in {"DagboekMemoriaal", "DagboekBalans"}:
        return [Violation("BOE-0075", path)]
    found = cost_centre(books, account, line["kostenplaats"], path)
    if not line["omschrijving"]:
        found.append(Violation("BOE-0084", path))
    if line["btwSoort"] is not None and line["btwSoort"] not in account["btwSoort"]:
        found.append(Violation("BOE-0082", path))
    return found


def _lines(books: Administration, row: Row) -> list[Violation]:
    found = []
    if not any(row[name] for name in _LISTS):
        return [Violation("BOE-0023")]
    for name in _LISTS:
        for i, line in enumerate(row[name]):
            path = f"{name}[{i}]"
            found += _sides(line, path)
            match name:
                case "grootboekBoekingsRegels":
                    found += _ledger_line(books, line, path)
                case "verkoopboekingBoekingsRegels" if line["boekingId"] not in books.verkoopboekingen:
                    found.append(Violation("BOE-0001", path))
                case "inkoopboekingBoekingsRegels":  # no purchases in these books
                    found.append(Violation("BOE-0001", path))
                case "btwBoekingsregels" if line["type"] not in _BTW_TYPES:
                    found.append(Violation("SIM-0002", path))
    return found


def _balanced(row: Row) -> bool:
    lines = [line for name in _LISTS for line in row[name]]
    credit = sum((line["credit"] or _ZERO for line in lines), _ZERO)
    debet = sum((line["debet"] or _ZERO for line in lines), _ZERO)
    return bool(row["bedragOntvangen"] - row["bedragUitgegeven"] == credit - debet)


def _stored_line(name: str, line: Row) -> Row:
    stored = line | {"debet": line["debet"] or _ZERO, "credit": line["credit"] or _ZERO}
    if name == "verkoopboekingBoekingsRegels":
        stored["boekingId"] = reference("verkoopboekingen", line["boekingId"])
    if name == "grootboekBoekingsRegels":
        stored["grootboek"] = reference("grootboeken", line["grootboek"])
        stored["kostenplaats"] = reference("kostenplaatsen", line["kostenplaats"])
    return stored


def _settle(books: Administration, booking: Row, sign: int) -> None:
    """Move the open balance: what is received lowers it, below zero when it is paid twice."""
    for line in booking["verkoopboekingBoekingsRegels"]:
        factuur = books.verkoopfacturen[line["boekingId"]["id"]]
        factuur["openstaandSaldo"] -= sign * (line["credit"] - line["debet"])
        factuur["modifiedOn"] = now()


def _checked(books: Administration, soort: str, row: Row) -> Row:
    """A booking that breaks no rule. Raises RefusedError 400."""
    for name in _LISTS:
        row[name] = row[name] or []
    described = [line for name in _LISTS for line in row[name] if "omschrijving" in line]
    stop_on(_amounts(row))
    stop_on(_journal(books, soort, row["dagboek"]) + day_open(books, row["datum"]) + texts(row, described))
    stop_on(_lines(books, row))
    if not _balanced(row):
        raise refuse(Violation("BOE-0039"))
    return row


def _stored(books: Administration, soort: str, row: Row, key: str) -> Row:
    """Keep a checked booking, and settle what it settles."""
    collection = f"{soort.lower()}boekingen"
    record = row | {
        "modifiedOn": now(),
        "markering": bool(row["markering"]),
        "gewijzigdDoorAccountant": False,
        "dagboek": reference("dagboeken", row["dagboek"]),
        "id": key,
        "uri": f"/{collection}/{key}",
    }
    record |= {name: [_stored_line(name, line) for line in row[name]] for name in _LISTS}
    (books.bankboekingen if soort == "Bank" else books.kasboekingen)[key] = record
    _settle(books, record, 1)
    return record


def create(books: Administration, soort: str, body: object) -> Row:
    """Validate and keep a booking in a journal of this kind, Bank or Kas. Raises RefusedError 400."""
    row = read("geldboeking", body)
    if row["id"]:
        raise refuse(Violation("ALG-0100"))
    return _stored(books, soort, _checked(books, soort, row), str(uuid4()))


def replace(books: Administration, soort: str, key: str, body: object) -> Row:
    """Replace a booking; what it no longer settles is open again. Raises RefusedError 400 or 404."""
    known = _known(books, soort, key)
    row = _checked(books, soort, read("geldboeking", body))
    if row["id"] not in {None, key}:
        raise refuse(Violation("BOE-0078"))
    _settle(books, known, -1)
    return _stored(books, soort, row, key)


def _known(books: Administration, soort: str, key: str) -> Row:
    known = (books.bankboekingen if soort == "Bank" else books.kasboekingen).get(key)
    if known is None:
        raise not_found()
    stop_on(day_open(books, known["datum"]))
    return known


def delete(books: Administration, soort: str, key: str) -> None:
    """Remove a bank or cash booking; what it settled is open again. Raises RefusedError 400 or 404."""
    _settle(books, _known(books, soort, key), -1)
    del (books.bankboekingen if soort == "Bank" else books.kasboekingen)[key]
