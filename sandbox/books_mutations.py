"""The ledger's mutations: what every booking does to its accounts, row by row, made from the books when asked for.

The document says what a row holds, not which rows of a booking carry its invoice number: `mutation_numbers` plays it
all ways.
"""

from collections.abc import Iterator
from decimal import Decimal
from uuid import NAMESPACE_OID, uuid5

from sandbox.books_state import Administration, Settings
from sandbox.books_wire import Row

_ZERO = Decimal("0.00")
_VAT = {
    "VerkopenHoog": "BtwAfTeDragenHoog",
    "VerkopenLaag": "BtwAfteDragenLaag",
    "VerkopenOverig": "BtwAfTeDragenOverig",
    "VerkopenVerlegd": "BtwAfTeDragenVerlegdVerkopen",
}
_DEBTORS = "DagboekVerkoop"
_LISTS = ("grootboekBoekingsRegels", "inkoopboekingBoekingsRegels", "verkoopboekingBoekingsRegels", "btwBoekingsregels")


def mutations(books: Administration, settings: Settings) -> Iterator[Row]:
    """All mutations: of sales, of bank and of cash bookings."""
    numbers = settings.mutation_numbers
    functions = {row["grootboekfunctie"]: key for key, row in reversed(books.grootboeken.items())}
    sales = next(row for row in books.dagboeken.values() if row["soort"] == "Verkoop")
    for booking in books.verkoopboekingen.values():
        made = _Rows(booking, booking["factuurdatum"], sales["id"], booking["klant"])
        number = booking["factuurnummer"]
        rest = number if numbers == "all" else None
        if numbers == "none":
            number = None
        yield made.row(functions[_DEBTORS], booking["factuurbedrag"], number, booking["omschrijving"])
        for line in booking["boekingsregels"]:
            yield made.row(line["grootboek"]["id"], -line["bedrag"], rest, line["omschrijving"], line["kostenplaats"])
        for entry in booking["btw"]:
            if entry["btwBedrag"]:
                yield made.row(functions[_VAT[entry["btwSoort"]]], -entry["btwBedrag"], rest, entry["btwSoort"])
    for booking in (*books.bankboekingen.values(), *books.kasboekingen.values()):
        yield from _of_money(books, booking, functions[_DEBTORS], numbered=numbers != "none")


def _of_money(books: Administration, booking: Row, debtors: str, *, numbered: bool) -> Iterator[Row]:
    journal = books.dagboeken[booking["dagboek"]["id"]]
    own = next(key for key, row in books.grootboeken.items() if row["nummer"] == journal["nummer"])
    made = _Rows(booking, booking["datum"], journal["id"], None)
    yield made.row(own, booking["bedragOntvangen"] - booking["bedragUitgegeven"], None, booking["omschrijving"])
    for name in _LISTS:
        for line in booking[name]:
            account, number = debtors, None
            if name == "verkoopboekingBoekingsRegels":
                sale = books.verkoopboekingen[line["boekingId"]["id"]]
                number = sale["factuurnummer"] if numbered else None
            elif "grootboek" in line:
                account = line["grootboek"]["id"]
            yield made.row(account, line["debet"] - line["credit"], number, line.get("omschrijving"))


class _Rows:
    """The rows of one booking, each with an id of its own that stays."""

    def __init__(self, booking: Row, datum: object, dagboek: str, relatie: object) -> None:
        self._booking, self._datum, self._relatie, self._count = booking, datum, relatie, 0
        self._dagboek = {"id": dagboek, "uri": f"/dagboeken/{dagboek}"}

    def row(
        self, grootboek: str, saldo: Decimal, number: str | None, omschrijving: object, kostenplaats: object = None
    ) -> Row:
        """One row; a positive `saldo` is debet."""
        self._count += 1
        key = str(uuid5(NAMESPACE_OID, f"{self._booking['id']} {self._count}"))
        return {
            "grootboek": {"id": grootboek, "uri": f"/grootboeken/{grootboek}"},
            "kostenplaats": kostenplaats,
            "datum": self._datum,
            "modifiedOn": self._booking["modifiedOn"],
            "dagboek": self._dagboek,
            "omschrijving": omschrijving,
            "debet": max(saldo, _ZERO),
            "credit": max(-saldo, _ZERO),
            "saldo": saldo,
            "documents": [],
            "boekstuk": self._booking["boekstuk"],
            "factuurNummer": number,
            "relatiePublicIdentifier": self._relatie,
            "id": key,
            "uri": f"/grootboekmutaties/{key}",
        }
