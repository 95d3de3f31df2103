"""Reading from the simulated SnelStart: filters, pages, reference data and what it does not have."""

import pytest

from sandbox.books_run import BooksClient


def test_a_filter_finds_what_it_says(books: BooksClient) -> None:
    """Comparisons, and, or, parentheses, quotes doubled, dates, ids, booleans and any() all hold."""
    brien = books.plant("relaties", naam="O'Brien", email="a@b.nl")["id"]
    gone = books.plant("relaties", naam="Weg", email="a@b.nl", nonactief=True)["id"]

    def found(text: str) -> set[str]:
        return {row["id"] for row in books.rows("/relaties", filter=text)}

    assert found("Naam eq 'O''Brien'") == {brien}
    assert found("Email eq 'a@b.nl' and Nonactief eq false") == {brien}
    assert found("Email eq 'a@b.nl' and (Naam eq 'Weg' or Naam eq 'x')") == {gone}
    assert found(f"Id eq guid'{gone}'") == {gone}
    assert found("Relatiecode ge 10000 and ModifiedOn gt datetime'2026-01-01T00:00:00'") == {brien, gone}
    assert found("ModifiedOn lt datetime'2026-01-01T00:00:00'") == set()
    assert len(found("Relatiesoort/any(r:r eq 'Eigen')")) == 1
    assert brien not in found("Relatiecode lt 0")


@pytest.mark.parametrize(
    "text",
    [
        "email eq 'a@b.nl'",
        "Emailadres eq 'a'",
        "Email eq 'o'brien'",
        "Email = 'a'",
        "Email eq",
        "Email eq 1",
        "Email eq null",
        "Email eq 'a' or",
        "(Email eq 'a'",
        "Relatiesoort eq 'Klant'",
        "Id eq 'x'",
        "Id eq guid'x'",
        "ModifiedOn gt '2026-01-01'",
        "substringof('a',Email)",
        "startswith(Email,'a')",
        "VestigingsAdres/Plaats eq 'Ede'",
        " ",
    ],
)
def test_a_filter_it_does_not_understand_is_refused(books: BooksClient, text: str) -> None:
    """Anything outside the documented filters, lowerCamelCase names included, answers 400 with a Message."""
    answer = books.call("GET", "/relaties", filter=text)
    assert answer.status_code == 400
    assert "ALG-0104" in answer.json()["Message"]


def test_a_bad_filter_can_be_answered_as_a_list(books: BooksClient) -> None:
    """Which body a bad filter gets can be played the other way."""
    books.sim("POST", "/settings", {"odata_error_as_list": True})
    assert books.call("GET", "/relaties", filter="X eq 1").json()[0]["errorCode"] == "ALG-0104"


def test_email_compares_with_or_without_case(books: BooksClient) -> None:
    """E-mail is compared with case, unless the setting says otherwise."""
    books.plant("relaties", naam="A", email="Jan@Voorbeeld.nl")
    assert books.rows("/relaties", filter="Email eq 'jan@voorbeeld.nl'") == []
    books.sim("POST", "/settings", {"email_case_sensitive": False})
    assert len(books.rows("/relaties", filter="Email eq 'jan@voorbeeld.nl'")) == 1


def test_pages_have_no_metadata(books: BooksClient) -> None:
    """$top and $skip cut a bare list; more than 500 at a time is refused."""
    whole = books.rows("/grootboeken")
    assert 200 < len(whole) < 260
    assert books.rows("/grootboeken", top="10", skip="5") == whole[5:15]
    assert books.rows("/grootboeken", skip="1000") == []
    assert books.call("GET", "/grootboeken", top="501").status_code == 400
    assert books.call("GET", "/grootboeken", orderby="Nummer").status_code == 400


@pytest.mark.parametrize("path", ["/landen", "/dagboeken"])
def test_some_lists_ignore_a_filter(books: BooksClient, path: str) -> None:
    """Countries and journals answer everything, whatever the filter says."""
    assert len(books.rows(path, filter="Onzin eq 1")) == len(books.rows(path)) > 5


def test_the_chart_has_the_accounts_that_matter(books: BooksClient) -> None:
    """The default chart carries the documented numbers with their functions and kinds."""
    chart = {row["nummer"]: row for row in books.rows("/grootboeken")}
    known = {
        8200: ("VerkopenOmzetHoog", ["Hoog"]),
        8210: ("VerkopenOmzetLaag", ["Laag"]),
        8240: ("VerkopenOmzetOnbelastVerlegd", ["Geen"]),
        8250: ("VerkopenOmzetOnbelastVerlegd", ["Geen"]),
        8300: ("VerkopenExportBinnenEU", ["Geen"]),
        8310: ("VerkopenExportBuitenEU", ["Geen"]),
        1200: ("Kruisposten", ["Geen"]),
        8500: ("Betalingskorting", ["Geen"]),
    }
    assert {n: (chart[n]["grootboekfunctie"], chart[n]["btwSoort"]) for n in known} == known
    oss = [r for r in chart.values() if r["grootboekfunctie"] == "InstallatieTeleverkoopBinnenEUgeen"]
    assert {row["vatRateCode"] for row in oss} == {"SR", "RRH", "RRL", "PR", "SRR"}
    journals = {row["nummer"]: row["soort"] for row in books.rows("/dagboeken")}
    assert journals.items() >= {1000: "Kas", 1100: "Bank", 1103: "Bank", 1104: "Bank", 1300: "Verkoop"}.items()
    assert set(journals.values()) == {"Kas", "Bank", "Verkoop", "Inkoop", "Memoriaal", "Balans"}


def test_sales_bookings_have_no_list(books: BooksClient) -> None:
    """GET on the collection of sales bookings is refused; those of a customer can be read."""
    booking = books.plant("invoices", factuurnummer="1")
    assert books.call("GET", "/verkoopboekingen").status_code == 405
    assert books.call("GET", "/nietbestaand").status_code == 404
    mine = books.rows(f"/relaties/{booking['klant']['id']}/verkoopboekingen")
    assert [row["id"] for row in mine] == [booking["id"]]


def test_two_administrations_share_nothing(books: BooksClient) -> None:
    """Ids and books of one administration mean nothing in another."""
    other = books.other(naam="Tweede")
    books.plant("invoices", factuurnummer="1")
    assert other.rows("/verkoopfacturen") == []
    assert other.grootboek(8200) != books.grootboek(8200)
    assert other.call("GET", f"/grootboeken/{books.grootboek(8200)}").status_code == 404
    assert other.call("GET", "/companyInfo").json()["administratieNaam"] == "Tweede"
    other.close()


def test_the_page_shows_the_books_in_dutch(books: BooksClient) -> None:
    """The page of an administration shows invoice, customer and open balance, with text escaped."""
    klant = books.plant("relaties", naam="<b>Jan</b>", email="jan@voorbeeld.nl")["id"]
    books.plant("invoices", factuurnummer="MWW7", bedrag="1234.50", klant=klant)
    page = books.page()
    assert "MWW7" in page
    assert "€ 1.234,50" in page
    assert "&lt;b&gt;Jan" in page
    assert "1e Nultarief" in page
