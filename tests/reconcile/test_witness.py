"""Where shop and books alone cannot tell: our own rows, other periods, orders that came back."""

from datetime import datetime

from koppeling import repairing
from koppeling.reconcile import reconcile
from koppeling.workplace import Workplace
from tests.booking.world import line, paid
from tests.reconcile.planting import PLANTED
from tests.reconcile.shop import Shop
from tests.regimes.winkel import CANCELLED, credit_of, days_ago, on, thing
from tests.undo.hand import history, imported, undo_orders

COMPLETED = 4


def test_another_journal_chosen_since_is_no_other_journal(shop: Shop) -> None:
    """What we booked went where the profile of that day sent it, and both columns say so."""
    shop.sale()
    shop.change_profile('[journals]\n"mollie" = 1104\n')
    done = shop.compared()
    assert done.differences == ()
    assert [(one.name, one.closes) for one in done.journals] == [("1103", True)]


def test_a_later_order_of_the_same_customer_is_no_double(shop: Shop) -> None:
    """For the same amount, after the period, and nothing known of it here: its number is of our own form."""
    buyer = thing()["debtor"]
    shop.sale(debtor=buyer, **on(days_ago(4)))
    later = shop.sale(debtor=buyer, **on(days_ago(1)))
    shop.stage.table.delete(shop.row_key(later))
    first, last = (datetime.fromisoformat(days_ago(days)).date() for days in (5, 3))
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        done = reconcile(place, first, last)
    assert (done.orders, done.differences) == (1, ())


def test_an_order_restored_after_it_was_taken_back(shop: Shop) -> None:
    """The credit stands in the books alone; it is told as on the order itself, and nothing repairs it."""
    number = shop.sale()
    shop.stage.change(shop.connected, number, status=CANCELLED)
    shop.stage.until_done(shop.connected, number)
    assert shop.found() == []
    shop.stage.change(shop.connected, number, status=COMPLETED)
    shop.stage.deliver(shop.connected, number)
    [only] = shop.compared().differences
    assert (only.order_number, only.kind, only.repair) == (number, "credited-in-books-only", None)


def test_an_order_cancelled_whole_and_credited_in_part(shop: Shop) -> None:
    """What its credit orders leave of it is credited in the shop alone."""
    number = shop.sale()
    credit = credit_of(number, line(paid("-12.10")), total="-12.10", tax={"21": "-2.10"})
    shop.run(credit | on(days_ago(1)))
    assert shop.found() == []
    shop.stage.change(shop.connected, number, status=CANCELLED, credit_order_numbers=[credit["number"]])
    shop.stage.deliver(shop.connected, number)
    assert shop.found() == [(number, "credited-in-shop-only")]


def test_what_is_open_is_settled_at_the_first_delivery(shop: Shop) -> None:
    """The payment that was there certainly ended: nobody waits for it to come in still."""
    number = shop.sale()
    PLANTED["not-paid"][0](shop, number)
    done = shop.compared()
    with Workplace.open(shop.stage.table, shop.connected.connection) as place:
        assert repairing.repair(place, done.differences).queued == (number,)
    shop.stage.queued()
    assert shop.stage.deliver(shop.connected, number) is None
    assert shop.stage.row(shop.connected, number).state == "paid"
    assert shop.found() == []


def test_what_was_taken_back_on_request_is_not_missing(shop: Shop) -> None:
    """Out of the books by `koppeling undo`, it stays out until somebody asks: a repair does not."""
    number, other = shop.sale(), shop.sale()
    undo_orders(shop.stage, shop.connected, number)
    undo_orders(shop.stage, shop.connected, other, credit=True)
    done = shop.compared()
    assert done.differences == ()
    assert done.shop_total == done.books_total


def test_a_history_is_open_while_its_payments_are_to_come(shop: Shop) -> None:
    """Of an import under way nothing is repaired; afterwards it closes, payments of many invoices included."""
    number = shop.sale()
    gone = dict.fromkeys(("settlement", "paid_at", "payment_id"))
    shop.stage.rewrite(shop.connected, number, state="booked", **gone)
    PLANTED["not-paid"][0](shop, number)
    [only] = shop.compared().differences
    assert (only.kind, only.repair) == ("not-paid", None)
    assert "import" in only.sentence


def test_payments_of_many_invoices_are_each_ones_own(shop: Shop) -> None:
    """An import settles a day's invoices together: per order and per journal they are told apart."""
    numbers = history(shop.stage, shop.connected, 6)
    run = imported(shop.stage, shop.connected)
    assert run.finished
    done = shop.compared()
    assert done.orders == len(numbers)
    assert done.differences == ()
    assert done.verdict == "sluitend"
    assert all(one.closes for one in done.journals)


def test_a_payment_of_many_dated_after_the_period_is_seen(shop: Shop) -> None:
    """Its invoices are of days before it: their journals are compared all the same, and close."""
    history(shop.stage, shop.connected, 10, days=4)
    imported(shop.stage, shop.connected)
    first, last = (datetime.fromisoformat(days_ago(days)).date() for days in (10, 4))
    with Workplace.open(shop.stage.table, shop.connected.connection, live=False) as place:
        done = reconcile(place, first, last)
    assert 0 < done.orders < 10
    assert (done.differences, done.not_compared.journal) == ((), 0)
    assert all(one.closes for one in done.journals)


def test_a_payment_of_many_moved_to_another_journal_is_found(shop: Shop) -> None:
    """Of each of its invoices, by the journal our row knows; another one chosen since is no difference."""
    numbers = history(
        shop.stage, shop.connected, 12, days=1, payment={"gateway_name": "mollie", "method_name": "ideal"}
    )
    imported(shop.stage, shop.connected)
    undo_orders(shop.stage, shop.connected, numbers[0])
    assert shop.found() == []
    shop.change_profile('[journals]\n"mollie" = 1104\n')
    assert shop.found() == []
    shop.change_profile('[journals]\n"mollie" = 1103\n')
    [(path, payment)] = shop.books.payments(f"MWW{numbers[1]}")
    [other] = [row for row in shop.connected.snelstart.get("dagboeken") if row["nummer"] == 1104]
    shop.books.call("PUT", f"{path}/{payment['id']}", payment | {"dagboek": {"id": other["id"]}})
    done = shop.compared()
    assert sorted((one.order_number, one.kind) for one in done.differences) == [
        (number, "other-journal") for number in numbers[1:]
    ]
    assert [(one.name, one.closes) for one in done.journals] == [("1103", False), ("1104", False)]
