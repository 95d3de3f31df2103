"""Nothing secret and nobody in what our code says of itself: log records of every level, texts and tracebacks."""

import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import stamina

from koppeling import aws, charts, partner, poll, transport, vault
from koppeling.failures import ConnectionRefused, Refused, Unavailable, Unknown
from koppeling.mijnwebwinkel.models import Order
from koppeling.shapes import ShapeError
from koppeling.snelstart import client
from koppeling.snelstart.client import token
from koppeling.workplace import Workplace
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY
from tests.exactly_once.rig import SIGNING_KEY, Connected, Stage, order
from tests.leaks import found
from tests.undo.hand import undo_orders

PERSON = {
    "email": "Tureluur.Wulp@grutto.example",
    "name": "Tureluur Wulpstra",
    "company": "Scholekster Advies VOF",
    "address": {
        "invoice": {
            "name": "Tureluur Wulpstra",
            "company": "Scholekster Advies VOF",
            "street": "Kievitsbloemstraat",
            "number": "31c",
            "zipcode": "8765 ZW",
            "city": "Wulpendam",
            "country_code": "NL",
            "phone": "06-87654321",
            "taxnumber": "NL123456782B90",
            "bankaccount": "NL91ABNA0417164300",
        }
    },
}
PEOPLE = {
    *("Tureluur.Wulp@grutto.example", "Tureluur", "Wulpstra", "Scholekster", "Kievitsbloemstraat", "8765 ZW"),
    *("Wulpendam", "06-87654321", "NL123456782B90", "NL91ABNA0417164300"),
}
TALKERS = ("boto3", "botocore", "urllib3", "httpx", "httpcore")


def secrets_of(connected: Connected) -> set[str]:
    """Every secret that has to do with this connection, the bearer tokens of this process among them."""
    credentials, webhook = connected.connection.credentials(), connected.connection.webhook_secrets()
    minted = {minted for _, minted in client._tokens.values()}  # noqa: SLF001 -- nobody else knows them
    known = {SUBSCRIPTION_KEY, PARTNER_TOKEN, credentials.koppelsleutel, credentials.salt, *webhook.secrets}
    # `str`: a `Secret` shows nothing, in the list of what was found neither.
    return {str(secret) for secret in known | minted | {webhook.key, SIGNING_KEY}}


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(f"{record.getMessage()} {vars(record)}")


@contextmanager
def everything_logged() -> Iterator[list[str]]:
    """What any logger says, of every level, as with the parameter `LogLevel` on DEBUG, and all it was handed for it."""
    listener = _Listener()
    # As in a process that has just started: our clients see to the others' loggers when they are made.
    for name in TALKERS:
        logging.getLogger(name).setLevel(logging.NOTSET)
    transport.client().close()
    transport.client.cache_clear()
    aws.session.cache_clear()
    aws.session()
    root = logging.getLogger()
    before = root.level
    root.addHandler(listener)
    root.setLevel(logging.DEBUG)
    try:
        yield listener.said
    finally:
        root.removeHandler(listener)
        root.setLevel(before)


@pytest.fixture(autouse=True)
def _at_once() -> Iterator[None]:
    stamina.set_testing(True, attempts=2, cap=True)
    yield
    stamina.set_testing(False)


@pytest.mark.parametrize("fault", ["", "500", "cut-after", "malformed-200", "401", "400", "refused"])
def test_no_log_record_of_any_level_tells(stage: Stage, connected: Connected, fault: str) -> None:
    """With every logger on DEBUG, a customer's order and a poll leave no secret and nobody in any record."""
    number = stage.sale(connected, debtor=PERSON)
    if fault:
        quoting = {"error_code": "BOE-9999", "message": "Wulpstra"} if fault == "refused" else {}
        stage.trouble(connected, fault, "/(relaties|verkoopboekingen)", times=3, **quoting)
    with everything_logged() as said:
        client._tokens.clear()  # noqa: SLF001 -- so that one is minted
        charts._memory.clear()  # noqa: SLF001 -- as in a new process
        vault._opened.clear()  # noqa: SLF001 -- the same
        for _ in range(3):
            body, receipt = stage.enqueue(connected, number)
            stage.work(body, receipt)
        poll.poll(stage.table, connected.id)
        assert not stage.work('{"order_number": "Wulpstra"}', "x")
    assert any(number in line for line in said)
    assert found(secrets_of(connected) | {connected.shop_token} | PEOPLE, "\n".join(said)) == []


def _shop_refuses(stage: Stage, connected: Connected) -> None:
    stage.shop.tell("faults", {"kind": "403", "path": "/v1/(store|orders)", "times": 9, "store": connected.shop_token})


def _books(kind: str, method: str = "*", path: str = "/(relaties|companyInfo)", **more: object) -> Any:  # noqa: ANN401 -- a step
    return lambda stage, connected: stage.trouble(connected, kind, path, method, times=9, **more)


def _ask(place: Workplace) -> object:
    return place.snelstart.get("companyInfo")


def _make(place: Workplace) -> object:
    return place.snelstart.post("relaties", {"naam": PERSON["name"], "email": PERSON["email"]})


def _mint(place: Workplace) -> object:
    return token(place.credentials.koppelsleutel, fresh=True)


def _read(place: Workplace) -> object:
    return place.shop.order("1")


FAILURES: dict[
    str, tuple[Callable[[Stage, Connected], None] | None, Callable[[Workplace], object], type[Exception]]
] = {
    "the shop's token": (_shop_refuses, _read, ConnectionRefused),
    "no order": (None, _read, Refused),
    "silence": (_books("cut-before"), _ask, Unavailable),
    "not allowed": (_books("403"), _ask, Refused),
    "no such id": (_books("404"), _ask, Refused),
    "expired": (_books("401"), _ask, Unavailable),
    "no JSON": (_books("html-200"), _ask, Unavailable),
    "unanswered": (_books("cut-after"), _make, Unknown),
    "throttled": (_books("429"), _make, Unknown),
    "refused": (_books("refused", error_code="BOE-9999", message="Nee"), _make, Refused),
    "the key": (_books("400", path="/b2b/token"), _mint, ConnectionRefused),
    "no token": (_books("malformed-200", path="/b2b/token"), _mint, Unavailable),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_failure_tells_nothing(stage: Stage, connected: Connected, failure: str) -> None:
    """No failure's text, and not even a traceback of it that prints every local, holds a secret; its text nobody."""
    arrange, act, kind = FAILURES[failure]
    with Workplace.open(stage.table, connected.connection) as place:
        secrets = secrets_of(connected)
        if arrange:
            arrange(stage, connected)
        with pytest.raises(kind) as raised:
            act(place)
        secrets |= secrets_of(connected)
        shown = [str(raised.value), repr(raised.value), repr(place), str(place), f"{place!s}{place!r}"]
        parts = (place.shop, place.snelstart, place.credentials, place.connection, place.orders, place.meter)
        shown += [f"{part!r}{part}" for part in (*parts, partner.partner(), connected.connection.webhook_secrets())]
    # From below this test on, which knows them all.
    below = raised.value.__traceback__.tb_next if raised.value.__traceback__ else None
    whole = "".join(traceback.TracebackException(kind, raised.value, below, capture_locals=True).format())
    assert "place = Workplace(" in whole
    assert found(secrets, whole) == []
    # The simulated shop's token is its name as well.
    assert f"token={connected.shop_token}" not in whole
    assert f"token': '{connected.shop_token}'" not in whole
    assert found(secrets | PEOPLE, "".join(shown)) == []
    assert found(PEOPLE, "".join(traceback.format_exception(raised.value))) == []


def test_an_order_that_is_not_in_its_shape_tells_only_the_field() -> None:
    """A ShapeError and the order itself name a field or ids; what stood there and whose it is they do not say."""
    raw = order(debtor=PERSON, reference="Wulpstra")
    read = Order.parse(raw)
    assert (
        found(PEOPLE, f"{read}{read!r}{read.debtor}{read.debtor!r}{read.debtor.invoice}{read.debtor.invoice!r}") == []
    )
    for broken in ({"debtor": {**PERSON, "email": ["Wulpstra"]}}, {"price": "Wulpstra"}, {"uuid": ["Wulpstra"]}):
        with pytest.raises(ShapeError) as raised:
            Order.parse({**raw, **broken})
        assert found(PEOPLE, "".join(traceback.format_exception(raised.value))) == []


@pytest.mark.usefixtures("stage")
def test_the_operators_secret_in_no_shape_tells_nothing() -> None:
    """A partner secret that is no JSON is unreadable, and the error has none of it, its traceback's locals neither."""
    name = "onleesbaar"
    aws.secretsmanager().create_secret(Name=name, SecretString=f'{{"partner_token": "{PARTNER_TOKEN}"')
    with pytest.raises(Unavailable) as raised:
        partner.fetch(name)
    whole = traceback.TracebackException.from_exception(raised.value, capture_locals=True)
    assert found({PARTNER_TOKEN}, "".join(whole.format())) == []


def test_a_sentence_of_snelstart_is_kept_without_the_customer(stage: Stage, connected: Connected) -> None:
    """The order's row and its reason hold what SnelStart said, but nothing of what the order knows of its customer."""
    quoting = "Klant Tureluur WULPSTRA, Kievitsbloemstraat 31c te Wulpendam (t.wulp@grutto.example) mag niet op 8000"
    number = stage.sale(connected, debtor=PERSON)
    stage.trouble(connected, "refused", "/verkoopboekingen", error_code="BOE-9999", message=quoting)
    stage.deliver(connected, number)
    reason = stage.row(connected, number).reason
    assert reason is not None
    assert "mag niet op 8000" in reason.sentence
    assert found(PEOPLE, f"{reason}") == []


def test_a_refused_payment_of_an_earlier_runs_invoice_names_nobody_either(stage: Stage, connected: Connected) -> None:
    """The run that only settles did not read the order; what SnelStart says of its customer is kept out too."""
    number = stage.sale(connected, debtor=PERSON)
    stage.trouble(connected, "cut-before", "/(bank|kas)boekingen")
    stage.deliver(connected, number)
    assert stage.row(connected, number).state == "booked"
    stage.time_passes(connected)
    quoting = "Klant Tureluur Wulpstra heeft een gesloten rekening"
    stage.trouble(connected, "refused", "/(bank|kas)boekingen", error_code="BOE-9999", message=quoting)
    stage.deliver(connected, number)
    reason = stage.row(connected, number).reason
    assert reason is not None
    assert "heeft een gesloten rekening" in reason.sentence
    assert found(PEOPLE, f"{reason}") == []


def test_what_cannot_be_read_for_its_customer_is_not_repeated(stage: Stage, connected: Connected) -> None:
    """While the shop does not answer, SnelStart's sentence goes as a whole and its code stays."""
    number = stage.sale(connected, debtor=PERSON)
    stage.trouble(connected, "cut-before", "/(bank|kas)boekingen")
    stage.deliver(connected, number)
    stage.time_passes(connected)
    stage.trouble(connected, "refused", "/(bank|kas)boekingen", error_code="BOE-9999", message="Tureluur Wulpstra niet")
    stage.shop.tell("faults", {"kind": "500", "path": "/v1/orders", "times": 9, "store": connected.shop_token})
    stage.deliver(connected, number)
    reason = stage.row(connected, number).reason
    assert reason is not None
    assert (reason.code, "BOE-9999" in reason.sentence) == ("snelstart-refused", True)
    assert found(PEOPLE, f"{reason}") == []


def test_a_refused_undoing_names_nobody(stage: Stage, connected: Connected) -> None:
    """Why an invoice stays in the books is told, without whose it is, on the row as to the operator."""
    number = stage.sale(connected, debtor=PERSON)
    stage.until_done(connected, number)
    quoting = "Van klant Tureluur Wulpstra staat nog iets open"
    for kept in (0, 1):
        stage.trouble(
            connected,
            "refused",
            "/verkoopboekingen/.*",
            method="DELETE",
            after=kept,
            error_code="BOE-9999",
            message=quoting,
        )
        [taken] = undo_orders(stage, connected, number).values()
        assert taken.reason is not None
        assert "staat nog iets open" in taken.reason.sentence
        assert found(PEOPLE, f"{taken.reason}{stage.row(connected, number)}") == []
        stage.books.untell("faults")
