"""Our requests and the simulators' answers, against the vendors' OpenAPI documents and the facts beside them."""

from collections.abc import Iterable
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from sandbox.books_api import ROUTES
from sandbox.shop import TEMPLATES
from tests.contract.differences import KNOWN, Difference
from tests.contract.documents import Document
from tests.contract.exchanges import HIDDEN, Exchange, Recording
from tests.contract.finding import Finding
from tests.contract.journey import SETTINGS

type Documents = dict[str, Document]


def _object(**properties: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {name: {"type": kind} for name, kind in properties.items()},
        "required": list(properties),
        "additionalProperties": False,
    }


_CODES: Final = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "properties": {
            "errorCode": {"type": "string", "pattern": r"^[A-Z]{3}-\d{4}$"},
            "message": {"type": "string"},
            "details": {"type": ["string", "null"]},
        },
        "required": ["errorCode", "message", "details"],
        "additionalProperties": False,
    },
}
_SAID, _GATEWAY = _object(Message="string"), _object(statusCode="integer", message="string")
OURS: Final = {
    "GET /v{version}/store",
    "GET /v{version}/orderstatuses",
    "GET /v{version}/orders",
    "GET /v{version}/orders/count",
    "GET /v{version}/orders/{order_number}",
    "GET /v{version}/orders/{order_number}/payments",
    "GET /companyInfo",
    "GET /grootboeken",
    "GET /grootboekmutaties",
    "GET /dagboeken",
    "GET /btwtarieven",
    "GET /kostenplaatsen",
    "GET /landen",
    "GET /vatrates",
    "GET /relaties",
    "POST /relaties",
    "POST /verkoopboekingen",
    "GET /verkoopboekingen/{id}",
    "GET /verkoopfacturen",
    "DELETE /verkoopboekingen/{id}",
    "GET /bankboekingen",
    "POST /bankboekingen",
    "GET /bankboekingen/{id}",
    "PUT /bankboekingen/{id}",
    "DELETE /bankboekingen/{id}",
    "GET /kasboekingen",
    "POST /kasboekingen",
    "GET /kasboekingen/{id}",
    "PUT /kasboekingen/{id}",
    "DELETE /kasboekingen/{id}",
}
ERRORS: Final[dict[str, dict[int, list[dict[str, Any]]]]] = {
    # snelstart.md, Errors: codes from SnelStart, `Message` from its OData layer and framework, the rest its gateway's
    "snelstart": {
        400: [_CODES, _SAID],
        401: [_GATEWAY, _SAID],
        403: [_SAID, _GATEWAY],
        404: [_SAID, _GATEWAY],
        429: [_GATEWAY],
        500: [_SAID],
        503: [_GATEWAY],
    },
    # mijnwebwinkel.md, Access: RFC 7807 on newer calls, the other on older
    "mijnwebwinkel": {
        status: [
            _object(type="string", title="string", detail="string", status="integer"),
            _object(code="integer", message="string", description="string"),
        ]
        for status in (401, 403, 404, 429, 500, 503)
    },
    # snelstart.md, Hosts and credentials
    "token": {400: [_object(error="string")]},
}


def _succeeded(exchange: Exchange) -> bool:
    return exchange.status is not None and exchange.status < 300


def _documented(recording: Recording) -> Iterable[Exchange]:
    """All exchanges but those with the token endpoint, which no document describes."""
    return (exchange for exchange in recording.exchanges if exchange.api != "token")


@pytest.fixture(scope="session")
def findings(recording: Recording, documented: Documents) -> dict[Finding, int]:
    """Every disagreement with the documents, and how often it occurred."""
    found: dict[Finding, int] = {}
    for exchange in _documented(recording):
        document = documented[exchange.api]
        each = set(document.of_request(exchange)) if exchange.ours else set()
        if _succeeded(exchange):
            each |= set(document.of_answer(exchange))
        for finding in each:
            found[finding] = found.get(finding, 0) + 1
    return found


def _not_known(findings: dict[Finding, int], side: str) -> list[Finding]:
    return [
        finding for finding in findings if finding.side == side and not any(known.covers(finding) for known in KNOWN)
    ]


def test_every_request_of_our_clients_is_as_documented(findings: dict[Finding, int]) -> None:
    """Calls, parameters, credentials and bodies: nothing the documents do not name, nothing they demand left out."""
    assert _not_known(findings, "request") == []


def test_every_answer_of_the_simulators_is_as_documented(findings: dict[Finding, int]) -> None:
    """Successful answers hold what the documents say and nothing else, but for the known differences."""
    assert _not_known(findings, "answer") == []


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.at} {known.rule}")
def test_every_known_difference_still_occurs(known: Difference, findings: dict[Finding, int]) -> None:
    """A difference nothing needs any more would hide the next mistake."""
    assert any(known.covers(finding) for finding in findings)


def test_every_error_answer_has_a_form_that_somebody_saw(recording: Recording) -> None:
    """Refusals, throttling and failures of the simulators look as the facts record them, status by status."""
    wrong = []
    heard: dict[str, set[int]] = {}
    for exchange in recording.exchanges:
        if exchange.status is None or _succeeded(exchange):
            continue
        heard.setdefault(exchange.api, set()).add(exchange.status)
        body = exchange.json()
        shapes = ERRORS[exchange.api].get(exchange.status, [])
        if not any(Draft202012Validator(shape).is_valid(body) for shape in shapes):
            wrong.append((exchange.api, exchange.method, exchange.path, exchange.status))
        told = body if isinstance(body, dict) else {}
        if {told.get(name, exchange.status) for name in ("status", "code", "statusCode")} != {exchange.status}:
            wrong.append((exchange.api, exchange.method, exchange.path, exchange.status))
    assert wrong == []
    assert heard == {api: set(statuses) for api, statuses in ERRORS.items()}


def test_a_token_is_asked_for_and_given_as_documented(recording: Recording) -> None:
    """A form of two fields; a bearer token with its lifetime comes back.

    Source: snelstart.md, Hosts and credentials.
    """
    calls = [exchange for exchange in recording.exchanges if exchange.api == "token"]
    assert {(call.method, call.body, call.headers["content-type"]) for call in calls} == {
        ("POST", b"grant_type&clientkey", "application/x-www-form-urlencoded")
    }
    given = _object(access_token="string", token_type="string", expires_in="integer")
    answers = [call.json() for call in calls if _succeeded(call)]
    assert answers
    assert all(Draft202012Validator(given).is_valid(answer) for answer in answers)


def test_every_call_carries_its_credentials_where_they_belong(recording: Recording) -> None:
    """SnelStart: two headers, which its document knows one of. The shop: two query parameters, and no header."""
    for exchange in _documented(recording):
        if exchange.ours and exchange.api == "snelstart":
            assert exchange.headers["authorization"] == exchange.headers["ocp-apim-subscription-key"] == HIDDEN
        if exchange.ours and exchange.api == "mijnwebwinkel":
            names = [name for name, value in exchange.query if value == HIDDEN]
            assert "partner_token" in names
            assert "authorization" not in exchange.headers


def test_our_clients_sent_every_call_they_know(recording: Recording, documented: Documents) -> None:
    """What our own code asks of the two services, in full: nothing less was checked, and nothing else is used."""
    sent = {documented[exchange.api].call(exchange) for exchange in _documented(recording) if exchange.ours}
    assert sent == OURS


def test_the_journey_heard_every_call_of_both_simulators(recording: Recording, documented: Documents) -> None:
    """Every route, each answered with success where it can be, and the shop's list in every one of its settings."""
    heard = {
        (exchange.api, documented[exchange.api].call(exchange))
        for exchange in _documented(recording)
        if _succeeded(exchange)
    }
    routes = {("snelstart", f"{method} {path}") for path, methods in ROUTES.items() for method in methods}
    shop = {("mijnwebwinkel", f"GET {template.replace('/v1/', '/v{version}/')}") for template, _ in TEMPLATES}
    # A customer with invoices is not deleted; that it is refused is heard all the same.
    assert heard == (routes | shop) - {("snelstart", "DELETE /relaties/{id}")}
    assert {exchange.setting for exchange in recording.exchanges} - {""} == {
        f"{name}={value}" for name, value in SETTINGS
    }


def test_answers_that_got_lost_are_in_the_journey_too(recording: Recording) -> None:
    """Each of the three writes was once left without an answer and then looked for."""
    lost = [exchange.path for exchange in recording.exchanges if exchange.status is None]
    assert lost == ["/relaties", "/verkoopboekingen", "/bankboekingen"]
