"""What was booked is taken out of the books again, and can be booked again after that."""

from collections import Counter
from datetime import date, datetime

from koppeling.deadline import Deadline
from koppeling.messages import OrderMessage
from koppeling.onboard import pause, resume
from koppeling.orders import Orders
from koppeling.poll import poll
from koppeling.reconcile import reconcile
from koppeling.sync import sync_order
from koppeling.undo_orders import selected
from koppeling.workplace import Workplace
from tests.exactly_once.rig import AMSTERDAM, Connected, Stage, order
from tests.undo.hand import demand_gone, demand_paid, history, imported, of_run, retry, touched, undo, undo_orders


def test_an_order_is_taken_back_payment_first(stage: Stage, connected: Connected) -> None:
    """Its payment and its invoice are gone, its row says so, its customer stays; another order is untouched."""
    number, other = stage.sale(connected), stage.sale(connected)
    for each in (number, other):
        stage.deliver(connected, each)
    assert undo_orders(stage, connected, number)[number].outcome == "undone"
    demand_gone(stage, connected, number)
    demand_paid(stage, connected, other)
    assert stage.effects(connected, number)[0] == 1
    row = stage.row(connected, number)
    assert row.notes == (f"Factuur MWW{number} is op verzoek teruggedraaid.",)
    assert row.total


def test_a_dry_run_writes_nothing(stage: Stage, connected: Connected) -> None:
    """SnelStart is only read and no row changes; what would be taken back is told."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    before = stage.row(connected, number)
    stage.books.tell("calls/reset")
    foreseen = undo(stage, connected, [before], dry_run=True)
    assert foreseen[number].outcome == "would-undo"
    calls = stage.calls(connected)
    assert calls
    assert all(call.startswith("GET ") for call in calls if "token" not in call)
    assert stage.row(connected, number) == before
    demand_paid(stage, connected, number)


def test_it_does_not_come_back_by_itself(stage: Stage, connected: Connected) -> None:
    """Webhook, poll, another change in the shop, a pause with messages: it stays out until somebody asks."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    undo_orders(stage, connected, number)
    assert stage.deliver(connected, number) is None
    touched(stage, connected, number)
    poll(stage.table, connected.id)
    assert number not in {each.order_number for each in stage.queued()}
    stage.deliver(connected, number)
    paused = pause(stage.table, connected.connection)
    stage.deliver(connected, number)
    resume(stage.table, paused)
    for each in stage.queued():
        stage.deliver(connected, each.order_number)
    demand_gone(stage, connected, number)


def test_a_message_from_before_does_not_bring_it_back(stage: Stage, connected: Connected) -> None:
    """A retry that was still in a queue when the order was taken back asks for nothing any more."""
    number = stage.sale(connected)
    before = OrderMessage(connected.id, number, "retry", datetime.now(AMSTERDAM), "trace")
    stage.deliver(connected, number)
    undo_orders(stage, connected, number)
    sync_order(before, Deadline.after(58))
    demand_gone(stage, connected, number)


def test_it_is_booked_again_when_that_is_asked_for(stage: Stage, connected: Connected) -> None:
    """`koppeling retry` books it once, and it can be taken back once more."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    undo_orders(stage, connected, number)
    retry(connected, number)
    stage.demand_once(connected, number)
    assert not stage.row(connected, number).undone
    assert undo_orders(stage, connected, number)[number].outcome == "undone"
    demand_gone(stage, connected, number)


def test_an_import_is_taken_back_with_few_calls_and_imported_again(stage: Stage, connected: Connected) -> None:
    """Payments of many orders go at once; a later import books every order once more, with payments that add up."""
    stage.books.tell("settings", {"limits": False})
    numbers = history(stage, connected, 40)
    live = stage.sale(connected)
    stage.deliver(connected, live)
    run = imported(stage, connected)
    rows = of_run(stage, connected, run)
    assert sorted(row.number for row in rows) == sorted(numbers)
    payments = len({row.payment_id for row in rows})
    stage.books.tell("calls/reset")
    taken = undo(stage, connected, rows)
    assert {one.outcome for one in taken.values()} == {"undone"}
    calls = stage.calls(connected)
    assert calls["GET /verkoopboekingen/{id}"] == len(numbers)
    assert (
        sum(count for call, count in calls.items() if "bankboekingen" in call or "kasboekingen" in call) < 6 * payments
    )
    demand_gone(stage, connected, *numbers)
    demand_paid(stage, connected, live)
    imported(stage, connected)
    demand_paid(stage, connected, *numbers, live)
    found = Counter(invoice["factuurnummer"] for invoice in stage.ledger(connected)["invoices"])
    assert set(found.values()) == {1}


def test_one_order_of_a_payment_of_many_leaves_the_others_paid(stage: Stage, connected: Connected) -> None:
    """Taken out of the payment, never opening the others; the same payment keeps them."""
    numbers = history(stage, connected, 12, days=1)
    imported(stage, connected)
    groups = Counter(stage.row(connected, number).payment_id for number in numbers)
    [(payment_id, size)] = groups.most_common(1)
    assert size > 2
    [one, *others] = [number for number in numbers if stage.row(connected, number).payment_id == payment_id]
    stage.books.tell("calls/reset")
    assert undo_orders(stage, connected, one)[one].outcome == "undone"
    assert not any(call.startswith("POST") for call in stage.calls(connected) if "token" not in call)
    demand_gone(stage, connected, one)
    demand_paid(stage, connected, *others)
    assert {stage.row(connected, number).payment_id for number in others} == {payment_id}
    assert {one.outcome for one in undo_orders(stage, connected, *others).values()} == {"undone"}
    demand_gone(stage, connected, one, *others)


def test_a_day_is_the_date_of_the_invoice(stage: Stage, connected: Connected) -> None:
    """All invoices that bear the date go, those of another day stay."""
    numbers = history(stage, connected, 12)
    imported(stage, connected)
    days = {number: date.fromisoformat(_dated(stage, connected, number)) for number in numbers}
    day = Counter(days.values()).most_common(1)[0][0]
    chosen = selected(Orders(stage.table, connected.id), day=day)
    wanted = {number for number in numbers if days[number] == day}
    assert {row.number for row in chosen} == wanted
    undo(stage, connected, chosen)
    demand_gone(stage, connected, *wanted)
    demand_paid(stage, connected, *(set(numbers) - wanted))


def _dated(stage: Stage, connected: Connected, number: str) -> str:
    booking = stage.row(connected, number).booking
    assert booking
    return booking.factuurdatum


def test_cash_and_an_invoice_that_is_not_settled_go_too(stage: Stage, connected: Connected) -> None:
    """Paid in a cash journal; and booked while its payment was refused."""
    raw = order()
    raw["payment"] = {**raw["payment"], "gateway_name": "basic", "method_name": "cash"}
    stage.place(connected, raw)
    cash, unsettled = str(raw["number"]), stage.sale(connected)
    stage.deliver(connected, cash)
    assert len(stage.ledger(connected)["kasboekingen"]) == 1
    stage.trouble(connected, "refused", "/(bank|kas)boekingen", error_code="ALG-0105")
    stage.deliver(connected, unsettled)
    assert stage.row(connected, unsettled).state == "booked"
    taken = undo_orders(stage, connected, cash, unsettled)
    assert {one.outcome for one in taken.values()} == {"undone"}
    demand_gone(stage, connected, cash, unsettled)


def test_a_payment_whose_answer_was_lost_is_found_by_its_name(stage: Stage, connected: Connected) -> None:
    """Its id is not known here; it bears the number of the invoice."""
    number = stage.sale(connected)
    stage.trouble(connected, "cut-after", "/(bank|kas)boekingen")
    stage.until_done(connected, number)
    assert stage.row(connected, number).payment_id is None
    assert undo_orders(stage, connected, number)[number].outcome == "undone"
    demand_gone(stage, connected, number)


def test_a_reconciliation_misses_nothing_and_repairs_nothing(stage: Stage, connected: Connected) -> None:
    """Shop and books close with one order taken back and another credited on request: neither is to be booked."""
    gone, credited, sold = (stage.sale(connected) for _ in range(3))
    for number in (gone, credited, sold):
        stage.deliver(connected, number)
    undo_orders(stage, connected, gone)
    assert undo_orders(stage, connected, credited, credit=True)[credited].outcome == "credited"
    today = datetime.now(AMSTERDAM).date()
    with Workplace.open(stage.table, connected.connection) as place:
        found = reconcile(place, today, today)
    assert [(one.order_number, one.kind) for one in found.differences] == []
