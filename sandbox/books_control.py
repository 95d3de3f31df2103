"""The control API under /_sim: make administrations, plant things and faults, count calls, read the books out."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from decimal import Decimal
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import books_chart, books_payments, books_rules
from sandbox.books_gate import Simulator
from sandbox.books_state import (
    DEFAULT_SUBSCRIPTION_KEY,
    Administration,
    Books,
    Options,
    new_administration,
    new_relatie,
    update,
)
from sandbox.books_traffic import Gate, new_fault
from sandbox.books_wire import RefusedError, Row, as_text, loads, now

_ZERO_VAT_ACCOUNT = 8240

type Handler = Callable[[Request], Awaitable[object]]


def _bad(why: str) -> RefusedError:
    return RefusedError(400, {"error": why})


async def json_body(request: Request) -> Row:
    """The JSON object a control call carries. Raises RefusedError 400 for anything else."""
    raw = await request.body()
    values = loads(raw) if raw.strip() else {}
    if not isinstance(values, dict):
        raise _bad("a JSON object was expected")
    return values


def answering(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A control handler as a page: what it returns as JSON, what is wrong with the call as 400."""

    async def answer(request: Request) -> Response:
        try:
            return JSONResponse(as_text(await handler(request)))
        except RefusedError as refused:
            return JSONResponse(refused.body, refused.status)
        except (KeyError, TypeError, ValueError) as error:
            return JSONResponse({"error": f"a field is missing or wrong: {type(error).__name__} {error}"}, 400)

    return answer


def dump(books: Administration) -> Row:
    """The whole books as one document, amounts and dates as text."""
    chart, payments = books.grootboeken, _payments(books)
    invoices = []
    for key, row in books.verkoopboekingen.items():
        factuur = books.verkoopfacturen[key]
        klant = books.relaties[row["klant"]["id"]]
        invoices.append(
            {
                **{name: row[name] for name in ("id", "factuurnummer", "factuurdatum", "omschrijving", "boekstuk")},
                **{name: row[name] for name in ("markering", "betalingstermijn", "factuurbedrag", "btw")},
                "openstaandSaldo": factuur["openstaandSaldo"],
                "vervalDatum": factuur["vervalDatum"],
                "verkoopfactuur_id": factuur["id"],
                "klant": {name: klant[name] for name in ("id", "naam", "email", "btwNummer")},
                "regels": [
                    {
                        "omschrijving": line["omschrijving"],
                        "grootboek": chart[line["grootboek"]["id"]]["nummer"],
                        "grootboekfunctie": chart[line["grootboek"]["id"]]["grootboekfunctie"],
                        "kostenplaats": books.kostenplaatsen[line["kostenplaats"]["id"]]["nummer"]
                        if line["kostenplaats"]
                        else None,
                        "bedrag": line["bedrag"],
                        "btwSoort": line["btwSoort"],
                    }
                    for line in row["boekingsregels"]
                ],
                "betalingen": payments.get(key, []),
            }
        )
    return {
        "administration": str(books.id),
        "naam": books.naam,
        "invoices": invoices,
        "relaties": list(books.relaties.values()),
        "bankboekingen": [_with_journal(books, row) for row in books.bankboekingen.values()],
        "kasboekingen": [_with_journal(books, row) for row in books.kasboekingen.values()],
    }


def _with_journal(books: Administration, row: Row) -> Row:
    return row | {"dagboeknummer": books.dagboeken[row["dagboek"]["id"]]["nummer"]}


def _payments(books: Administration) -> dict[str, list[Row]]:
    """Payments per sales booking: booking id, journal number, date, and the amount (negative for a refund)."""
    found: dict[str, list[Row]] = {}
    for booking in (*books.bankboekingen.values(), *books.kasboekingen.values()):
        for line in booking["verkoopboekingBoekingsRegels"]:
            found.setdefault(line["boekingId"]["id"], []).append(
                {
                    "id": booking["id"],
                    "dagboek": books.dagboeken[booking["dagboek"]["id"]]["nummer"],
                    "datum": booking["datum"],
                    "bedrag": line["credit"] - line["debet"],
                }
            )
    return found


def _summary(books: Administration) -> Row:
    return {"id": str(books.id), "naam": books.naam, "page": f"/administratie/{books.id}", **asdict(books.options)}


class Control:
    """The handlers of /_sim, over one simulator."""

    def __init__(self, sim: Simulator) -> None:
        self._sim = sim

    def routes(self) -> list[Route]:
        """The control API's routes."""
        table: list[tuple[str, str, Handler]] = [
            ("POST", "/reset", self.reset),
            ("GET", "/administrations", self.administrations),
            ("POST", "/administrations", self.add),
            ("POST", "/administrations/{id}", self.change),
            ("POST", "/subscription-key", self.subscription_key),
            ("GET", "/settings", self.settings),
            ("POST", "/settings", self.change_settings),
            ("POST", "/tokens/expire", self.expire),
            ("GET", "/faults", self.faults),
            ("POST", "/faults", self.plant_fault),
            ("DELETE", "/faults", self.forget_faults),
            ("POST", "/late", self.commit_late),
            ("GET", "/calls", self.calls),
            ("POST", "/calls/reset", self.reset_calls),
            ("GET", "/books", self.read_books),
            ("POST", "/relaties", self.plant_relatie),
            ("POST", "/invoices", self.plant_invoice),
            ("POST", "/bookings", self.plant_bookings),
            ("POST", "/accountant", self.accountant),
            ("POST", "/grootboeken", self.plant_grootboek),
            ("POST", "/dagboeken", self.plant_dagboek),
            ("POST", "/kostenplaatsen", self.plant_kostenplaats),
        ]
        return [Route(f"/_sim{path}", answering(run), methods=[method]) for method, path, run in table]

    def _named(self, values: Row) -> Administration:
        return self._sim.books.find(str(values.pop("administration", "")))

    async def reset(self, _: Request) -> object:
        """Forget everything; connections and commits under way end with what they were."""
        for task in self._sim.late:
            task.cancel()
        self._sim.books, self._sim.gate = Books(), Gate()
        return {"reset": True, "subscription_key": DEFAULT_SUBSCRIPTION_KEY}

    async def administrations(self, _: Request) -> object:
        """Every administration, without its key."""
        return [_summary(books) for books in self._sim.books.administrations.values()]

    async def add(self, request: Request) -> object:
        """A fresh administration; a koppelsleutel is made when none is given."""
        values = await json_body(request)
        naam = str(values.pop("naam", "Winkel"))
        koppelsleutel = str(values.pop("koppelsleutel", "") or secrets.token_urlsafe(32))
        if any(known.koppelsleutel == koppelsleutel for known in self._sim.books.administrations.values()):
            raise _bad("this koppelsleutel is taken")
        options = Options()
        update(options, values)
        made = new_administration(naam, koppelsleutel, options)
        self._sim.books.administrations[str(made.id)] = made
        return _summary(made) | {"koppelsleutel": koppelsleutel}

    async def change(self, request: Request) -> object:
        """Change options, the name or the koppelsleutel of an administration; tokens given out stay valid."""
        books = self._sim.books.find(request.path_params["id"])
        values = await json_body(request)
        books.naam = str(values.pop("naam", books.naam))
        koppelsleutel = str(values.pop("koppelsleutel", books.koppelsleutel))
        update(books.options, values)
        books.koppelsleutel = koppelsleutel
        return _summary(books)

    async def subscription_key(self, request: Request) -> object:
        """The one subscription key that is accepted."""
        self._sim.books.subscription_key = str((await json_body(request))["key"])
        return {"set": True}

    async def settings(self, _: Request) -> object:
        """How the simulator answers."""
        return asdict(self._sim.books.settings)

    async def change_settings(self, request: Request) -> object:
        """Change how the simulator answers."""
        update(self._sim.books.settings, await json_body(request))
        return asdict(self._sim.books.settings)

    async def expire(self, request: Request) -> object:
        """Make every token of an administration (or all) invalid at once."""
        whose = str((await json_body(request)).get("administration", ""))
        books = self._sim.books
        gone = [t for t, token in books.tokens.items() if whose in {"", str(token.administration.id)}]
        for token in gone:
            del books.tokens[token]
        return {"expired": len(gone)}

    async def faults(self, _: Request) -> object:
        """Planted faults with how often each struck."""
        return [asdict(fault) | {"seconds": str(fault.seconds)} for fault in self._sim.gate.faults]

    async def plant_fault(self, request: Request) -> object:
        """Plant a fault."""
        values = await json_body(request)
        if values.get("administration"):
            values["administration"] = str(self._sim.books.find(values["administration"]).id)
        fault = new_fault(values)
        self._sim.gate.faults.append(fault)
        return {"id": fault.id}

    async def forget_faults(self, _: Request) -> object:
        """Take every fault away."""
        self._sim.gate.faults.clear()
        return {"faults": 0}

    async def commit_late(self, _: Request) -> object:
        """Commit at once what is to be committed later (fault late-commit); how many that were."""
        late = list(self._sim.late)
        self._sim.hurry.set()
        await asyncio.gather(*late)
        self._sim.hurry.clear()
        return {"committed": len(late)}

    async def calls(self, request: Request) -> object:
        """Counts of one administration, or of all under their id ("" for callers nobody knows)."""
        gate, whose = self._sim.gate, request.query_params.get("administration")
        if whose is None:
            return {key: traffic.report() for key, traffic in gate.traffic.items()}
        return gate.of(str(self._sim.books.find(whose).id) if whose else "").report()

    async def reset_calls(self, _: Request) -> object:
        """Count anew."""
        self._sim.gate.forget_counts()
        return {"reset": True}

    async def read_books(self, request: Request) -> object:
        """The complete books of one administration."""
        return dump(self._sim.books.find(request.query_params.get("administration", "")))

    async def plant_relatie(self, request: Request) -> object:
        """A relation as it happens to be there, past all rules; `landcode` stands for the country's id."""
        values = await json_body(request)
        books = self._named(values)
        row = new_relatie(str(uuid4())) | {"relatiecode": books.free_relatiecode(), "relatiesoort": ["Klant"]}
        if not values.keys() <= row.keys():
            raise _bad("unknown field of a relation")
        adres = values.get("vestigingsAdres")
        if isinstance(adres, dict) and "landcode" in adres:
            land = next((r for r in books.landen.values() if r["landcode"] == adres["landcode"]), None)
            if land is None:
                raise _bad("unknown landcode")
            rest = {"contactpersoon": None} | {k: v for k, v in adres.items() if k != "landcode"}
            values["vestigingsAdres"] = rest | {"land": {"id": land["id"], "uri": land["uri"]}}
        books.put_relatie(row | values)
        return row | values

    async def plant_invoice(self, request: Request) -> object:
        """A stranger's invoice: `factuurnummer`, `bedrag` (no VAT), and a `klant` id or a new customer."""
        values = await json_body(request)
        books = self._named(values)
        klant = values.get("klant")
        if klant is None:
            row = new_relatie(str(uuid4()))
            row |= {"relatiecode": books.free_relatiecode(), "relatiesoort": ["Klant"], "naam": "Andere klant"}
            books.put_relatie(row)
            klant = row["id"]
        numbers = {row["nummer"]: key for key, row in books.grootboeken.items()}
        account = numbers[values.get("grootboek", _ZERO_VAT_ACCOUNT)]
        body = {
            "factuurnummer": values["factuurnummer"],
            "klant": {"id": klant},
            "factuurdatum": values.get("factuurdatum") or now().strftime("%Y-%m-%dT00:00:00"),
            "factuurbedrag": values.get("bedrag", "10.00"),
            "boekingsregels": [
                {"grootboek": {"id": account}, "bedrag": values.get("bedrag", "10.00"), "btwSoort": "Geen"}
            ],
            "btw": [],
        }
        return books_rules.create(books, self._sim.books.settings, body)

    async def plant_bookings(self, request: Request) -> object:
        """Many paid invoices at once: `bookings` of `invoice` and bank `payment` bodies; the ids of the invoices."""
        values = await json_body(request)
        books, ids = self._named(values), []
        for each in values["bookings"]:
            made = books_rules.create(books, self._sim.books.settings, each["invoice"])
            [line] = each["payment"]["verkoopboekingBoekingsRegels"]
            lines = [line | {"boekingId": {"id": made["id"]}}]
            books_payments.create(books, "Bank", each["payment"] | {"verkoopboekingBoekingsRegels": lines})
            ids.append(made["id"])
        return {"ids": ids}

    async def accountant(self, request: Request) -> object:
        """The accountant changes the booking with this `id`, of a sale or of money."""
        values = await json_body(request)
        books = self._named(values)
        for rows in (books.verkoopboekingen, books.bankboekingen, books.kasboekingen):
            if values["id"] in rows:
                rows[values["id"]] |= {"gewijzigdDoorAccountant": True, "modifiedOn": now()}
                return rows[values["id"]]
        raise _bad("unknown booking")

    async def plant_grootboek(self, request: Request) -> object:
        """Change the account with this `nummer` (nonactief, kostenplaatsVerplicht, …), add it or (`weg`) remove it."""
        values = await json_body(request)
        books = self._named(values)
        nummer = int(values.pop("nummer"))
        functie = str(values.get("grootboekfunctie", "Diversen"))
        new = books_chart.grootboek(books.id, nummer, str(values.get("omschrijving", nummer)), functie)
        return _upsert(books.grootboeken, new, values)

    async def plant_dagboek(self, request: Request) -> object:
        """Change the journal with this `nummer`, add it (`soort`, `omschrijving`) or (`weg`) remove it."""
        values = await json_body(request)
        books = self._named(values)
        nummer = int(values.pop("nummer"))
        soort = str(values.get("soort", "Bank"))
        return _upsert(books.dagboeken, books_chart.dagboek(books.id, nummer, f"Dagboek {nummer}", soort), values)

    async def plant_kostenplaats(self, request: Request) -> object:
        """Change the cost centre with this `nummer`, add it or (`weg`) remove it."""
        values = await json_body(request)
        books = self._named(values)
        nummer = int(values.pop("nummer"))
        return _upsert(
            books.kostenplaatsen, books_chart.kostenplaats(books.id, nummer, f"Kostenplaats {nummer}"), values
        )


def _upsert(rows: dict[str, Row], new: Row, values: Row) -> Row:
    """The row with these values, added when there was none; with `weg` true it is taken out."""
    if values.pop("weg", False):
        return rows.pop(new["id"])
    if not values.keys() <= new.keys() or any(isinstance(value, Decimal) for value in values.values()):
        raise _bad("unknown field")
    row = rows.get(new["id"], new) | values
    rows[new["id"]] = row
    return row
