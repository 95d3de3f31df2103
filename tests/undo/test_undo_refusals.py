"""What is left as it is, and why: nothing of it changes, and a credit invoice can be booked against it instead."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from koppeling import clock
from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, order
from tests.regimes.winkel import CANCELLED, credit_of, thing
from tests.undo.hand import code, demand_gone, demand_paid, history, imported, retry, touched, undo, undo_orders

_TODAY = f"{datetime.now(AMSTERDAM):%Y-%m-%d}"


def _sale(stage: Stage, connected: Connected) -> str:
    raw = thing()
    stage.place(connected, raw)
    stage.deliver(connected, str(raw["number"]))
    return str(raw["number"])


def _left(stage: Stage, connected: Connected, number: str, why: str) -> None:
    """The order is left for this reason, with the books and its row as they were."""
    row, books = stage.row(connected, number), stage.ledger(connected)
    [taken] = undo_orders(stage, connected, number).values()
    assert (taken.outcome, code(taken)) == ("left", why)
    assert stage.ledger(connected) == books
    after = stage.row(connected, number)
    assert (after.state, after.booking, after.payment_id) == (row.state, row.booking, row.payment_id)
    assert (after.undoing, after.lease_until) == (None, None)


def _booking(stage: Stage, connected: Connected, number: str) -> dict[str, object]:
    return dict(connected.snelstart.get(f"verkoopboekingen/{stage.row(connected, number).verkoopboeking_id}"))


def _change(stage: Stage, connected: Connected, number: str, **changes: object) -> None:
    booking = _booking(stage, connected, number)
    connected.snelstart.put(f"verkoopboekingen/{booking['id']}", booking | changes)


def _other_account(stage: Stage, connected: Connected, number: str) -> None:
    """The revenue on another account, everything else as it was."""
    regels = _booking(stage, connected, number)["boekingsregels"]
    assert isinstance(regels, list)
    accounts = connected.snelstart.get("grootboeken")
    used = next(row for row in accounts if row["id"] == regels[0]["grootboek"]["id"])
    other = next(
        row
        for row in accounts
        if row["grootboekfunctie"] == used["grootboekfunctie"] and row["id"] != used["id"] and not row["nonactief"]
    )
    _change(stage, connected, number, boekingsregels=[{**regel, "grootboek": {"id": other["id"]}} for regel in regels])


def _renumbered(stage: Stage, connected: Connected, number: str) -> None:
    _change(stage, connected, number, factuurnummer=f"X{number}")


def _other_text(stage: Stage, connected: Connected, number: str) -> None:
    """A text was changed an hour after it was booked; amounts and accounts are the same."""
    _change(stage, connected, number, boekstuk="gezien")
    earlier = clock.iso(clock.now() - timedelta(hours=1))
    stage.rewrite(connected, number, paid_at=earlier, invoice={"sent_at": earlier, "answered": False})


def _accountant(stage: Stage, connected: Connected, number: str) -> None:
    planted = {"administration": connected.administration, "id": stage.row(connected, number).verkoopboeking_id}
    stage.books.tell("accountant", planted)


@pytest.mark.parametrize("change", [_other_account, _renumbered, _other_text, _accountant])
def test_what_a_person_changed_is_left(
    stage: Stage, connected: Connected, change: Callable[[Stage, Connected, str], None]
) -> None:
    """Another account, another number, another text, or the accountant's flag."""
    if change is _other_account:
        planted = {"nummer": 8201, "grootboekfunctie": "VerkopenOmzetHoog", "administration": connected.administration}
        stage.books.tell("grootboeken", planted)
    number = _sale(stage, connected)
    change(stage, connected, number)
    _left(stage, connected, number, "number-changed-by-hand")


def test_an_invoice_that_does_not_name_the_order_is_left(stage: Stage, connected: Connected) -> None:
    """Without the order's uuid it is not provably ours."""
    number = _sale(stage, connected)
    _change(stage, connected, number, omschrijving="Iets anders")
    _left(stage, connected, number, "number-taken")


def test_an_invoice_that_is_gone_is_left(stage: Stage, connected: Connected) -> None:
    """Removed in SnelStart by hand: there is nothing to take back, and its row is not ours to close."""
    number = _sale(stage, connected)
    row = stage.row(connected, number)
    connected.snelstart.delete(f"bankboekingen/{row.payment_id}")
    connected.snelstart.delete(f"verkoopboekingen/{row.verkoopboeking_id}")
    _left(stage, connected, number, "number-gone")


def _paid_by_hand(stage: Stage, connected: Connected, number: str) -> None:
    """Our payment removed, and another one booked."""
    row = stage.row(connected, number)
    held = connected.snelstart.get(f"bankboekingen/{row.payment_id}")
    connected.snelstart.delete(f"bankboekingen/{row.payment_id}")
    body = {name: value for name, value in held.items() if name not in ("id", "uri") and value is not None}
    connected.snelstart.post("bankboekingen", body | {"boekstuk": "hand"})


def _paid_again(stage: Stage, connected: Connected, number: str) -> None:
    """Another payment besides ours, and one that takes it away again: the balance is 0."""
    row = stage.row(connected, number)
    held = connected.snelstart.get(f"bankboekingen/{row.payment_id}")
    body = {name: value for name, value in held.items() if name not in ("id", "uri") and value is not None}
    connected.snelstart.post("bankboekingen", body | {"boekstuk": "hand"})


def _by_accountant(stage: Stage, connected: Connected, number: str) -> None:
    planted = {"administration": connected.administration, "id": stage.row(connected, number).payment_id}
    stage.books.tell("accountant", planted)


def _to_another_journal(connected: Connected) -> dict[str, object]:
    [other] = [row for row in connected.snelstart.get("dagboeken") if row["nummer"] == 1104]
    return {"dagboek": {"id": other["id"]}}


def _to_another_day(_: Connected) -> dict[str, object]:
    return {"datum": "2026-01-31T00:00:00"}


@pytest.mark.parametrize("moved", [_to_another_journal, _to_another_day])
def test_a_payment_of_many_that_a_person_moved_is_left(
    stage: Stage, connected: Connected, moved: Callable[[Connected], dict[str, object]]
) -> None:
    """It still bears our name and settles what we settled, but no longer where; untouched, it is taken apart."""
    numbers = history(stage, connected, 12, days=1, payment={"gateway_name": "mollie", "method_name": "ideal"})
    imported(stage, connected)
    assert undo_orders(stage, connected, numbers[0])[numbers[0]].outcome == "undone"
    payment_id = stage.row(connected, numbers[1]).payment_id
    held = connected.snelstart.get(f"bankboekingen/{payment_id}")
    connected.snelstart.put(f"bankboekingen/{payment_id}", held | moved(connected))
    _left(stage, connected, numbers[1], "number-payment-by-hand")


@pytest.mark.parametrize("change", [_paid_by_hand, _paid_again, _by_accountant])
def test_a_payment_that_is_not_ours_alone_is_left(
    stage: Stage, connected: Connected, change: Callable[[Stage, Connected, str], None]
) -> None:
    """Paid by hand, paid twice, or our payment changed by the accountant."""
    number = _sale(stage, connected)
    change(stage, connected, number)
    _left(stage, connected, number, "number-payment-by-hand")


@pytest.mark.parametrize("lock", ["blocked", "vat_filed", "accountant"])
def test_a_closed_period_is_left_and_a_credit_offered(stage: Stage, connected: Connected, lock: str) -> None:
    """Blocked, filed or locked by the accountant: nothing changes; a credit invoice of today is booked instead."""
    day = datetime.now(AMSTERDAM) - timedelta(days=2)
    raw = thing(date=f"{day:%Y-%m-%d}")
    stage.place(connected, raw)
    number = str(raw["number"])
    stage.deliver(connected, number)
    options = {lock: [[f"{day:%Y-%m-%d}", f"{day:%Y-%m-%d}"]]}
    stage.books.tell(f"administrations/{connected.administration}", options)
    _left(stage, connected, number, "period-undo-closed")
    demand_paid(stage, connected, number)
    assert undo_orders(stage, connected, number, credit=True)[number].outcome == "credited"
    invoices = {one["factuurnummer"]: one for one in stage.ledger(connected)["invoices"]}
    assert Decimal(invoices[f"MWW{number}C"]["factuurbedrag"]) == -Decimal(invoices[f"MWW{number}"]["factuurbedrag"])
    assert {Decimal(one["openstaandSaldo"]) for one in invoices.values()} == {Decimal(0)}
    touched(stage, connected, number)
    stage.deliver(connected, number)
    assert stage.row(connected, number).state == "credited"
    assert stage.row(connected, number).reason is None
    _left(stage, connected, number, "shop-undo-credited")


def test_a_closed_day_in_a_payment_of_many_leaves_its_orders_paid(stage: Stage, connected: Connected) -> None:
    """Orders of a closed day stay, paid by the same payment; those of open days that it settles too go."""
    numbers = history(stage, connected, 9)
    imported(stage, connected)
    days = {number: _day(stage, connected, number) for number in numbers}
    closed = min(days.values())
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": [[closed, closed]]})
    taken = undo_orders(stage, connected, *numbers)
    stay = [number for number in numbers if days[number] == closed]
    assert {number for number, one in taken.items() if code(one) == "period-undo-closed"} == set(stay)
    demand_paid(stage, connected, *stay)
    demand_gone(stage, connected, *(set(numbers) - set(stay)))


@pytest.mark.parametrize("why", ["shop-order-not-found", "period-blocked"])
def test_a_credit_that_cannot_be_booked_leaves_the_order_paid(stage: Stage, connected: Connected, why: str) -> None:
    """Deleted in the shop, or today is closed: the order is as it was, and is not credited later by itself."""
    raw = thing(date=f"{datetime.now(AMSTERDAM) - timedelta(days=3):%Y-%m-%d}")
    stage.place(connected, raw)
    number = str(raw["number"])
    stage.deliver(connected, number)
    before = stage.row(connected, number)
    if why == "shop-order-not-found":
        stage.shop.untell(f"orders/{connected.shop_token}/{number}")
    else:
        stage.books.tell(f"administrations/{connected.administration}", {"blocked": [[_TODAY, _TODAY]]})
    [taken] = undo_orders(stage, connected, number, credit=True).values()
    assert (taken.outcome, code(taken)) == ("left", why)
    demand_paid(stage, connected, number)
    row = stage.row(connected, number)
    assert (row.booking, row.payment_id) == (before.booking, before.payment_id)
    assert (row.reversing, row.asked, row.sale, row.due_at) == (False, False, None, None)
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": []})
    retry(connected, number)
    demand_paid(stage, connected, number)
    assert undo_orders(stage, connected, number)[number].outcome == "undone"


def _day(stage: Stage, connected: Connected, number: str) -> str:
    booking = stage.row(connected, number).booking
    assert booking
    return booking.factuurdatum


def test_what_was_credited_is_left(stage: Stage, connected: Connected) -> None:
    """Credited in part, reversed whole, and the credit order itself."""
    partly, reversed_ = _sale(stage, connected), _sale(stage, connected)
    credit = credit_of(partly, line(paid("60.50")), total="60.50", tax={"21": "10.50"})
    stage.place(connected, credit)
    stage.deliver(connected, str(credit["number"]))
    stage.change(connected, reversed_, status=CANCELLED)
    stage.deliver(connected, reversed_)
    assert stage.row(connected, reversed_).state == "credited"
    for number in (partly, reversed_, str(credit["number"])):
        _left(stage, connected, number, "shop-undo-credited")


def test_a_credit_order_in_the_very_moment_goes_first_or_waits(stage: Stage, connected: Connected) -> None:
    """An order that is being taken back takes no credit order; the other way round it is left."""
    number = _sale(stage, connected)
    stage.rewrite(connected, number, undoing=_mark())
    credit = credit_of(number, line(paid("60.50")), total="60.50", tax={"21": "10.50"})
    stage.place(connected, credit)
    stage.deliver(connected, str(credit["number"]))
    assert stage.row(connected, str(credit["number"])).state in ("failed", "waiting")
    assert stage.row(connected, number).credited_by == ()


def _mark() -> dict[str, object]:
    return {"id": "x", "since": clock.iso(clock.now()), "was": "paid", "journal": "bankboekingen", "payment_id": "x"}


def test_what_is_not_booked_is_left(stage: Stage, connected: Connected) -> None:
    """A refused order, and one that was taken back already."""
    raw = order(currency="USD")
    stage.place(connected, raw)
    refused, gone = str(raw["number"]), _sale(stage, connected)
    stage.deliver(connected, refused)
    undo_orders(stage, connected, gone)
    for number in (refused, gone):
        _left(stage, connected, number, "shop-undo-nothing")


def test_an_order_under_way_is_left(stage: Stage, connected: Connected) -> None:
    """Another run has it."""
    number = _sale(stage, connected)
    row = stage.row(connected, number)
    until = clock.iso(clock.now() + timedelta(minutes=1))
    stage.rewrite(connected, number, owner="another", lease_until=until)
    [taken] = undo(stage, connected, [row]).values()
    assert code(taken) == "koppeling-order-busy"
    stage.rewrite(connected, number, owner=None, lease_until=None)
    demand_paid(stage, connected, number)


def test_a_missing_right_changes_nothing(stage: Stage, connected: Connected) -> None:
    """A koppelsleutel that may not remove payments: the order stays paid, and the reason names the right."""
    number = _sale(stage, connected)
    stage.trouble(connected, "403", "/bankboekingen/.*", method="DELETE")
    _left(stage, connected, number, "snelstart-scope-missing")
    demand_paid(stage, connected, number)


def test_a_payment_that_is_gone_half_way_is_booked_again(stage: Stage, connected: Connected) -> None:
    """SnelStart refuses the invoice after all, once its payment is gone: the order is settled again by itself."""
    number = _sale(stage, connected)
    stage.trouble(connected, "refused", "/verkoopboekingen/.*", method="DELETE", after=1, error_code="BOE-0042")
    [taken] = undo_orders(stage, connected, number).values()
    assert (taken.outcome, code(taken)) == ("left", "period-undo-closed")
    assert stage.row(connected, number).state == "booked"
    assert [each.order_number for each in stage.queued()] == [number]
    stage.deliver(connected, number)
    demand_paid(stage, connected, number)
    stage.books.untell("faults")
    assert undo_orders(stage, connected, number)[number].outcome == "undone"
    retry(connected, number)
    stage.demand_once(connected, number)
