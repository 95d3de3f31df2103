"""The simulated SnelStart refuses what the real one refuses."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from sandbox.books_run import BooksClient

type Change = Callable[[dict[str, Any], BooksClient], object]


def invoice(books: BooksClient, number: str = "MWW1001", **changes: object) -> dict[str, Any]:
    """A correct invoice: 100.00 high, 50.00 low, with its VAT."""
    body: dict[str, Any] = {
        "factuurnummer": number,
        "klant": {"id": books.klant()},
        "factuurdatum": "2026-11-23T00:00:00",
        "omschrijving": "Bestelling",
        "boekstuk": number,
        "betalingstermijn": 14,
        "factuurbedrag": "175.50",
        "boekingsregels": [
            {"omschrijving": "A", "grootboek": {"id": books.grootboek(8200)}, "bedrag": "100.00", "btwSoort": "Hoog"},
            {"omschrijving": "B", "grootboek": {"id": books.grootboek(8210)}, "bedrag": 50, "btwSoort": "Laag"},
        ],
        "btw": [
            {"btwSoort": "VerkopenHoog", "btwBedrag": "21.00"},
            {"btwSoort": "VerkopenLaag", "btwBedrag": 4.5},
        ],
    }
    return body | changes


def plain(books: BooksClient, account: int, amount: str = "10.00", **changes: object) -> dict[str, Any]:
    """A correct invoice of one line without VAT on this account."""
    line = {"grootboek": {"id": books.grootboek(account)}, "bedrag": amount, "btwSoort": "Geen"}
    return invoice(books, boekingsregels=[line], btw=[], factuurbedrag=amount) | changes


def codes(books: BooksClient, body: object, path: str = "/verkoopboekingen", method: str = "POST") -> list[str]:
    """The codes a body is refused with; empty when it is taken."""
    answer = books.call(method, path, body)
    if answer.is_success:
        return []
    assert answer.status_code == 400
    return [entry["errorCode"] for entry in answer.json()]


def test_an_invoice_is_booked_and_answered_with_exact_numbers(books: BooksClient) -> None:
    """An invoice is booked, answered with amounts as exact numbers, and open for its whole amount."""
    answer = books.call("POST", "/verkoopboekingen", invoice(books))
    assert answer.status_code == 201
    assert '"factuurbedrag":175.50' in answer.text
    assert '"factuurdatum":"2026-11-23T00:00:00"' in answer.text
    assert books.open_balance("MWW1001") == Decimal("175.50")
    assert books.call("GET", f"/verkoopboekingen/{answer.json()['id']}").text == answer.text


def set_line(**values: object) -> Change:
    """Change the first line."""
    return lambda body, _: body["boekingsregels"][0].update(values)


def set_head(**values: object) -> Change:
    """Change the head."""
    return lambda body, _: body.update(values)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (set_head(korting=1), "SIM-0001"),
        (set_line(artikel="x"), "SIM-0001"),
        (set_head(factuurbedrag="175.500"), "SIM-0003"),
        (set_line(bedrag=100.001), "SIM-0003"),
        (set_head(factuurbedrag=True), "SIM-0002"),
        (set_head(factuurnummer=None), "BOE-0058"),
        (set_head(factuurnummer="9" * 26), "BOE-0058"),
        (set_head(boekstuk="9" * 26), "BOE-0068"),
        (set_head(omschrijving="x" * 251), "BOE-0071"),
        (set_line(omschrijving="x" * 251), "BOE-0071"),
        (set_head(betalingstermijn=1000), "SIM-0002"),
        (set_head(factuurdatum="2026-11-23T00:00:00Z"), "BOE-0070"),
        (set_head(factuurdatum=None), "BOE-0070"),
        (set_head(factuurdatum="2020-12-31T00:00:00"), "BOE-0033"),
        (set_head(boekingsregels=[]), "BOE-0023"),
        (set_head(klant=None), "BOE-0060"),
        (set_head(klant={"id": "7d1a3c1e-0000-4000-8000-000000000001"}), "BOE-0060"),
        (set_line(bedrag="0.00"), "BOE-0028"),
        (set_line(grootboek={"id": "7d1a3c1e-0000-4000-8000-000000000001"}), "BOE-0037"),
        (set_line(kostenplaats={"id": "7d1a3c1e-0000-4000-8000-000000000001"}), "BOE-0019"),
        (set_line(btwSoort="VerkopenHoog"), "BOE-0082"),
        (set_line(btwSoort="Laag"), "BOE-0082"),
        (lambda body, _: body["btw"][0].update(btwSoort="Hoog"), "BOE-0082"),
        (lambda body, _: body["btw"][0].update(btwSoort="VerkopenLaag"), "BOE-0069"),
        (lambda body, _: body["btw"].pop(), "BOE-0069"),
        (lambda body, _: body["btw"][0].update(btwSoort="VerkopenVerlegd", btwBedrag=0), "BOE-0062"),
        (set_head(factuurbedrag="175.51"), "BOE-0039"),
        (set_head(factuurbedrag=None), "BOE-0039"),
        (lambda body, books: body.update(klant={"id": books.plant("relaties", nonactief=True)["id"]}), "BOE-0054"),
        (
            lambda body, books: body.update(klant={"id": books.plant("relaties", relatiesoort=["Leverancier"])["id"]}),
            "BOE-0060",
        ),
        (lambda _, books: books.plant("grootboeken", nummer=8200, nonactief=True), "BOE-0008"),
        (lambda _, books: books.plant("grootboeken", nummer=1500, nonactief=True), "BOE-0081"),
        (lambda _, books: books.plant("grootboeken", nummer=8200, kostenplaatsVerplicht=True), "BOE-0022"),
        (
            lambda body, books: body["boekingsregels"][0].update(kostenplaats={"id": cost_centre(books, 9)}),
            "BOE-0026",
        ),
        (lambda body, books: body["boekingsregels"][0].update(grootboek={"id": books.grootboek(1500)}), "BOE-0061"),
        (lambda body, books: body["boekingsregels"][0].update(grootboek={"id": books.grootboek(1990)}), "BOE-0075"),
        (lambda body, books: body["boekingsregels"][0].update(grootboek={"id": books.grootboek(1520)}), "BOE-0082"),
    ],
)
def test_a_broken_rule_is_answered_with_its_code(books: BooksClient, change: Change, code: str) -> None:
    """An invoice that breaks one rule is refused with the code of that rule, and nothing is booked."""
    body = invoice(books)
    change(body, books)
    assert codes(books, body)[:1] == [code]
    assert books.books()["invoices"] == []


def cost_centre(books: BooksClient, nummer: int) -> str:
    """The id of a cost centre."""
    return next(str(row["id"]) for row in books.rows("/kostenplaatsen") if row["nummer"] == nummer)


def test_a_cost_centre_is_kept(books: BooksClient) -> None:
    """An account that asks for a cost centre takes an active one, and the books show its number."""
    books.plant("grootboeken", nummer=8200, kostenplaatsVerplicht=True)
    body = invoice(books)
    body["boekingsregels"][0]["kostenplaats"] = {"id": cost_centre(books, 1)}
    assert codes(books, body) == []
    assert [line["kostenplaats"] for line in books.books()["invoices"][0]["regels"]] == [1, None]


def test_an_invoice_number_is_taken_once(books: BooksClient) -> None:
    """A second booking with the same number is refused, also when a stranger made the first."""
    books.plant("invoices", factuurnummer="MWW1001", bedrag="5.00")
    assert codes(books, invoice(books)) == ["BOE-0021"]
    assert len(books.books()["invoices"]) == 1


@pytest.mark.parametrize(
    ("option", "code"), [("blocked", "BOE-0042"), ("vat_filed", "BOE-0046"), ("accountant", "BOE-0051")]
)
def test_a_closed_period_refuses(books: BooksClient, option: str, code: str) -> None:
    """A day in a closed period is refused with the code of who closed it; the day after is open."""
    books.sim("POST", f"/administrations/{books.id}", {option: [["2026-10-01", "2026-11-23"]]})
    assert codes(books, invoice(books)) == [code]
    assert codes(books, invoice(books, factuurdatum="2026-11-24T00:00:00")) == []


def test_the_rate_is_that_of_the_invoice_date(books: BooksClient) -> None:
    """Low VAT is 6 % until 2018-12-31 and 9 % from 2019-01-01."""
    books.sim("POST", f"/administrations/{books.id}", {"huidig_boekjaar": 2019})
    line = {"grootboek": {"id": books.grootboek(8210)}, "bedrag": "100.00", "btwSoort": "Laag"}
    old = invoice(
        books, boekingsregels=[line], btw=[{"btwSoort": "VerkopenLaag", "btwBedrag": "6.00"}], factuurbedrag="106.00"
    )
    assert codes(books, old | {"factuurdatum": "2019-01-01T00:00:00"}) == ["BOE-0069"]
    assert codes(books, old | {"factuurdatum": "2018-12-31T00:00:00"}) == []


def test_vat_may_differ_one_cent_per_line(books: BooksClient) -> None:
    """VAT may be a cent per line off, and so may the prices it is inside of, no more, unless set otherwise."""
    body = invoice(books, factuurbedrag="175.53")
    body["btw"][0]["btwBedrag"] = "21.03"
    assert codes(books, body) == ["BOE-0069"]
    books.sim("POST", "/settings", {"vat_cents_fixed": 1})
    assert codes(books, body) == []


def test_vat_may_be_judged_by_the_net_alone(books: BooksClient) -> None:
    """Played strictly, VAT is a cent per line from net times rate; a price that is a cent off is no excuse."""
    body = invoice(books, factuurbedrag="175.52")
    body["btw"][0]["btwBedrag"] = "21.02"
    books.sim("POST", "/settings", {"vat_basis": "net"})
    assert codes(books, body) == ["BOE-0069"]
    books.sim("POST", "/settings", {"vat_basis": "invoice"})
    assert codes(books, body) == []


def test_reverse_charge_stands_alone(books: BooksClient) -> None:
    """Domestic reverse charge takes only zero VAT and accounts of its function."""
    reverse = [{"btwSoort": "VerkopenVerlegd", "btwBedrag": 0}]
    assert codes(books, plain(books, 8250, btw=[{"btwSoort": "VerkopenVerlegd", "btwBedrag": "1.00"}])) == ["BOE-0069"]
    assert codes(books, plain(books, 8310, btw=reverse)) == ["BOE-0082"]
    assert codes(books, plain(books, 8250, btw=reverse)) == []


def test_an_eu_account_needs_an_eu_business(books: BooksClient) -> None:
    """An intra-community supply is refused for a Dutch customer and taken for a Belgian one with a VAT number."""
    assert codes(books, plain(books, 8300)) == ["BOE-0080"]
    adres = {"straat": "Dorp 1", "postcode": "1000", "plaats": "Brussel", "land": {"id": books.land("BE")}}
    belgian = books.klant(vestigingsAdres=adres, btwNummer="BE0123456749")
    assert codes(books, plain(books, 8300, klant={"id": belgian})) == []


def test_foreign_vat_goes_on_its_own_accounts(books: BooksClient) -> None:
    """With foreign VAT switched on an EU consumer pays the VAT of home, as a line on the foreign VAT account."""
    adres = {"straat": "Dorf 1", "postcode": "10115", "plaats": "Berlin", "land": {"id": books.land("DE")}}
    german = {"id": books.klant(vestigingsAdres=adres)}
    lines = [
        {"grootboek": {"id": books.grootboek(8320)}, "bedrag": "100.00", "btwSoort": "Geen"},
        {"grootboek": {"id": books.grootboek(1520)}, "bedrag": "19.00", "btwSoort": "Geen"},
    ]
    body = invoice(books, klant=german, boekingsregels=lines, btw=[], factuurbedrag="119.00")
    assert codes(books, body) == ["BOE-0061"]
    books.sim("POST", f"/administrations/{books.id}", {"foreign_vat": True})
    assert codes(books, invoice(books, klant=german)) == ["BOE-0069"]
    assert codes(books, body | {"klant": {"id": books.klant()}}) == ["BOE-0080"]
    wrong = [lines[0], lines[1] | {"bedrag": "21.00"}]
    assert codes(books, body | {"boekingsregels": wrong, "factuurbedrag": "121.00"}) == ["BOE-0069"]
    assert codes(books, body) == []
    info = books.call("GET", "/companyInfo").json()
    assert info["factureerBuitenlandsBtw"] is True
    assert info["buitenlandseBtwGrootboek"]["id"] == books.grootboek(1520)


def test_dutch_vat_for_an_eu_consumer_can_be_played(books: BooksClient) -> None:
    """Whether foreign VAT is mandatory once switched on is open: a setting lets Dutch VAT pass."""
    books.sim("POST", f"/administrations/{books.id}", {"foreign_vat": True})
    books.sim("POST", "/settings", {"foreign_vat_mandatory": False})
    german = books.plant("relaties", naam="Kunde", vestigingsAdres={"landcode": "DE"})
    assert codes(books, invoice(books, klant={"id": german["id"]})) == []


def test_one_vocabulary_can_be_played(books: BooksClient) -> None:
    """With one vocabulary the kinds of line and document may be swapped."""
    books.sim("POST", "/settings", {"one_btw_vocabulary": True})
    body = invoice(books)
    body["boekingsregels"][0]["btwSoort"] = "VerkopenHoog"
    body["btw"][0]["btwSoort"] = "Hoog"
    assert codes(books, body) == []


def test_a_credit_invoice_is_the_same_with_negative_amounts(books: BooksClient) -> None:
    """Every amount negative books a credit invoice with a negative open balance."""
    body = plain(books, 8240, "-10.00")
    assert codes(books, body) == []
    assert books.open_balance("MWW1001") == Decimal("-10.00")


def test_an_invoice_can_be_replaced_and_removed(books: BooksClient) -> None:
    """PUT replaces a booking under its own number; DELETE removes it and frees the number."""
    body = invoice(books)
    key = books.call("POST", "/verkoopboekingen", body).json()["id"]
    assert codes(books, plain(books, 8240), f"/verkoopboekingen/{key}", "PUT") == []
    assert books.open_balance("MWW1001") == Decimal("10.00")
    assert books.call("DELETE", f"/verkoopboekingen/{key}").status_code == 200
    assert books.call("GET", f"/verkoopboekingen/{key}").status_code == 404
    assert codes(books, body) == []


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"naam": " "}, "REL-0007"),
        ({"naam": "x" * 51}, "REL-0066"),
        ({"naamm": "x"}, "SIM-0001"),
        ({"relatiesoort": []}, "REL-0001"),
        ({"relatiesoort": ["Eigen"]}, "REL-0048"),
        ({"relatiecode": -1}, "REL-0008"),
        ({"email": "geen adres"}, "REL-0061"),
        ({"email": "a@b.nl;geen adres"}, "REL-0084"),
        ({"email": "a@" + "b" * 250 + ".nl"}, "REL-0085"),
        ({"iban": "NL00BANK0123456789"}, "REL-0011"),
        ({"websiteUrl": "geen url"}, "REL-0015"),
        ({"telefoon": "0" * 26}, "REL-0013"),
        ({"kvkNummer": "1" * 13}, "REL-0006"),
        ({"btwNummer": "N"}, "REL-0058"),
        ({"btwNummer": "NL 123"}, "REL-0059"),
        ({"btwNummer": "NL123456789B01"}, "REL-0088"),
        ({"btwNummer": "US123456789"}, "REL-0088"),
        ({"vestigingsAdres": {"straat": "Dorp 1"}}, "REL-0060"),
        ({"factuurEmailVersturen": {"shouldSend": True}}, "REL-0032"),
        ({"factuurEmailVersturen": {"shouldSend": False, "email": "nee"}}, "REL-0033"),
    ],
)
def test_one_bad_field_refuses_the_whole_relation(books: BooksClient, values: dict[str, object], code: str) -> None:
    """A relation with one bad optional field is refused as a whole."""
    before = len(books.books()["relaties"])
    assert codes(books, {"relatiesoort": ["Klant"], "naam": "Jan"} | values, "/relaties")[:1] == [code]
    assert len(books.books()["relaties"]) == before


def test_a_vat_number_belongs_to_the_country_of_the_address(books: BooksClient) -> None:
    """A Dutch VAT number on a Belgian address is refused, on a Dutch one it is taken."""
    adres = {"straat": "Dorp 1", "postcode": "1000AA", "plaats": "Ede", "land": {"id": books.land("BE")}}
    body = {"relatiesoort": ["Klant"], "naam": "Jan", "btwNummer": "NL123456782B90", "vestigingsAdres": adres}
    assert codes(books, body, "/relaties") == ["REL-0087"]
    assert codes(books, body | {"vestigingsAdres": adres | {"land": {"id": books.land("NL")}}}, "/relaties") == []


def test_put_replaces_the_whole_relation(books: BooksClient) -> None:
    """What a PUT leaves out is emptied, and the index on e-mail follows."""
    key = books.klant(email="jan@voorbeeld.nl", telefoon="0101234567")
    answer = books.call("PUT", f"/relaties/{key}", {"relatiesoort": ["Klant"], "naam": "Jan"})
    assert answer.json()["telefoon"] is None
    assert books.rows("/relaties", filter="Email eq 'jan@voorbeeld.nl'") == []
