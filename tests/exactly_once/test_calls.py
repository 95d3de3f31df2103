"""What an order costs SnelStart, counted there."""

from tests.exactly_once.rig import Connected, Stage, order


def test_an_order_of_a_new_customer_costs_four_calls(stage: Stage, connected: Connected) -> None:
    """Look for the customer, make it, book the invoice, settle it: four calls."""
    number = stage.sale(connected)
    stage.books.tell("calls/reset")
    assert stage.deliver(connected, number) is None
    stage.demand_once(connected, number)
    assert stage.order_calls(connected) == 4


def test_an_order_of_a_known_customer_costs_two_calls(stage: Stage, connected: Connected) -> None:
    """A remembered customer is not asked for again: invoice and settlement."""
    stage.deliver(connected, stage.sale(connected, email="vast@example.nl"))
    again = order("Vast@Example.NL")
    stage.place(connected, again)
    stage.books.tell("calls/reset")
    assert stage.deliver(connected, str(again["number"])) is None
    assert stage.order_calls(connected) == 2
    assert stage.row(connected, str(again["number"])).state == "paid"


def test_an_order_that_is_done_costs_no_call_to_snelstart(stage: Stage, connected: Connected) -> None:
    """A message about a paid order asks the shop once whether it was taken back, and SnelStart nothing."""
    number = stage.sale(connected)
    stage.deliver(connected, number)
    stage.books.tell("calls/reset")
    stage.shop.tell("calls/reset")
    for _ in range(3):
        assert stage.deliver(connected, number) is None
    assert stage.books.ask("calls", administration=connected.administration)["total"] == 0
    assert stage.shop.ask("calls")["total"] == 3
    stage.demand_once(connected, number)


def test_a_new_connections_first_orders_read_no_reference_data_again(stage: Stage, connected: Connected) -> None:
    """What adding the connection read is kept: no accounts, journals or rates are asked for at the first orders."""
    stage.books.tell("calls/reset")
    for _ in range(3):
        stage.deliver(connected, stage.sale(connected))
    assert stage.books.ask("calls", administration=connected.administration)["reference"] == 0


def test_a_filter_that_is_not_understood_is_asked_in_its_plainest_form(stage: Stage, connected: Connected) -> None:
    """Whether SnelStart takes `or` in a filter is not documented: a refusal of it costs a call, never an order."""
    stage.books.tell(
        "faults",
        {"kind": "400", "method": "GET", "path": "/relaties", "times": 1, "administration": connected.administration},
    )
    number = stage.sale(connected)
    assert stage.deliver(connected, number) is None
    assert stage.row(connected, number).state == "paid"
    stage.demand_once(connected, number)


def test_a_crowd_of_new_customers_in_the_books_is_read_once_and_not_for_every_order(
    stage: Stage, connected: Connected
) -> None:
    """600 customers made just now cost two calls at one look-up; at the next ones there is one call again."""
    for turn in range(600):
        stage.books.tell(
            "relaties",
            {"administration": connected.administration, "naam": f"Klant {turn}", "email": f"druk{turn}@example.nl"},
        )
    looked = []
    for _ in range(3):
        number = stage.sale(connected)
        before = stage.calls(connected)["GET /relaties"]
        assert stage.deliver(connected, number) is None
        stage.demand_once(connected, number)
        looked.append(stage.calls(connected)["GET /relaties"] - before)
    assert looked == [2, 1, 1]
    known = stage.sale(connected, email="DRUK570@example.nl")
    made = stage.calls(connected)["POST /relaties"]
    assert stage.deliver(connected, known) is None
    assert stage.calls(connected)["POST /relaties"] == made, "it was remembered with the others"
