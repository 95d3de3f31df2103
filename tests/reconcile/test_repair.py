"""`--repair`: what is missing is booked and what is open is settled, once; everything else is named and left."""

from koppeling import repairing
from koppeling.compared import Difference, DifferenceKind
from koppeling.order_row import OrderRow
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.planting import PLANTED
from tests.reconcile.shop import Shop
from tests.regimes.winkel import credit_of, days_ago, on, run, thing


def _repaired(shop: Shop) -> repairing.Repaired:
    done = shop.compared()
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        return repairing.repair(place, done.differences)


def _worked(shop: Shop) -> list[OrderRow]:
    """What the worker makes of the queued orders."""
    return [shop.stage.until_done(shop.connected, one.order_number) for one in shop.stage.queued()]


def _plant(shop: Shop, kind: DifferenceKind, which: int = 0) -> str:
    number = shop.sale()
    PLANTED[kind][which](shop, number)
    return number


def test_what_is_missing_or_open_is_repaired_and_the_shop_closes(shop: Shop) -> None:
    """Never announced, removed in the books, not settled, cancelled in the shop: all as if nothing had happened."""
    shop.sale()
    never = thing(**on(days_ago(1)))
    shop.stage.place(shop.connected, never)
    removed, unpaid = _plant(shop, "missing"), _plant(shop, "not-paid")
    cancelled = _plant(shop, "credited-in-shop-only")
    sale = shop.sale()
    credit = credit_of(sale, line(paid("-121.00")), total="-121.00", tax={"21": "-21.00"})
    shop.stage.place(shop.connected, credit)
    repaired = _repaired(shop)
    assert repaired.left == ()
    assert set(repaired.queued) == {str(never["number"]), removed, unpaid, cancelled, str(credit["number"])}
    states = {row.number: row.state for row in _worked(shop)}
    assert states == dict.fromkeys((str(never["number"]), removed, unpaid), "paid") | {
        cancelled: "credited",
        str(credit["number"]): "credited",
    }
    assert shop.found() == []
    assert "opnieuw geboekt" in " ".join(shop.stage.row(shop.connected, removed).notes)
    shop.stage.demand_once(shop.connected, str(never["number"]), removed, unpaid)


def test_a_removed_credit_invoice_is_booked_again(shop: Shop) -> None:
    """On its own number, with its original as it was."""
    sale = shop.sale()
    credit = run(
        shop.stage,
        shop.connected,
        credit_of(sale, line(paid("-121.00")), total="-121.00", tax={"21": "-21.00"}),
    )
    shop.books.delete(f"MWW{credit}")
    assert shop.found() == [(credit, "credited-in-shop-only")]
    assert _repaired(shop).queued == (credit,)
    assert [row.state for row in _worked(shop)] == ["credited"]
    assert shop.found() == []


def test_an_open_reversal_is_settled_again(shop: Shop) -> None:
    """The refund of a cancelled order, removed by hand, goes out once more."""
    number = _plant(shop, "credited-in-shop-only")
    shop.stage.until_done(shop.connected, number)
    shop.books.unpay(f"MWW{number}C")
    assert shop.found() == [(number, "not-paid")]
    assert _repaired(shop).queued == (number,)
    assert [row.state for row in _worked(shop)] == ["credited"]
    assert shop.found() == []


def test_what_people_did_is_left_to_people(shop: Shop) -> None:
    """Nothing of it is queued, no row is opened, the books stay as they are."""
    left: list[DifferenceKind] = [
        *("double", "different-amount", "different-vat", "overpaid", "other-journal"),
        *("credited-in-books-only", "changed-by-hand", "changed-in-shop"),
    ]
    numbers = {kind: _plant(shop, kind) for kind in left}
    before = shop.stage.ledger(shop.connected)
    repaired = _repaired(shop)
    assert repaired.queued == ()
    assert sorted((one.order_number, one.kind) for one in repaired.left) == sorted(
        (number, kind) for kind, number in numbers.items()
    )
    assert shop.stage.queued() == []
    assert shop.stage.ledger(shop.connected) == before
    assert {shop.stage.row(shop.connected, number).state for number in numbers.values()} == {"paid"}


def test_a_renumbered_invoice_is_not_booked_a_second_time(shop: Shop) -> None:
    """Dated out of the period and renumbered by hand, it is found by its id: changed, not missing."""
    number = shop.sale()
    shop.books.change(f"MWW{number}", factuurnummer=f"W{number}", factuurdatum=f"{days_ago(30)}T00:00:00")
    assert shop.found() == [(number, "changed-by-hand")]
    assert _repaired(shop).queued == ()


def test_an_order_entered_by_hand_in_its_place_is_not_booked_a_second_time(shop: Shop) -> None:
    """Removed and booked again by the bookkeeper under another number: told, and left."""
    number = shop.sale()
    shop.books.copy(f"MWW{number}", factuurnummer="2026-0001")
    shop.books.delete(f"MWW{number}")
    assert shop.found() == [(number, "changed-by-hand")]
    assert _repaired(shop).queued == ()


def test_a_row_that_changed_since_is_left(shop: Shop) -> None:
    """Between the comparison and the repair the order was worked on: nothing is opened again."""
    number = _plant(shop, "missing")
    done = shop.compared()
    shop.stage.rewrite(shop.connected, number, owner="somebody", lease_until="2099-01-01T00:00:00.000Z")
    with Workplace.open(shop.stage.table, shop.connected.connection) as place:
        repaired = repairing.repair(place, done.differences)
    assert (repaired.queued, [one.order_number for one in repaired.left]) == ((), [number])
    assert shop.stage.row(shop.connected, number).state == "paid"


def test_repairing_twice_books_once(shop: Shop) -> None:
    """The second repair finds the order opened already, and its message does nothing more."""
    number = _plant(shop, "missing")
    done = shop.compared()
    with Workplace.open(shop.stage.table, shop.connected.connection) as place:
        first, second = (repairing.repair(place, done.differences) for _ in range(2))
    assert (first.queued, second.queued) == ((number,), ())
    _worked(shop)
    assert shop.stage.effects(shop.connected, number)[1:] == (1, 1)
    assert shop.found() == []


def test_waiting_for_a_repair_ends_with_its_verdict_or_its_time(shop: Shop) -> None:
    """What the worker has not come to in time is told, with the rest of what is left."""
    number = _plant(shop, "missing")
    _repaired(shop)
    told: list[int] = []
    with Workplace.open(shop.stage.table, shop.connected.connection) as place:
        assert repairing.settled_down(place, [number], 0.0, told.append) == (number,)
        _worked(shop)
        assert repairing.settled_down(place, [number], 0.0, told.append) == ()
    assert told == []


def test_what_the_worker_refused_or_did_not_come_to_is_left(shop: Shop) -> None:
    """After waiting: what people must do, of it what was queued in vain, and apart what is still under way."""
    dollars = _plant(shop, "changed-by-hand")
    done, refused, late = (thing(**on(days_ago(1))) for _ in range(3))
    shop.stage.place(shop.connected, done, refused, late)
    numbers = [str(raw["number"]) for raw in (done, refused, late)]
    repaired = _repaired(shop)
    assert (repaired.queued, [one.order_number for one in repaired.left]) == (tuple(numbers), [dollars])
    shop.stage.change(shop.connected, numbers[1], currency="USD")
    for number in numbers[:2]:
        shop.stage.deliver(shop.connected, number)
    with Workplace.open(shop.stage.table, shop.connected.connection) as place:
        unfinished = repairing.settled_down(place, repaired.queued, 0.0, lambda _: None)
    after = repaired.after(shop.compared().differences, unfinished)
    assert (after.queued, after.unfinished, after.refused) == (tuple(numbers), (numbers[2],), (numbers[1],))
    assert [(one.order_number, one.kind) for one in after.left] == [
        (dollars, "changed-by-hand"),
        (numbers[1], "missing"),
    ]
    assert "USD" in after.left[1].sentence


def test_a_difference_repeats_what_is_to_be_done() -> None:
    """As JSON a difference has the contract's keys and nothing else; amounts are text or null."""
    one = Difference("1001", "missing", None, None, "Zin.", "Raad.")
    assert one.as_json().keys() == {"order_number", "kind", "shop", "books", "sentence", "advice"}
