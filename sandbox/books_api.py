"""The simulated API under /v2: which call needs which scope, and what it does."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from sandbox import books_mutations, books_payments, books_rates, books_relations, books_rules, odata
from sandbox.books_state import Administration, Settings
from sandbox.books_wire import RefusedError, Row, Violation, loads, not_found

PAGE = 500
_TEXT_OPTIONS = frozenset({"$filter", "$top", "$skip"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call past the gate: whose books, with which id in the path, query and body."""

    books: Administration
    settings: Settings
    id: str
    query: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: the scopes it needs and what it does; `run` answers (status, JSON)."""

    scopes: tuple[str, ...]
    run: Callable[[Call], tuple[int, object]]


def _schema(**kinds: odata.Kind) -> dict[str, odata.Kind]:
    return {name[0].upper() + name[1:]: kind for name, kind in kinds.items()}


_RELATIES = _schema(
    id="guid",
    modifiedOn="moment",
    relatiesoort="list",
    relatiecode="number",
    naam="text",
    telefoon="text",
    mobieleTelefoon="text",
    email="text",
    btwNummer="text",
    nonactief="bool",
    memo="text",
    kvkNummer="text",
    websiteUrl="text",
    iban="text",
    bic="text",
)
_GROOTBOEKEN = _schema(
    id="guid",
    modifiedOn="moment",
    omschrijving="text",
    kostenplaatsVerplicht="bool",
    rekeningCode="text",
    nonactief="bool",
    nummer="number",
    grootboekfunctie="text",
    vatRateCode="text",
)
_FACTUREN = _schema(
    id="guid",
    modifiedOn="moment",
    openstaandSaldo="number",
    factuurnummer="text",
    vervalDatum="moment",
    factuurDatum="moment",
    factuurBedrag="number",
)
_GELDBOEKINGEN = _schema(
    id="guid",
    modifiedOn="moment",
    datum="moment",
    markering="bool",
    boekstuk="text",
    omschrijving="text",
    bedragUitgegeven="number",
    bedragOntvangen="number",
)
_MUTATIES = _schema(
    id="guid",
    datum="moment",
    modifiedOn="moment",
    omschrijving="text",
    debet="number",
    credit="number",
    saldo="number",
    boekstuk="text",
    factuurNummer="text",
)
_VATRATES = _schema(countryCode="text")


def _bad_filter(settings: Settings, why: str) -> RefusedError:
    if settings.odata_error_as_list:
        return RefusedError(400, [Violation("ALG-0104", why).body()])
    return RefusedError(400, {"Message": f"ALG-0104: Ongeldig OData filter: {why}"})


def _options(call: Call) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(call.query, keep_blank_values=True):
        if name.startswith("$") and (name not in _TEXT_OPTIONS or name in found):
            raise _bad_filter(call.settings, f"the query option {name} is not allowed")
        found[name] = value
    return found


def _whole(call: Call, options: dict[str, str], name: str, default: int, most: int | None) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\d{1,9}", text) or (most is not None and int(text) > most):
        raise _bad_filter(call.settings, f"invalid value for {name}")
    return int(text)


def _page(
    call: Call,
    kinds: dict[str, odata.Kind],
    rows: Iterable[Row],
    start: Callable[[odata.Filter], Iterable[Row] | None] = lambda _: None,
    caseless: frozenset[str] = frozenset(),
) -> tuple[int, object]:
    """One page of a collection: `$filter`, then `$skip`, then `$top` (500 at most and by default), no metadata."""
    options = _options(call)
    top = _whole(call, options, "$top", PAGE, PAGE)
    skip = _whole(call, options, "$skip", 0, None)
    if "$filter" in options:
        try:
            parsed = odata.parse(options["$filter"], odata.Schema(kinds, caseless))
        except odata.FilterError as error:
            raise _bad_filter(call.settings, str(error)) from None
        candidates = start(parsed)
        rows = [row for row in (rows if candidates is None else candidates) if parsed.matches(row)]
    return 200, list(rows)[skip : skip + top]


def _relaties(call: Call) -> tuple[int, object]:
    books = call.books

    def by_email(parsed: odata.Filter) -> Iterable[Row] | None:
        wanted = dict(parsed.equalities).get("Email")
        if wanted is None:
            return None
        return [books.relaties[key] for key in books.by_email.get(str(wanted).casefold(), ())]

    caseless = frozenset[str]() if call.settings.email_case_sensitive else frozenset({"Email"})
    return _page(call, _RELATIES, books.relaties.values(), by_email, caseless)


def _verkoopfacturen(call: Call) -> tuple[int, object]:
    books = call.books

    def by_number(parsed: odata.Filter) -> Iterable[Row] | None:
        wanted = dict(parsed.equalities).get("Factuurnummer")
        if wanted is None:
            return None
        return [books.verkoopfacturen[key] for key in books.by_number.get(str(wanted).casefold(), ())]

    caseless = frozenset[str]() if call.settings.factuurnummer_case_sensitive else frozenset({"Factuurnummer"})
    return _page(call, _FACTUREN, books.verkoopfacturen.values(), by_number, caseless)


def _one(rows: dict[str, Row], call: Call) -> tuple[int, object]:
    found = rows.get(call.id)
    if found is None:
        raise not_found()
    return 200, found


def _one_factuur(call: Call) -> tuple[int, object]:
    return _one({row["id"]: row for row in call.books.verkoopfacturen.values()}, call)


def _mutations(call: Call) -> tuple[int, object]:
    return _page(call, _MUTATIES, books_mutations.mutations(call.books, call.settings))


def _one_mutation(call: Call) -> tuple[int, object]:
    return _one({row["id"]: row for row in books_mutations.mutations(call.books, call.settings)}, call)


def _of_relatie(call: Call) -> tuple[int, object]:
    if call.id not in call.books.relaties:
        raise not_found()
    return 200, [row for row in call.books.verkoopboekingen.values() if row["klant"]["id"] == call.id]


def _deleting(run: Callable[[Call], None]) -> Callable[[Call], tuple[int, object]]:
    """A delete that is not refused answers 200 with an empty body."""

    def answer(call: Call) -> tuple[int, object]:
        run(call)
        return 200, None

    return answer


def _put_company_info(call: Call) -> tuple[int, object]:
    """Only factureerBuitenlandsBtw can be changed, as SnelStart documents."""
    body = loads(call.body)
    if not isinstance(body, dict) or not isinstance(body.get("factureerBuitenlandsBtw"), bool):
        raise RefusedError(400, [Violation("SIM-0002", "factureerBuitenlandsBtw").body()])
    call.books.options.foreign_vat = body["factureerBuitenlandsBtw"]
    return 200, call.books.company_info(call.settings)


_BH_READ, _BH_WRITE = ("boekhouden:read",), ("boekhouden:write",)
_REL_READ, _REL_WRITE = ("relaties:read",), ("relaties:write",)
_SETTINGS = ("settings:read",)

ROUTES: dict[str, dict[str, Route]] = {
    "/relaties": {
        "GET": Route(_REL_READ, _relaties),
        "POST": Route(_REL_WRITE, lambda c: (201, books_relations.create(c.books, loads(c.body), c.settings))),
    },
    "/relaties/{id}": {
        "GET": Route(_REL_READ, lambda c: _one(c.books.relaties, c)),
        "PUT": Route(_REL_WRITE, lambda c: (200, books_relations.replace(c.books, c.id, loads(c.body), c.settings))),
        "DELETE": Route(_REL_WRITE, _deleting(lambda c: books_relations.delete(c.books, c.id))),
    },
    "/relaties/{id}/verkoopboekingen": {"GET": Route((*_REL_READ, *_BH_READ), _of_relatie)},
    # No GET on the collection: SnelStart has no list of verkoopboekingen, it answers 405.
    "/verkoopboekingen": {
        "POST": Route(_BH_WRITE, lambda c: (201, books_rules.create(c.books, c.settings, loads(c.body)))),
    },
    "/verkoopboekingen/{id}": {
        "GET": Route(_BH_READ, lambda c: _one(c.books.verkoopboekingen, c)),
        "PUT": Route(_BH_WRITE, lambda c: (200, books_rules.replace(c.books, c.settings, c.id, loads(c.body)))),
        "DELETE": Route(_BH_WRITE, _deleting(lambda c: books_rules.delete(c.books, c.id))),
    },
    "/verkoopfacturen": {"GET": Route(("orders:read",), _verkoopfacturen)},
    "/verkoopfacturen/{id}": {"GET": Route(("orders:read",), _one_factuur)},
    "/bankboekingen": {
        "GET": Route(("bankieren:read",), lambda c: _page(c, _GELDBOEKINGEN, c.books.bankboekingen.values())),
        "POST": Route(("bankieren:write",), lambda c: (201, books_payments.create(c.books, "Bank", loads(c.body)))),
    },
    "/bankboekingen/{id}": {
        "GET": Route(("bankieren:read",), lambda c: _one(c.books.bankboekingen, c)),
        "PUT": Route(
            ("bankieren:write",), lambda c: (200, books_payments.replace(c.books, "Bank", c.id, loads(c.body)))
        ),
        "DELETE": Route(("bankieren:write",), _deleting(lambda c: books_payments.delete(c.books, "Bank", c.id))),
    },
    "/kasboekingen": {
        "GET": Route(("kas:read",), lambda c: _page(c, _GELDBOEKINGEN, c.books.kasboekingen.values())),
        "POST": Route(("kas:write",), lambda c: (201, books_payments.create(c.books, "Kas", loads(c.body)))),
    },
    "/kasboekingen/{id}": {
        "GET": Route(("kas:read",), lambda c: _one(c.books.kasboekingen, c)),
        "PUT": Route(("kas:write",), lambda c: (200, books_payments.replace(c.books, "Kas", c.id, loads(c.body)))),
        "DELETE": Route(("kas:write",), _deleting(lambda c: books_payments.delete(c.books, "Kas", c.id))),
    },
    "/grootboekmutaties": {"GET": Route(_BH_READ, _mutations)},
    "/grootboekmutaties/{id}": {"GET": Route(_BH_READ, _one_mutation)},
    "/grootboeken": {"GET": Route(_BH_READ, lambda c: _page(c, _GROOTBOEKEN, c.books.grootboeken.values()))},
    "/grootboeken/{id}": {"GET": Route(_BH_READ, lambda c: _one(c.books.grootboeken, c))},
    # Without OData: whatever the query says, these answer everything.
    "/dagboeken": {"GET": Route(_BH_READ, lambda c: (200, list(c.books.dagboeken.values())))},
    "/landen": {"GET": Route(_SETTINGS, lambda c: (200, list(c.books.landen.values())))},
    "/landen/{id}": {"GET": Route(_SETTINGS, lambda c: _one(c.books.landen, c))},
    "/btwtarieven": {"GET": Route(_SETTINGS, lambda c: (200, c.books.btwtarieven()))},
    "/kostenplaatsen": {"GET": Route(_SETTINGS, lambda c: (200, list(c.books.kostenplaatsen.values())))},
    "/kostenplaatsen/{id}": {"GET": Route(_SETTINGS, lambda c: _one(c.books.kostenplaatsen, c))},
    "/companyInfo": {
        "GET": Route(_SETTINGS, lambda c: (200, c.books.company_info(c.settings))),
        "PUT": Route(("settings:write",), _put_company_info),
    },
    "/vatrates": {"GET": Route(_SETTINGS, lambda c: _page(c, _VATRATES, books_rates.vatrates()))},
}

_ID = re.compile(r"/([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?=/|$)")


def find(method: str, path: str) -> tuple[Route, str]:
    """The operation behind a path under /v2, and the id in it. Raises RefusedError 404 or 405."""
    found = _ID.search(path)
    known = ROUTES.get(_ID.sub("/{id}", path))
    if known is None:
        raise RefusedError(404, {"Message": "No HTTP resource was found that matches the request URI."})
    route = known.get(method)
    if route is None:
        raise RefusedError(405, {"Message": f"The requested resource does not support http method '{method}'."})
    return route, found[1].lower() if found else ""
