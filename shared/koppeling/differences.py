"""The differences in Dutch: what is the matter and what to do, for the owner and the bookkeeper."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from koppeling.catalogue import euro
from koppeling.compared import Difference, DifferenceKind, Expected, Repair
from koppeling.failures import Reason

_WHICH_IS_RIGHT: Final = "Kijk welke van beide klopt en verbeter de andere."
_AFTERWARDS: Final = "Verbeter de factuur in SnelStart, of zet de bestelling in de webwinkel terug."

TEXTS: Final[dict[str, tuple[DifferenceKind, str, str]]] = {
    "missing": (
        "missing",
        "Bestelling {order} van {shop} staat niet in SnelStart.",
        "Laat haar alsnog boeken: «koppeling reconcile --repair» doet dat.",
    ),
    "missing-alike": (
        "missing",
        "Bestelling {order} van {shop} staat niet in SnelStart, maar factuur {other} van hetzelfde bedrag wel.",
        "Is dat deze verkoop, dan hoeft u niets te doen. Laat haar anders boeken: «koppeling retry» doet dat.",
    ),
    "missing-deleted": (
        "missing",
        "Factuur {invoice} van bestelling {order} is geboekt, maar staat niet meer in SnelStart.",
        "«koppeling reconcile --repair» boekt haar opnieuw. Doe dat niet als zij met opzet is verwijderd.",
    ),
    "missing-deleted-alike": (
        "missing",
        "Factuur {invoice} van bestelling {order} is verwijderd uit SnelStart, maar factuur {other} is van dat bedrag.",
        "Is dat deze verkoop, dan hoeft u niets te doen. Boek haar anders in SnelStart zelf opnieuw.",
    ),
    "missing-refused": ("missing", "Bestelling {order} van {shop} staat niet in SnelStart. {why}", "{then}"),
    "missing-under-way": (
        "missing",
        "Bestelling {order} van {shop} staat nog niet in SnelStart: zij wordt nog verwerkt.",
        "U hoeft niets te doen. Vergelijk straks opnieuw.",
    ),
    "double": (
        "double",
        "Bestelling {order} staat dubbel in SnelStart: naast factuur {invoice} ook als factuur {other} van {books}.",
        "Verwijder of crediteer factuur {other} in SnelStart, als zij inderdaad dezelfde verkoop is.",
    ),
    "different-amount": (
        "different-amount",
        "Factuur {invoice} is in SnelStart {books}, maar bestelling {order} is in de webwinkel {shop}.",
        _WHICH_IS_RIGHT,
    ),
    "different-vat": (
        "different-vat",
        "De btw van factuur {invoice} is in SnelStart {in_books}, van bestelling {order} in de webwinkel {in_shop}.",
        "Verbeter de btw van de factuur in SnelStart, of die van de bestelling in de webwinkel.",
    ),
    "different-rate": (
        "different-vat",
        "De omzet van factuur {invoice} is in SnelStart {in_books}, van bestelling {order} in de webwinkel {in_shop}.",
        "Zet de regels in SnelStart op een grootboek van het juiste tarief, of verbeter de bestelling in de webwinkel.",
    ),
    "not-paid": (
        "not-paid",
        "Factuur {invoice} staat in SnelStart nog open voor {open}, maar bestelling {order} is betaald.",
        "Laat de betaling boeken: «koppeling reconcile --repair» doet dat.",
    ),
    "not-paid-differs": (
        "not-paid",
        "Op factuur {invoice} is in SnelStart niets afgeletterd, maar bestelling {order} is betaald.",
        "Verbeter eerst het bedrag; «koppeling reconcile --repair» boekt daarna de betaling.",
    ),
    "not-paid-elsewhere": (
        "not-paid",
        "Factuur {invoice} staat in SnelStart nog open voor {open}; op factuur {other} is net zoveel te veel betaald.",
        "Zet de betaling in SnelStart over van factuur {other} naar factuur {invoice}.",
    ),
    "not-paid-under-way": (
        "not-paid",
        "Factuur {invoice} staat in SnelStart nog open voor {open}: de import boekt de betaling nog.",
        "U hoeft niets te doen. Vergelijk na afloop van de import opnieuw.",
    ),
    "not-paid-refused": ("not-paid", "Factuur {invoice} staat in SnelStart nog open voor {open}. {why}", "{then}"),
    "overpaid": (
        "overpaid",
        "Op factuur {invoice} is in SnelStart {open} te veel afgeletterd.",
        "Zoek de dubbele of verkeerde betaling op in SnelStart en haal haar van de factuur af.",
    ),
    "other-journal": (
        "other-journal",
        "De betaling van factuur {invoice} staat in SnelStart in dagboek {books_journal} in plaats van {shop_journal}.",
        "Zet de betaling over, of kies dit dagboek voortaan in het profiel.",
    ),
    "credited-in-shop-only": (
        "credited-in-shop-only",
        "Bestelling {order} is in de webwinkel gecrediteerd voor {shop}, maar in SnelStart niet.",
        "Laat de creditfactuur boeken: «koppeling reconcile --repair» doet dat.",
    ),
    "credited-in-shop-only-alike": (
        "credited-in-shop-only",
        "De webwinkel crediteert bestelling {order} voor {shop}; factuur {other} in SnelStart is van dat bedrag.",
        "Is dat deze creditering, dan hoeft u niets te doen. Laat haar anders boeken: «koppeling retry» doet dat.",
    ),
    "credited-in-shop-only-deleted-alike": (
        "credited-in-shop-only",
        "Creditfactuur {invoice} van bestelling {order} is verwijderd; factuur {other} in SnelStart is van dat bedrag.",
        "Is dat deze creditering, dan hoeft u niets te doen. Boek haar anders in SnelStart zelf opnieuw.",
    ),
    "credited-in-shop-only-deleted": (
        "credited-in-shop-only",
        "Creditfactuur {invoice} van bestelling {order} is geboekt, maar staat niet meer in SnelStart.",
        "Boek haar opnieuw in SnelStart, als zij niet met opzet is verwijderd.",
    ),
    "credited-in-shop-only-gone": (
        "credited-in-shop-only",
        "In de webwinkel is {shop} van factuur {other} gecrediteerd ({order}), maar zij staat niet meer in SnelStart.",
        "Is zij met opzet verwijderd, dan valt er niets te crediteren. Laat haar anders eerst opnieuw boeken.",
    ),
    "credited-in-shop-only-refused": (
        "credited-in-shop-only",
        "Bestelling {order} is in de webwinkel gecrediteerd voor {shop}, maar in SnelStart niet. {why}",
        "{then}",
    ),
    "credited-in-books-only": (
        "credited-in-books-only",
        "Factuur {other} van {books} crediteert bestelling {order} in SnelStart, maar in de webwinkel is dat niet zo.",
        "Crediteer de bestelling ook in de webwinkel, of verwijder factuur {other} in SnelStart.",
    ),
    "credited-in-books-only-restored": ("credited-in-books-only", "{why}", "{then}"),
    "by-hand-instead": (
        "changed-by-hand",
        "Bestelling {order} staat in SnelStart niet als factuur {invoice}, maar wel als factuur {other} van {books}.",
        "Klopt factuur {other}, dan hoeft u niets te doen. Verwijder haar anders en laat de bestelling alsnog boeken.",
    ),
    "changed-by-hand": (
        "changed-by-hand",
        "Factuur {invoice} van bestelling {order} is in SnelStart met de hand gewijzigd: {what}.",
        "Is dat met opzet gedaan, dan hoeft u niets te doen; zet haar anders terug.",
    ),
    "other-day": (
        "changed-by-hand",
        "Factuur {invoice} staat in SnelStart op {books_day}, maar hoort volgens bestelling {order} op {shop_day}.",
        "Is dat met opzet, of koos het profiel eerst een andere factuurdatum, dan is het goed. Verbeter haar anders.",
    ),
    "changed-in-shop": (
        "changed-in-shop",
        "Bestelling {order} is na het boeken gewijzigd in de webwinkel: daar {shop}, op factuur {invoice} {books}.",
        _AFTERWARDS,
    ),
    "changed-in-shop-vat": (
        "changed-in-shop",
        "De btw van bestelling {order} is na het boeken gewijzigd: nu {in_shop}, op factuur {invoice} {in_books}.",
        _AFTERWARDS,
    ),
    "changed-in-shop-rate": (
        "changed-in-shop",
        "De omzet van bestelling {order} is na het boeken gewijzigd: nu {in_shop}, op factuur {invoice} {in_books}.",
        _AFTERWARDS,
    ),
    "only-in-books": (
        "only-in-books",
        "Factuur {invoice} van {books} staat in SnelStart, maar bestelling {order} is in de webwinkel niet te boeken.",
        "Kijk de bestelling in de webwinkel na; verwijder of crediteer anders de factuur in SnelStart.",
    ),
    "only-in-books-unknown": (
        "only-in-books",
        "Factuur {invoice} van {books} staat in SnelStart, maar de webwinkel kent bestelling {order} niet.",
        "Kijk of de bestelling in de webwinkel is verwijderd.",
    ),
}
"""By code: the kind of difference it is, what is the matter, what to do."""


def difference(
    code: str,
    one: Expected,
    shop: Decimal | None,
    books: Decimal | None,
    *,
    repair: Repair | None = None,
    reason: Reason | None = None,
    verkoopboeking_id: str | None = None,
    facts: Mapping[str, str] | None = None,
) -> Difference:
    """The difference `code`; `facts` beyond those of the expected invoice and the two amounts, as text."""
    kind, sentence, advice = TEXTS[code]
    known = {
        "order": one.order_number,
        "invoice": one.factuurnummer,
        "shop": "een onbekend bedrag" if shop is None else euro(abs(shop) if one.kind != "sale" else shop),
        "books": "" if books is None else euro(books),
        "why": reason.sentence if reason else "",
        "then": reason.advice if reason else "",
        **(facts or {}),
    }
    return Difference(
        order_number=one.order_number,
        kind=kind,
        shop=shop,
        books=books,
        sentence=sentence.format(**known),
        advice=advice.format(**known),
        repair=repair,
        verkoopboeking_id=verkoopboeking_id or one.verkoopboeking_id,
    )
