"""The simulated shop keeps to what is published of the API, and plays what is open both ways."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest
from standardwebhooks import Webhook

from sandbox.orders import makers_example
from sandbox.shop_state import Json
from sandbox.sign import signed_headers

ROOT = Path(__file__).parents[2]
TOKENS = {"token": "tok-een", "partner_token": "partner"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A shop process on a free port."""
    port_file = tmp_path_factory.mktemp("shop") / "port"
    command = [sys.executable, "-m", "sandbox.shop", "--port", "0", "--port-file", str(port_file)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment) as process:  # noqa: S603 - our own module
        deadline = time.monotonic() + 20
        while not port_file.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port_file.read_text()}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}


@pytest.fixture
def shop(server: str) -> Iterator[httpx.Client]:
    """One empty store, `tok-een`, in a fresh shop."""
    with httpx.Client(base_url=server, timeout=10) as client:
        client.post("/_sim/reset").raise_for_status()
        client.post("/_sim/partner-token", json={"partner_token": "partner"}).raise_for_status()
        client.post("/_sim/stores", json={"token": "tok-een", "name": "Een"}).raise_for_status()
        yield client


def order(number: int | str, **fields: object) -> Json:
    """The maker's example under another number."""
    paid = makers_example(date(2026, 11, 23), gateway="mollie", method="ideal")
    return {**paid.raw, "number": number, **fields}


def put(shop: httpx.Client, *orders: Json, store: str = "tok-een") -> None:
    """Hand orders to the shop."""
    shop.post("/_sim/orders", json={"store": store, "orders": list(orders)}).raise_for_status()


def play(shop: httpx.Client, **settings: object) -> None:
    """Change how the shop answers."""
    shop.post("/_sim/settings", json=settings).raise_for_status()


def get(shop: httpx.Client, path: str, **query: str | int) -> httpx.Response:
    """Call the API with both tokens."""
    return shop.get(path, params={**TOKENS, **query})


def numbers(response: httpx.Response) -> list[object]:
    """The numbers of a listing."""
    response.raise_for_status()
    return [each["number"] for each in response.json()]


def test_store_names_the_shop_of_the_token(shop: httpx.Client) -> None:
    """The store call answers for the token's own shop."""
    shop.post("/_sim/stores", json={"token": "tok-twee", "name": "Twee", "primary_domain": "https://twee.example.nl"})
    assert get(shop, "/v1/store").json()["name"] == "Een"
    assert get(shop, "/v1/store", token="tok-twee").json()["primary_domain"] == "https://twee.example.nl"


@pytest.mark.parametrize("bad", [{"token": "x"}, {"partner_token": "x"}])
def test_wrong_tokens_are_answered_alike(shop: httpx.Client, bad: dict[str, str]) -> None:
    """A wrong store token and a wrong partner token cannot be told apart by the answer."""
    answer = shop.get("/v1/store", params=TOKENS | bad)
    assert (answer.status_code, answer.json()["detail"]) == (403, "Credentials are not valid")


@pytest.mark.parametrize("missing", ["token", "partner_token"])
def test_missing_tokens_are_answered_alike_in_the_older_shape_too(shop: httpx.Client, missing: str) -> None:
    """A missing token is 401, in the older shape when the shop is set to it."""
    play(shop, error_shape="code")
    answer = shop.get("/v1/store", params={key: value for key, value in TOKENS.items() if key != missing})
    assert answer.status_code == 401
    assert answer.json() == {"code": 401, "message": "Unauthorized", "description": "Credentials are missing"}


def test_statuses_come_in_dutch_and_need_the_partner_token_alone(shop: httpx.Client) -> None:
    """Order statuses are told in the asked language, also without a store token."""
    answer = shop.get("/v1/orderstatuses", params={"partner_token": "partner", "language": "nl_NL"}).json()
    assert {"status": 4, "description": "Afgerond", "credit_order": False} in answer
    assert "Geannuleerd" in {each["description"] for each in answer}
    assert [each["status"] for each in answer if each["credit_order"]] == [10]
    assert get(shop, "/v1/orderstatuses", language="en_GB").json()[3]["description"] == "Completed"


@pytest.mark.parametrize(
    "query",
    [
        {"page": "2"},
        {"limit": "0"},
        {"limit": "tien"},
        {"offset": "-1"},
        {"ordering": "up"},
        {"start_date": "23-11-2026"},
        {"start_date": "2026-02-30"},
        {"status_changed_start_date": "2026-11-23T10:00:00"},
        {"status_changed_start_date": "2026-11-23"},
        {"status_changed_end_date": "2026-11-23 25:00:00"},
        {"archived": "ja"},
        {"language": "nl"},
        {"format": "xml"},
    ],
)
def test_a_query_that_is_not_published_is_refused(shop: httpx.Client, query: dict[str, str]) -> None:
    """An unknown or malformed query parameter is a 400."""
    assert get(shop, "/v1/orders", **query).status_code == 400


def test_orders_are_listed_by_number_and_paged(shop: httpx.Client) -> None:
    """Listing is by order number, ten at a time unless asked otherwise, a hundred at most."""
    put(shop, *(order(number) for number in reversed(range(1, 121))))
    assert numbers(get(shop, "/v1/orders")) == list(range(1, 11))
    assert numbers(get(shop, "/v1/orders", limit=3, offset=118)) == [119, 120]
    assert numbers(get(shop, "/v1/orders", limit=2, ordering="desc")) == [120, 119]
    assert len(numbers(get(shop, "/v1/orders", limit=500))) == 100
    play(shop, limit_above_max="refuse")
    assert get(shop, "/v1/orders", limit=101).status_code == 400


def test_filters_select_and_count_agrees(shop: httpx.Client) -> None:
    """Each filter selects, and the count under the same filters says how many."""
    put(
        shop,
        order(1, date="2026-11-20"),
        order(2, status=1),
        order(3, archived=True),
        order("4T"),
        order(5, debtor={"email": "Jan@example.nl"}),
    )
    for query, expected in (
        ({}, [1, 2, 3, 5]),
        ({"start_date": "2026-11-21"}, [2, 3, 5]),
        ({"end_date": "2026-11-20"}, [1]),
        ({"status_id": "1"}, [2]),
        ({"archived": "true"}, [3]),
        ({"archived": "false"}, [1, 2, 5]),
        ({"test": "true"}, [1, 2, 3, "4T", 5]),
    ):
        assert numbers(get(shop, "/v1/orders", **query)) == expected
        assert get(shop, "/v1/orders/count", **query).json() == {"count": len(expected)}
    assert numbers(get(shop, "/v1/orders", debtor_email="jan@example.nl")) == [5]
    play(shop, archived_default="active")
    assert numbers(get(shop, "/v1/orders")) == [1, 2, 5]


def test_the_zone_of_the_status_filter_can_be_either(shop: httpx.Client) -> None:
    """The same filter text means another moment when the shop reads it as UTC."""
    put(shop, order(1, status_changed_date="2026-11-23", status_changed_time="12:00:00"))
    window = {"status_changed_start_date": "2026-11-23 11:30:00", "status_changed_end_date": "2026-11-23 12:00:00"}
    assert numbers(get(shop, "/v1/orders", **window)) == [1]
    play(shop, filter_zone="UTC")
    assert numbers(get(shop, "/v1/orders", **window)) == []
    assert numbers(get(shop, "/v1/orders", status_changed_end_date="2026-11-23 11:00:00")) == [1]


def test_one_order_as_handed_in_or_a_problem(shop: httpx.Client) -> None:
    """One order comes back as it was handed in; one that is not there, or a test order, is an RFC 7807 404."""
    put(shop, order(27), order("28T"))
    raw = {key: value for key, value in order(27).items() if key != "_payments"}
    assert get(shop, "/v1/orders/27").json() == raw
    play(shop, error_shape="code")
    for path in ("/v1/orders/9", "/v1/orders/28T", "/v1/orders/9/payments", "/v1/kasboek"):
        answer = get(shop, path)
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.status_code, answer.json()["status"]) == (404, 404)


def test_an_order_is_out_of_sight_for_another_store(shop: httpx.Client) -> None:
    """Two stores may use one number and never see each other's order."""
    shop.post("/_sim/stores", json={"token": "tok-twee", "name": "Twee"})
    put(shop, order(1, reference="een"))
    assert get(shop, "/v1/orders/1", token="tok-twee").status_code == 404
    put(shop, order(1, reference="twee"), store="Twee")
    assert get(shop, "/v1/orders/1").json()["reference"] == "een"


def test_payments_show_mutations_when_asked(shop: httpx.Client) -> None:
    """Mutations come with embed=mutations only."""
    put(shop, order(27))
    bare, full = (get(shop, "/v1/orders/27/payments", **query).json() for query in ({}, {"embed": "mutations"}))
    assert "mutations" not in bare["payments"][0]
    assert full["payments"][0]["mutations"][-1]["type"] == "capture"
    assert full["payments"][0]["price"] == 4745
    play(shop, numbers="text")
    assert get(shop, "/v1/orders/27/payments").json()["payments"][0]["price"] == "4745"
    assert get(shop, "/v1/orders/27/payments", embed="alles").status_code == 400


def test_numbers_come_as_text_or_as_json_numbers(shop: httpx.Client) -> None:
    """Amounts, whole numbers and the order number change their JSON type, never their value."""
    put(shop, order(27))
    play(shop, numbers="number", integers="text", order_number="text")
    told = get(shop, "/v1/orders/27").json()
    assert (told["number"], told["status"], told["orderlines"][0]["quantity"]) == ("27", "4", "1")
    assert (told["price"]["total"], told["orderlines"][0]["price"]["amount"]) == (47.45, 12.396694)
    play(shop, numbers="text", integers="number", order_number="number")
    told = get(shop, "/v1/orders/27").json()
    assert (told["number"], told["status"]) == (27, 4)
    assert Decimal(told["price"]["total"]) == Decimal("47.45")


def test_prices_and_countries_come_in_every_shape(shop: httpx.Client) -> None:
    """A single price is an object or a list of one; several rates are always a list; a country may be an empty list."""
    single = order(1, price={"total": "1.21", "tax": [{"amount": "0.21", "rate": "21.00"}]})
    put(shop, single, order(27))
    play(shop, line_price="list", price_tax="object", country="empty-list")
    told = get(shop, "/v1/orders/1").json()
    assert [isinstance(line["price"], list) for line in told["orderlines"]] == [True] * 6
    assert told["price"]["tax"] == {"amount": "0.21", "rate": "21.00"}
    assert told["shipping"] == [{"country": []}]
    assert isinstance(get(shop, "/v1/orders/27").json()["price"]["tax"], list)
    play(shop, line_price="object", price_tax="list")
    told = get(shop, "/v1/orders/27").json()
    assert [isinstance(line["price"], list) for line in told["orderlines"]] == [False] * 4 + [True, False]


def test_credit_amounts_take_either_sign_and_nothing_else_does(shop: httpx.Client) -> None:
    """A credit order's amounts are turned to the sign asked for; an ordinary order that names another is not."""
    put(shop, order(28, status=10, credited_order_number=27), order(29, status=4, credited_order_number=27))
    for sign, total in (("negative", "-47.450000"), ("positive", "47.450000")):
        play(shop, credit_sign=sign)
        told = get(shop, "/v1/orders/28").json()
        assert told["price"]["total"] == total
        lines = [
            part
            for line in told["orderlines"]
            for part in ([line["price"]], line["price"])[isinstance(line["price"], list)]
        ]
        assert sum(Decimal(part["amount_including_tax"]) for part in lines) == Decimal(total)
        assert get(shop, "/v1/orders/29").json()["price"]["total"] == "47.450000"


def test_unknown_fields_and_line_types_and_a_missing_payment_status(shop: httpx.Client) -> None:
    """The shop can speak a newer dialect: fields and line types nobody knows, and no payment_status."""
    put(shop, order(27))
    play(shop, unknown_fields=True, unknown_line_types=True, payment_status="absent")
    told = get(shop, "/v1/orders/27").json()
    assert "payment_status" not in told
    assert "sustainability" in told
    assert [line["type"] for line in told["orderlines"]][3:] == ["article", "nieuw_payment", "nieuw_payment"]


def test_too_many_calls_are_429_per_store(shop: httpx.Client) -> None:
    """The rate limit counts each store by itself and says when to come back."""
    shop.post("/_sim/stores", json={"token": "tok-twee", "name": "Twee"})
    play(shop, rate_limit=2)
    answers = [get(shop, "/v1/store") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[2].headers["retry-after"]) <= 61
    assert get(shop, "/v1/store", token="tok-twee").status_code == 200


@pytest.mark.parametrize("kind", ["401", "403", "404", "429", "500", "503"])
def test_an_error_can_be_injected_for_so_many_calls(shop: httpx.Client, kind: str) -> None:
    """A fault hits the calls whose path matches, after as many as said and for as long as said."""
    shop.post("/_sim/faults", json={"path": "/store$", "kind": kind, "times": 1, "after": 1, "store": "Een"})
    assert get(shop, "/v1/orderstatuses").status_code == 200
    assert [get(shop, "/v1/store").status_code for _ in range(3)] == [200, int(kind), 200]


def test_answers_can_be_broken(shop: httpx.Client) -> None:
    """A 200 may hold rubbish, a web page or nothing; a connection may break off or stay silent."""
    for kind in ("garbage", "html-200", "empty-200"):
        shop.post("/_sim/faults", json={"path": ".", "kind": kind, "times": 1})
        answer = get(shop, "/v1/store")
        assert answer.status_code == 200
        with pytest.raises(ValueError, match=r"\w"):
            answer.json()
    for kind, error in (("cut", httpx.RemoteProtocolError), ("timeout", httpx.ReadTimeout)):
        shop.post("/_sim/faults", json={"path": ".", "kind": kind, "times": 1})
        with pytest.raises(error):
            shop.get("/v1/store", params=TOKENS, timeout=0.5)
    assert get(shop, "/v1/store").status_code == 200


def test_an_order_can_change_while_one_pages(shop: httpx.Client) -> None:
    """An order that leaves the filter between two pages makes the next page skip one: the trap of paging by offset."""
    put(shop, *(order(number) for number in range(1, 6)))
    shop.post(
        "/_sim/faults",
        json={"path": "/orders$", "kind": "change", "times": 1, "store": "Een", "number": 1, "fields": {"status": 5}},
    )
    seen = [
        number
        for offset in (0, 2, 4)
        for number in numbers(get(shop, "/v1/orders", status_id=4, limit=2, offset=offset))
    ]
    assert seen == [1, 2, 4, 5]


def test_another_status_is_stamped_in_amsterdam_time(shop: httpx.Client) -> None:
    """Changing the status dates the change now, in Amsterdam; changing something else leaves that date."""
    put(shop, order(1, status_changed_date="2026-11-01", status_changed_time="10:00:00"))
    shop.patch("/_sim/orders/Een/1", json={"payment_status": "refunded"}).raise_for_status()
    assert get(shop, "/v1/orders/1").json()["status_changed_date"] == "2026-11-01"
    shop.patch("/_sim/orders/Een/1", json={"status": 5}).raise_for_status()
    told = get(shop, "/v1/orders/1").json()
    stamped = datetime.fromisoformat(f"{told['status_changed_date']} {told['status_changed_time']}")
    now = datetime.now(UTC)
    assert abs(now - stamped.replace(tzinfo=ZoneInfo("Europe/Amsterdam"))) < timedelta(minutes=1)


def test_calls_are_counted_and_the_dump_gives_back_what_was_put(shop: httpx.Client) -> None:
    """Calls count per store, path template and status; the dump holds the orders with their payments."""
    put(shop, order(27), order(28))
    for number in (27, 28, 29):
        get(shop, f"/v1/orders/{number}")
    told = shop.get("/_sim/calls").json()
    assert told["total"] == 3
    path = "/v1/orders/{order_number}"
    assert {"store": "Een", "method": "GET", "path": path, "status": 200, "count": 2} in told["calls"]
    assert "tok-een" not in str(told)
    shop.post("/_sim/calls/reset")
    assert shop.get("/_sim/calls").json() == {"total": 0, "calls": []}
    assert shop.get("/_sim/orders", params={"store": "tok-een"}).json() == [order(27), order(28)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_sim/settings", {"numbers": "roman"}),
        ("/_sim/settings", {"no_such": 1}),
        ("/_sim/settings", {"rate_limit": "5"}),
        ("/_sim/faults", {"path": "(", "kind": "500"}),
        ("/_sim/faults", {"path": ".", "kind": "418"}),
        ("/_sim/orders", {"store": "nergens", "orders": []}),
        ("/_sim/orders", {"store": "Een", "orders": [{"number": 1}]}),
        ("/_sim/stores", {"name": "zonder token"}),
    ],
)
def test_the_side_door_refuses_what_it_does_not_know(shop: httpx.Client, path: str, body: Json) -> None:
    """A mistake in a test is a 400 with a reason, not a silent default."""
    answer = shop.post(path, json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_round_trips_take_their_time_side_by_side(server: str, shop: httpx.Client) -> None:
    """Every call takes the round trip that was set, and twenty at once take no longer than one."""
    play(shop, round_trip_ms=300)

    async def all_at_once() -> float:
        started = time.monotonic()
        async with httpx.AsyncClient(base_url=server, timeout=10) as client:
            await asyncio.gather(*(client.get("/v1/store", params=TOKENS) for _ in range(20)))
        return time.monotonic() - started

    assert 0.3 <= asyncio.run(all_at_once()) < 3


def test_a_signed_webhook_is_one_the_standard_accepts() -> None:
    """The sandbox's signature passes the standard's own verification, whatever zone the moment came in."""
    secret, body = "whsec_" + "c2VjcmV0LW9mLXRoZS1zYW5kYm94LTEyMzQ1Ng==", b'{"data": {"order_number": 27}}'
    headers = signed_headers(secret, body, sent_at=datetime.now(ZoneInfo("Europe/Amsterdam")))
    assert Webhook(secret).verify(body, headers) == {"data": {"order_number": 27}}
    assert re.fullmatch(r"msg_[0-9a-f]{32}", headers["webhook-id"])
