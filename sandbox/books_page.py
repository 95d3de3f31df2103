"""The page to look at: one administration as a person would want to see it, in Dutch."""

from collections import defaultdict
from decimal import Decimal
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from sandbox.books_control import dump
from sandbox.books_gate import Simulator
from sandbox.books_state import Administration
from sandbox.books_wire import RefusedError, Row, now

_ZERO = Decimal("0.00")
_MOST_ROWS = 200  # the page shows the newest; the whole is under /_sim/books

# Boxes of the Dutch VAT return, by line kind, else by the function of the account.
_BY_KIND = {
    "Hoog": "1a Leveringen hoog tarief",
    "Laag": "1b Leveringen laag tarief",
    "Overig": "1c Overige tarieven",
}
_BY_FUNCTION = {
    "VerkopenOmzetOnbelastVerlegd": "1e Nultarief of niet bij u belast",
    "VerkopenBtwVrij": "1e Nultarief of niet bij u belast",
    "VerkopenExportBuitenEU": "3a Leveringen buiten de EU",
    "VerkopenExportBinnenEU": "3b Leveringen binnen de EU",
    "DienstverleningBinnenEU": "3b Leveringen binnen de EU",
    "InstallatieTeleverkoopBinnenEUgeen": "3c Afstandsverkopen binnen de EU (OSS)",
}
_OUTSIDE = "Buiten de aangifte"
_VAT_KINDS = {"VerkopenHoog": "Hoog", "VerkopenLaag": "Laag", "VerkopenOverig": "Overig"}


def euro(amount: Decimal) -> str:
    """An amount as the Dutch write it: € 1.234,50."""
    text = f"{abs(amount):,.2f}".translate(str.maketrans(",.", ".,"))
    return f"{'−' if amount < 0 else ''}€ {text}"  # noqa: RUF001 - a real minus sign, for the eye


def _state(invoice: Row) -> str:
    open_balance = invoice["openstaandSaldo"]
    if not open_balance:
        return "betaald"
    overpaid = open_balance < 0 < invoice["factuurbedrag"] or invoice["factuurbedrag"] < 0 < open_balance
    return "te veel betaald" if overpaid else "open"


def vat_return(invoices: list[Row]) -> list[Row]:
    """Revenue and VAT per box of the return, boxes in order."""
    revenue: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    vat: dict[str, Decimal] = defaultdict(lambda: _ZERO)
    for invoice in invoices:
        for line in invoice["regels"]:
            box = _BY_KIND.get(line["btwSoort"]) or _BY_FUNCTION.get(line["grootboekfunctie"], _OUTSIDE)
            revenue[box] += line["bedrag"]
        for entry in invoice["btw"]:
            if entry["btwSoort"] in _VAT_KINDS:
                vat[_BY_KIND[_VAT_KINDS[entry["btwSoort"]]]] += entry["btwBedrag"]
    boxes = sorted(revenue.keys() | vat.keys(), key=lambda box: (box == _OUTSIDE, box))
    return [{"rubriek": box, "omzet": revenue[box], "btw": vat[box]} for box in boxes]


def _per_account(books: Administration, invoices: list[Row]) -> list[Row]:
    totals: dict[int, Decimal] = defaultdict(lambda: _ZERO)
    for invoice in invoices:
        for line in invoice["regels"]:
            totals[line["grootboek"]] += line["bedrag"]
    names = {row["nummer"]: row["omschrijving"] for row in books.grootboeken.values()}
    return [{"nummer": n, "omschrijving": names[n], "bedrag": totals[n]} for n in sorted(totals)]


def _per_journal(books: Administration, document: Row) -> list[Row]:
    totals: dict[int, Decimal] = defaultdict(lambda: _ZERO)
    for row in (*document["bankboekingen"], *document["kasboekingen"]):
        totals[row["dagboeknummer"]] += row["bedragOntvangen"] - row["bedragUitgegeven"]
    names = {row["nummer"]: row["omschrijving"] for row in books.dagboeken.values()}
    return [{"nummer": n, "omschrijving": names[n], "bedrag": totals[n]} for n in sorted(totals)]


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["euro"] = euro
    made.filters["dag"] = lambda at: at.strftime("%d-%m-%Y")
    return made


def render(books: Administration) -> str:
    """The page of one administration."""
    document = dump(books)
    invoices: list[Row] = document["invoices"]
    countries = {row["id"]: row["naam"] for row in books.landen.values()}
    counted: dict[str, int] = defaultdict(int)
    for invoice in invoices:
        invoice["stand"] = _state(invoice)
        counted[invoice["klant"]["id"]] += 1
    klanten = [
        row | {"facturen": counted[row["id"]], "landnaam": countries.get(_land(row), "Nederland")}
        for row in document["relaties"]
        if "Klant" in row["relatiesoort"] and row["relatiecode"] > 0
    ]
    return (
        _environment()
        .get_template("administratie.html")
        .render(
            naam=books.naam,
            tijd=now().strftime("%H:%M:%S"),
            facturen=invoices[::-1][:_MOST_ROWS],
            aantal=len(invoices),
            gefactureerd=sum((row["factuurbedrag"] for row in invoices), _ZERO),
            openstaand=sum((row["openstaandSaldo"] for row in invoices), _ZERO),
            klanten=klanten[::-1][:_MOST_ROWS],
            aantal_klanten=len(klanten),
            rekeningen=_per_account(books, invoices),
            dagboeken=_per_journal(books, document),
            aangifte=vat_return(invoices),
        )
    )


def _land(relatie: Row) -> str:
    adres = relatie["vestigingsAdres"] or {}
    return str((adres.get("land") or {}).get("id"))


def routes(sim: Simulator) -> list[Route]:
    """The index at / and a page per administration."""

    async def index(_: Request) -> HTMLResponse:
        template = _environment().get_template("administraties.html")
        return HTMLResponse(template.render(administraties=list(sim.books.administrations.values())))

    async def page(request: Request) -> HTMLResponse:
        try:
            return HTMLResponse(render(sim.books.find(request.path_params["id"])))
        except RefusedError:
            return HTMLResponse("Deze administratie bestaat niet.", 404)

    return [Route("/", index), Route("/administratie/{id}", page)]
