from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import pytest

from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY, Connected, World
from tests.journey.steps import (
    Json,
    announce,
    book,
    booked,
    connect,
    customers,
    fault,
    generated,
    left_in,
    reach,
    sale,
    settled,
    until,
    with_email,
)

TEMPORARY = ("401", "403", "429", "500", "503", "garbage", "html-200", "empty-200", "cut")
GOOD = "1000"
DUTCH = frozenset({"de", "het", "een", "in", "niet", "van", "zelf", "geen", "kies", "moet"})


def explained(row: Json, code: str, whose: str) -> str:
    """The order says why, what to do and who is to do it; the sentence."""
    reason: Mapping[str, str] = row["reason"]
    assert (reason["code"], reason["whose"]) == (code, whose)
    for text in (reason["sentence"], reason["advice"]):
        assert text.endswith(".")
        assert DUTCH.intersection(text.lower().split())
    return reason["sentence"]


def paused_for(stage: World, connected: Connected, code: str, whose: str) -> None:
    """The connection stands still and says why."""
    shown = stage.koppeling("show", connected.id)
    assert shown["status"] == "paused"
    assert (shown["paused"]["code"], shown["paused"]["whose"]) == (code, whose)
    assert shown["paused"]["advice"].endswith(".")


def running(stage: World, connected: Connected) -> bool:
    """Whether the connection is not paused."""
    return bool(stage.koppeling("show", connected.id)["status"] == "active")


@dataclass
class Neighbour:
    """Another shop, which nothing is the matter with."""

    connected: Connected
    last: int = 2000

    @contextmanager
    def served(self, stage: World) -> Iterator[None]:
        """An order announced before the block, and booked at its end whatever happened next door in between."""
        self.last += 1
        stage.place(self.connected, [sale(self.last)])
        announce(stage, self.connected, [self.last])
        yield
        reach(stage, self.connected, {f"{self.last}": "paid"})


@pytest.fixture(scope="module")
def neighbour(stage: World) -> Neighbour:
    """The shop next door."""
    return Neighbour(connect(stage, "Buurman"))


@dataclass(frozen=True)
class Trouble:
    """One shop with trouble of every kind at once: its orders by kind, during it and after it, and its invoices."""

    numbers: Mapping[str, str]
    during: Mapping[str, Any]
    after: Mapping[str, Any]
    invoices: Mapping[str, Any]


@pytest.fixture(scope="module")
def trouble(stage: World, neighbour: Neighbour) -> Trouble:
    """Nine orders, each unreadable in its own way for a while, beside a good one and a neighbour's."""
    connected = connect(stage, "Storing")
    numbers = {kind: str(number) for number, kind in enumerate(TEMPORARY, 1001)}
    stage.place(connected, [sale(int(number)) for number in (GOOD, *numbers.values())])
    for kind, number in numbers.items():
        what = {"kind": kind, "path": f"/v1/orders/{number}$", "store": connected.shop_token, "times": 10_000}
        stage.shop.tell("faults", what)
    with neighbour.served(stage):
        announce(stage, connected, [*numbers.values(), GOOD])
        during = until(stage, connected, {GOOD: "paid"} | dict.fromkeys(numbers.values(), "failed"))
    stage.shop.untell("faults")
    stage.koppeling("retry", connected.id, numbers["500"])
    after = until(stage, connected, dict.fromkeys(numbers.values(), "paid"))
    assert running(stage, connected)
    return Trouble(numbers, during, after, stage.invoices(connected))


@pytest.mark.parametrize("kind", TEMPORARY)
def test_an_order_the_shop_cannot_give_now_is_tried_again(trouble: Trouble, kind: str) -> None:
    """An order the shop does not give now is failed with the reason, its neighbours are booked, and later so is it."""
    number = trouble.numbers[kind]
    if kind in ("401", "403"):
        explained(trouble.during[number], "shop-forbidden", "owner")
    else:
        explained(trouble.during[number], "shop-unavailable", "operator")

    assert trouble.after[number]["reason"] is None
    settled(trouble.invoices[f"MWW{number}"], trouble.after[number]["total"])


def test_one_refusal_out_of_the_blue_pauses_nobody(stage: World) -> None:
    """A single 401 among good answers does not pause the connection, and the order is booked."""
    connected = connect(stage, "Hik")
    stage.shop.tell("faults", {"kind": "401", "path": "/v1/orders/1001$", "store": connected.shop_token})

    book(stage, connected, sale())

    assert running(stage, connected)


def test_a_revoked_shop_token_pauses_that_shop_alone(stage: World, neighbour: Neighbour) -> None:
    """A shop token that is truly refused pauses that connection and names the owner; a new one books all of it."""
    connected = connect(stage, "Ingetrokken")
    orders = [sale(1001), sale(1002)]
    stage.place(connected, orders)
    with fault(stage, "shop", kind="403", path="/v1/(store|orders)(/|$)", store=connected.shop_token):
        with neighbour.served(stage):
            announce(stage, connected, [1001])
            refused = until(stage, connected, {"1001": "refused"})["1001"]
        explained(refused, "shop-token-refused", "owner")
        paused_for(stage, connected, "shop-token-refused", "owner")
        announce(stage, connected, [1002])
        reach(stage, connected, {"1002": "received"})

        again = stage.run_koppeling("resume", connected.id)
        assert again.returncode == 3
        assert "weigert het token" in again.stderr

        # the same shop under a new token; the simulator derives a shop's id from its first one
        token, shop_id = f"{connected.shop_token}-new", str(uuid5(NAMESPACE_OID, connected.shop_token))
        stage.shop.tell("stores", {"token": token, "name": "Ingetrokken, nieuw token", "id": shop_id})
        stage.shop.tell("orders", {"store": token, "orders": orders})
        resumed = stage.koppeling("resume", connected.id, "--shop-token", token)
        assert (resumed["status"], resumed["queued"]) == ("active", 2)
        reach(stage, connected, {"1001": "paid", "1002": "paid"})
    assert len(stage.invoices(connected)) == 2


def test_a_refused_partner_token_pauses_nobody(stage: World) -> None:
    """A partner token the shop refuses pauses no shop; once the operator has stored the new one all is booked."""
    connected = connect(stage, "Partnertoken")
    stage.place(connected, [sale()])
    stage.shop.tell("partner-token", {"partner_token": "renewed-partner-token"})
    try:
        announce(stage, connected, [1001])
        failed = until(stage, connected, {"1001": "failed"})["1001"]
        assert "partnertoken" in explained(failed, "shop-access-refused", "operator")
        assert running(stage, connected)

        stage.koppeling("partner", "--partner-token", "renewed-partner-token")
        stage.koppeling("retry", connected.id, "1001")
        reach(stage, connected, {"1001": "paid"})
    finally:
        stage.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
        stage.koppeling("partner", "--partner-token", PARTNER_TOKEN)
    # Whoever still holds the renewed token learns that it is no longer taken, and reads the stored one.
    book(stage, connect(stage, "Na partnertoken"), sale())


def test_an_order_that_does_not_exist_is_refused_until_it_does(stage: World) -> None:
    """An order number the shop does not know is refused as such, and booked on retry once the shop knows it."""
    connected = connect(stage, "Onbekend nummer")
    announce(stage, connected, [1001])
    book(stage, connected, sale(1002))
    explained(until(stage, connected, {"1001": "refused"})["1001"], "shop-order-not-found", "owner")

    stage.place(connected, [sale(1001)])
    stage.koppeling("retry", connected.id, "1001")

    reach(stage, connected, {"1001": "paid"})
    assert len(stage.invoices(connected)) == 2


def test_an_order_in_another_shape_is_refused_and_names_the_field(stage: World) -> None:
    """JSON in another shape than an order's is refused and says which field; its neighbours are booked."""
    connected = connect(stage, "Andere vorm")
    broken: dict[str, dict[str, Any]] = {
        "1001": {"price": "kapot"},
        "1002": {"orderlines": 7},
        "1003": {"price": {"total": "veel", "tax": []}},
    }
    stage.place(connected, [sale(int(number), **change) for number, change in broken.items()])
    announce(stage, connected, list(broken))
    book(stage, connected, sale(1005))

    rows = until(stage, connected, dict.fromkeys(broken, "refused"))
    for number, change in broken.items():
        (field,) = change
        assert field in explained(rows[number], "shop-order-unreadable", "operator")

    stage.place(connected, [sale(int(number)) for number in broken])
    assert stage.koppeling("retry", connected.id, "--refused")["queued"] == 3
    reach(stage, connected, dict.fromkeys(broken, "paid"))
    assert len(stage.invoices(connected)) == 4


def test_orders_that_cannot_be_booked_as_they_are_are_refused(stage: World) -> None:
    """Dollars and lines that do not add up are refused with the amounts, and booked on retry once they are right."""
    connected = connect(stage, "Niet te boeken")
    (dollars,) = generated(1, dollars=1)
    (mismatch,) = generated(2, first=1002, mismatch=1)
    stage.place(connected, [dollars.raw, mismatch.raw])
    announce(stage, connected, [1001, 1002])
    book(stage, connected, sale(1003))
    rows = until(stage, connected, {"1001": "refused", "1002": "refused"})
    assert "USD" in explained(rows["1001"], "currency-not-eur", "bookkeeper")
    assert f"{mismatch.total}".replace(".", ",") in explained(rows["1002"], "amount-lines-total", "owner").replace(
        ".", ""
    ).replace("€ ", "")
    assert len(customers(stage, connected)) == 1

    stage.place(connected, [sale(1001), sale(1002)])
    assert stage.koppeling("retry", connected.id, "--refused")["queued"] == 2

    reach(stage, connected, {"1001": "paid", "1002": "paid"})
    assert len(stage.invoices(connected)) == 3


@pytest.mark.parametrize("email", ["", "geen-adres", " "])
def test_an_order_without_an_email_address_goes_to_a_customer_for_those(stage: World, email: str) -> None:
    """An order without a usable e-mail address is booked on the one relation for such orders, with a note."""
    connected = connect(stage, "Zonder adres")

    rows = booked(stage, connected, with_email(sale(1001), email), with_email(sale(1002), email))

    (customer,) = customers(stage, connected)
    assert customer["naam"] == "Webwinkelklant zonder e-mailadres"
    for row in rows.values():
        assert row["relatie_id"] == customer["id"]
        assert "e-mailadres" in row["notes"][0]


def test_a_refused_koppelsleutel_pauses_that_shop_alone(stage: World, neighbour: Neighbour) -> None:
    """A koppelsleutel SnelStart refuses pauses that connection and names the owner; a new one books all of it."""
    connected = connect(stage, "Sleutel weg")
    stage.books.tell(f"administrations/{connected.administration}", {"active": False})
    stage.books.tell("tokens/expire", {"administration": connected.administration})
    stage.place(connected, [sale(1001), sale(1002)])

    with neighbour.served(stage):
        announce(stage, connected, [1001])
        refused = until(stage, connected, {"1001": "refused"})["1001"]
    assert "koppelsleutel" in explained(refused, "snelstart-key-refused", "owner")
    paused_for(stage, connected, "snelstart-key-refused", "owner")
    assert running(stage, neighbour.connected)
    announce(stage, connected, [1002])
    reach(stage, connected, {"1002": "received"})

    renewed = f"{connected.koppelsleutel}-new"
    stage.books.tell(f"administrations/{connected.administration}", {"active": True, "koppelsleutel": renewed})
    assert stage.run_koppeling("resume", connected.id).returncode == 3
    assert stage.koppeling("resume", connected.id, "--snelstart-key", renewed)["queued"] == 2
    reach(stage, connected, {"1001": "paid", "1002": "paid"})
    assert len(stage.invoices(connected)) == 2


def test_a_refused_subscription_key_pauses_nobody(stage: World) -> None:
    """A subscription key SnelStart refuses names the operator and pauses no shop; a new one books all of it."""
    shops = [connect(stage, "Abonnement een"), connect(stage, "Abonnement twee")]
    for connected in shops:
        stage.place(connected, [sale()])
    stage.books.tell("subscription-key", {"key": "renewed-subscription-key"})
    try:
        for connected in shops:
            announce(stage, connected, [1001])
        for connected in shops:
            failed = until(stage, connected, {"1001": "failed"})["1001"]
            assert "subscription key" in explained(failed, "snelstart-subscription-key-refused", "operator")
            assert running(stage, connected)

        stage.koppeling("partner", "--subscription-key", "renewed-subscription-key")
        for connected in shops:
            stage.koppeling("retry", connected.id, "1001")
        for connected in shops:
            reach(stage, connected, {"1001": "paid"})
    finally:
        stage.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})
        stage.koppeling("partner", "--subscription-key", SUBSCRIPTION_KEY)
    book(stage, connect(stage, "Na het abonnement"), sale())


def test_a_right_the_koppelsleutel_lacks_is_named(stage: World, neighbour: Neighbour) -> None:
    """A right taken from a koppelsleutel is named on the order; once given back, a retry books it, once."""
    lacking = {
        scope: connect(stage, f"Zonder {scope}") for scope in ("relaties:write", "boekhouden:write", "bankieren:write")
    }
    known = {one["id"]: one["scopes"] for one in stage.books.ask("administrations")}
    payment = {"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1, "text": "Successful"}}
    for scope, connected in lacking.items():
        rest = [one for one in known[connected.administration] if one != scope]
        stage.books.tell(f"administrations/{connected.administration}", {"scopes": rest})
        stage.books.tell("tokens/expire", {"administration": connected.administration})
        stage.place(connected, [sale(payment=payment, _payments=[])])
        announce(stage, connected, [1001])
    with neighbour.served(stage):
        pass

    for scope, connected in lacking.items():
        # an invoice that is there stays there: it is the payment that lacks the right
        reach(stage, connected, {"1001": "booked" if scope == "bankieren:write" else "refused"}, reason=True)
        row = stage.orders(connected)
        assert scope in explained(row["1001"], "snelstart-scope-missing", "owner")
        assert running(stage, connected)

    for connected in lacking.values():
        rights = {"scopes": known[connected.administration]}
        stage.books.tell(f"administrations/{connected.administration}", rights)
        stage.koppeling("retry", connected.id, "--refused")
    for connected in lacking.values():
        paid = until(stage, connected, {"1001": "paid"})["1001"]
        settled(stage.invoices(connected)["MWW1001"], paid["total"])


def test_a_closed_period_is_the_bookkeepers(stage: World) -> None:
    """An order in a period that is closed is refused, names the bookkeeper, and is booked once it is open."""
    connected = connect(stage, "Dichte periode")
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": [["2000-01-01", "2100-01-01"]]})
    stage.place(connected, [sale()])
    announce(stage, connected, [1001])
    sentence = explained(until(stage, connected, {"1001": "refused"})["1001"], "period-blocked", "bookkeeper")
    assert "geblokkeerd" in sentence

    stage.books.tell(f"administrations/{connected.administration}", {"blocked": []})
    stage.koppeling("retry", connected.id, "1001")

    reach(stage, connected, {"1001": "paid"})


def test_books_that_cannot_be_read_now_are_asked_again(stage: World, neighbour: Neighbour) -> None:
    """While SnelStart gives no sensible answer an order is failed; it is booked by itself afterwards, once."""
    kinds = ("503", "429", "html-200", "cut-before")
    closed = {kind: connect(stage, f"Boeken {kind}") for kind in kinds}
    for kind, connected in closed.items():
        stage.place(connected, [sale()])
        what = {"kind": kind, "path": "/relaties.*", "method": "GET", "administration": connected.administration}
        stage.books.tell("faults", what | {"times": 10_000})
    with neighbour.served(stage):
        for connected in closed.values():
            announce(stage, connected, [1001])
        states = {kind: "received" if kind == "429" else "failed" for kind in kinds}
        rows = {kind: until(stage, connected, {"1001": states[kind]})["1001"] for kind, connected in closed.items()}
    stage.books.untell("faults")
    for kind, row in rows.items():
        # Told by SnelStart, or known by us before it is asked once more.
        busy = row["reason"]["code"] if row["reason"]["code"] == "snelstart-busy" else "snelstart-budget"
        explained(row, busy if kind == "429" else "snelstart-unavailable", "operator")

    for connected in closed.values():
        reach(stage, connected, {"1001": "paid"})
        assert len(stage.invoices(connected)) == 1
        assert len(customers(stage, connected)) == 1


def test_a_message_nobody_can_read_harms_no_order(stage: World) -> None:
    """A message that is none of ours stays in the queue for the dead letters while orders beside it are booked."""
    connected = connect(stage, "Naast de rommel")
    queue = stage.deployment.outputs["OrderQueueUrl"]
    for body in ("{", "[]", '{"connection_id": 1}'):
        stage.deployment.sqs.send_message(QueueUrl=queue, MessageBody=body)
    try:
        book(stage, connected, sale())

        assert left_in(stage, queue) >= 3
    finally:
        stage.deployment.sqs.purge_queue(QueueUrl=queue)
