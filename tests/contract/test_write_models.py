"""The fields we write, told from our source and from what was sent, against the vendors' write models."""

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from koppeling.snelstart import invoices, payments, relaties
from sandbox.books_shapes import SHAPES
from tests.contract.documents import Document
from tests.contract.exchanges import HIDDEN, Exchange, Recording

type Documents = dict[str, Document]


@dataclass(frozen=True)
class Writer:
    """A module of ours, the calls it writes with, and their models in the document."""

    source: str
    calls: tuple[str, ...]
    models: tuple[str, ...]


WRITERS: Final = (
    Writer(invoices.__file__, ("/verkoopboekingen",), ("VerkoopBoekingModel",)),
    Writer(payments.__file__, ("/bankboekingen", "/kasboekingen"), ("BankboekingModel", "KasboekingModel")),
    Writer(relaties.__file__, ("/relaties",), ("RelatieWriteModel",)),
)
SIMULATED: Final = {
    "verkoopboeking": "VerkoopBoekingModel",
    "verkoopregel": "VerkoopBoekingRegelModel",
    "btwregel": "VerkoopBoekingBtwRegelModel",
    "geldboeking": "BankboekingModel",
    "grootboekregel": "GrootboekBoekingsRegelModel",
    "betaalregel": "Kasboekingen.VerkoopBoekingVerantwoordingsRegelModel",
    "btwgeldregel": "BtwBoekingregelModel",
    "relatie": "RelatieWriteModel",
    "adres": "AdresModel",
    "email": "EmailVersturenModel",
}


def _written(source: str) -> set[str]:
    """The names a module puts into bodies: keys of its dictionaries and names it assigns under.

    Query options (`$filter`) go into no body.
    """
    names = set()
    for node in ast.walk(ast.parse(Path(source).read_text(encoding="utf-8"))):
        match node:
            case ast.Dict(keys=keys):
                names |= {key.value for key in keys if isinstance(key, ast.Constant)}
            case ast.Subscript(slice=ast.Constant(value=str(name)), ctx=ast.Store()):
                names.add(name)
            case ast.Call(func=ast.Attribute(attr="_checked"), args=[_, ast.Constant(value=str(name)), *_]):
                names.add(name)
    return {name for name in names if isinstance(name, str) and not name.startswith("$")}


def _names(body: Any) -> Iterator[str]:  # noqa: ANN401 -- any JSON
    if isinstance(body, dict):
        yield from body
        for value in body.values():
            yield from _names(value)
    if isinstance(body, list):
        for item in body:
            yield from _names(item)


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.models[0])
def test_every_name_in_our_source_is_one_the_write_models_know(writer: Writer, documented: Documents) -> None:
    """No branch of ours, however seldom taken, writes a field that SnelStart would drop without a word."""
    for model in writer.models:
        assert _written(writer.source) - documented["snelstart"].names(model) == set()


@pytest.mark.parametrize("writer", WRITERS, ids=lambda writer: writer.models[0])
def test_every_name_in_our_source_was_sent(writer: Writer, recording: Recording) -> None:
    """The journey fills every field we can fill, so that each was checked for its kind and length as well."""
    sent = {
        name
        for exchange in recording.exchanges
        if exchange.ours and exchange.method == "POST" and exchange.path in writer.calls
        for name in _names(json.loads(exchange.body))
    }
    assert sent == _written(writer.source)


@pytest.mark.parametrize(("shape", "model"), SIMULATED.items(), ids=SIMULATED)
def test_the_simulated_snelstart_takes_the_documents_fields(shape: str, model: str, documented: Documents) -> None:
    """It refuses what is in no write model, and nothing that is."""
    assert SHAPES[shape].keys() == documented["snelstart"].schema(model)["properties"].keys()


def _relatie(**changes: object) -> dict[str, object]:
    return {"relatiesoort": ["Klant"], "naam": "Jip", "factuurEmailVersturen": {"shouldSend": False}} | changes


def _invoice(**changes: object) -> dict[str, object]:
    line = {"grootboek": {"id": "af88e19b-a57b-4aae-a92b-f7078454d1e3"}, "bedrag": 1, "btwSoort": "Hoog"}
    return {"factuurnummer": "1", "klant": {}, "boekingsregels": [line], "btw": []} | changes


SOUND: Final = Exchange(
    api="snelstart",
    method="POST",
    path="/relaties",
    query=(),
    headers=httpx.Headers({"content-type": "application/json", "ocp-apim-subscription-key": HIDDEN}),
    body=json.dumps(_relatie()).encode(),
    ours=True,
)
_LIST: Final = replace(SOUND, api="mijnwebwinkel", method="GET", path="/v1/orders", body=b"")
_TOKENS: Final = (("token", HIDDEN), ("partner_token", HIDDEN))


@pytest.mark.parametrize(
    ("path", "body", "at", "rule"),
    [
        ("/relaties", _relatie(naamm="Jip"), "", "unknown property"),
        ("/relaties", _relatie(factuurEmailVersturen={"send": False}), "factuurEmailVersturen", "unknown property"),
        ("/relaties", _relatie(naam="J" * 51), "naam", "maxLength"),
        ("/relaties", _relatie(relatiecode="1"), "relatiecode", "type"),
        ("/relaties", _relatie(email=None), "email", "type"),
        ("/verkoopboekingen", _invoice(uri="/x"), "uri", "readOnly"),
        ("/verkoopboekingen", _invoice(klant=None), "klant", "type"),
        ("/verkoopboekingen", {"factuurnummer": "1"}, "", "required"),
        ("/verkoopboekingen", _invoice(btw=[{"btwSoort": "Hoog"}]), "btw[].btwSoort", "enum"),
        ("/verkoopboekingen", _invoice(factuurdatum="2026-11-23"), "factuurdatum", "format"),
        ("/verkoopboekingen", _invoice(factuurdatum="2026-11-23T00:00:00Z"), "factuurdatum", "format"),
        ("/verkopen", _invoice(), "", "call"),
    ],
)
def test_a_wrong_body_is_found(path: str, body: dict[str, object], at: str, rule: str, documented: Documents) -> None:
    """The check itself: every kind of mistake in a body is a finding, at its place, under its rule."""
    wrong = replace(SOUND, path=path, body=json.dumps(body).encode())
    found = {(finding.at, finding.rule) for finding in documented["snelstart"].of_request(wrong)}
    assert found == {(at, rule)}


@pytest.mark.parametrize(
    ("query", "at", "rule"),
    [
        ((("pages", "1"), *_TOKENS), "?pages", "parameter"),
        ((("limit", "100"), ("limit", "100"), *_TOKENS), "?limit", "parameter"),
        ((("limit", "101"), *_TOKENS), "?limit", "maximum"),
        ((("ordering", "up"), *_TOKENS), "?ordering", "enum"),
        (_TOKENS[:1], "", "whole"),
    ],
)
def test_a_wrong_query_is_found(query: tuple[tuple[str, str], ...], at: str, rule: str, documented: Documents) -> None:
    """The check itself: an unknown or doubled parameter, a value out of range, a credential left out."""
    found = {
        (finding.at, finding.rule) for finding in documented["mijnwebwinkel"].of_request(replace(_LIST, query=query))
    }
    assert found == {(at, rule)}


def test_a_sound_request_has_no_findings(documented: Documents) -> None:
    """The check itself: what is right is let through."""
    assert list(documented["snelstart"].of_request(SOUND)) == []
    assert list(documented["mijnwebwinkel"].of_request(replace(_LIST, query=_TOKENS))) == []
