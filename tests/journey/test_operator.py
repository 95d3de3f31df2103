import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest

from sandbox.sign import signed_headers
from sandbox.world import APP_NAME, PARTNER_TOKEN, SUBSCRIPTION_KEY, World
from tests.journey.steps import Json, announce, book, connect, customers, generated, left_in, reach, rows_of, sale

ORDER_FIELDS = {
    *("order_number", "state", "invoice_number", "total", "currency", "relatie_id", "verkoopboeking_id", "payment_id"),
    *("reason", "notes", "received_at", "paid_at"),
}


def failed(done: subprocess.CompletedProcess[str], code: int = 3) -> str:
    """It ended with this code and one line on standard error, which comes back."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = done.stderr.splitlines()
    return sentence


def adding(stage: World, slug: str, *, token: str = "", key: str = "", **administration: object) -> tuple[str, ...]:
    """The words of `koppeling add` for a new shop and administration, with another credential where one is given."""
    shop_token, koppelsleutel = f"shop-token-{slug}", f"koppelsleutel-{slug}"
    stage.shop.tell("stores", {"token": shop_token, "name": f"Winkel {slug}", "primary_domain": f"{slug}.example"})
    stage.books.tell("administrations", {"koppelsleutel": koppelsleutel, "naam": f"Boeken {slug}"} | administration)
    given = ("--shop-token", token or shop_token, "--snelstart-key", key or koppelsleutel)
    return ("add", "--name", f"Naam {slug}", *given)


def listed(stage: World) -> set[str]:
    """The ids of all connections."""
    return {one["connection_id"] for one in stage.koppeling("list")}


def test_partner_never_tells_what_it_keeps(stage: World) -> None:
    """`partner --show` says which credentials are set and never what they are."""
    people, script = stage.run_koppeling("partner", "--show"), stage.run_koppeling("partner", "--show", "--json")
    for done in (people, script):
        assert done.returncode == 0
        assert SUBSCRIPTION_KEY not in done.stdout + done.stderr
        assert PARTNER_TOKEN not in done.stdout + done.stderr
    shown = json.loads(script.stdout)
    assert shown == {
        "subscription_key": True,
        "partner_token": True,
        "link_signing_key": True,
        "product": "productie",
        "app_name": APP_NAME,
        "activation_webhook": f"{stage.deployment.api_url}/snelstart/koppeling",
    }


def test_add_says_whose_books_and_which_shop(stage: World) -> None:
    """`add` names the shop and the administration it found, and prints what the sender needs, the profile too."""
    done = stage.run_koppeling(*adding(stage, "erbij"))
    assert done.returncode == 0
    for text in ("Winkel erbij", "erbij.example", "Boeken erbij", "whsec_", "/webhooks/mijnwebwinkel/", "[accounts]"):
        assert text in done.stdout
    for secret in ("shop-token-erbij", "koppelsleutel-erbij"):
        assert secret not in done.stdout + done.stderr

    added = stage.koppeling(*adding(stage, "json"))
    assert added["shop"]["name"] == "Winkel json"
    assert added["administration"]["name"] == "Boeken json"
    assert added["profile"]["completed_statuses"] == [4]
    assert {"connection_id", "webhook_url", "webhook_secret", "webhook_key", "profile_toml"} <= added.keys()
    assert added["connection_id"] in listed(stage)


@pytest.mark.parametrize(
    ("slug", "wrong", "named"),
    [
        ("token", {"token": "shop-token-wrong"}, "weigert het token"),
        ("sleutel", {"key": "koppelsleutel-wrong"}, "weigert de koppelsleutel"),
        ("rechten", {"scopes": ["relaties:read", "boekhouden:read", "settings:read"]}, "boekhouden:write"),
    ],
)
def test_add_names_the_credential_that_is_wrong(stage: World, slug: str, wrong: Any, named: str) -> None:  # noqa: ANN401 -- options
    """`add` with a wrong token, koppelsleutel or too few rights says which, ends with 3 and stores nothing."""
    before = listed(stage)

    sentence = failed(stage.run_koppeling(*adding(stage, slug, **wrong)))

    assert named in sentence
    assert "wrong" not in sentence
    assert listed(stage) == before


def test_add_names_the_operators_own_credentials(stage: World) -> None:
    """`add` with a refused or missing partner credential says that it is the operator's, and ends with 3."""
    arguments = adding(stage, "beheer")
    try:
        stage.shop.tell("partner-token", {"partner_token": "another"})
        assert "partnertoken" in failed(stage.run_koppeling(*arguments))
        stage.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
        stage.books.tell("subscription-key", {"key": "another"})
        assert "subscription key" in failed(stage.run_koppeling(*arguments))
    finally:
        stage.shop.tell("partner-token", {"partner_token": PARTNER_TOKEN})
        stage.books.tell("subscription-key", {"key": SUBSCRIPTION_KEY})

    environment = stage.deployment.environment
    secrets = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    ).client("secretsmanager", endpoint_url=stage.deployment.endpoint)
    name = stage.deployment.outputs["PartnerSecretName"]
    kept = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(json.loads(kept) | {"partner_token": ""}))
    try:
        sentence = failed(stage.run_koppeling(*arguments))
        assert "nog niet ingevuld" in sentence
        assert "koppeling partner" in sentence
    finally:
        secrets.put_secret_value(SecretId=name, SecretString=kept)
    assert stage.run_koppeling(*arguments).returncode == 0


def test_list_and_show_say_how_it_goes(stage: World) -> None:
    """`list` shows every connection, `show` one of them with its orders counted by state, neither any secret."""
    connected = connect(stage, "Overzicht")
    (waiting,) = generated(1, first=1002, unpaid=1)
    stage.place(connected, [waiting.raw])
    announce(stage, connected, [1002])
    book(stage, connected, sale(1001))
    reach(stage, connected, {"1002": "waiting"})

    (mine,) = (one for one in stage.koppeling("list") if one["connection_id"] == connected.id)
    shown = stage.koppeling("show", connected.id)
    people = stage.run_koppeling("list").stdout + stage.run_koppeling("show", connected.id).stdout

    assert mine["status"] == shown["status"] == "active"
    assert mine["name"] == "Overzicht"
    assert {state: count for state, count in shown["orders"].items() if count} == {"paid": 1, "waiting": 1}
    assert "Overzicht administratie" in people
    told = people + json.dumps([mine, shown])
    for secret in (connected.shop_token, connected.koppelsleutel, connected.webhook_secret, connected.webhook_key):
        assert secret not in told


def test_orders_of_a_paused_connection_are_kept_for_later(stage: World) -> None:
    """What is announced during a pause is kept and not booked; `resume` books all of it, and the poll stays away."""
    connected = connect(stage, "Vakantie")
    stage.place(connected, [sale(number) for number in (1001, 1002, 1003)])
    paused = stage.koppeling("pause", connected.id)
    assert (paused["status"], paused["paused"]["code"]) == ("paused", "koppeling-paused")

    announce(stage, connected, [1001, 1002])
    stage.deployment.poll()
    reach(stage, connected, {"1001": "received", "1002": "received"})
    assert failed(stage.run_koppeling("retry", connected.id, "1001")).count("resume") == 1
    assert stage.invoices(connected) == {}

    resumed = stage.koppeling("resume", connected.id)
    assert (resumed["status"], resumed["paused"], resumed["queued"]) == ("active", None, 2)
    reach(stage, connected, {"1001": "paid", "1002": "paid"})
    stage.deployment.poll()
    reach(stage, connected, {"1003": "paid"})
    assert stage.invoices(connected).keys() == {"MWW1001", "MWW1002", "MWW1003"}


def test_a_removed_connection_leaves_nothing_behind(stage: World) -> None:
    """`remove` erases every row of a connection, its webhooks are unknown from then on, the books keep theirs."""
    connected = connect(stage, "Afscheid")
    stage.place(connected, [sale(1001)])
    assert stage.run_koppeling("retry", connected.id, "1001").returncode == 1, "never announced: said, and queued"
    reach(stage, connected, {"1001": "paid"})
    assert len(rows_of(stage, connected.id)) >= 4
    assert failed(stage.run_koppeling("remove", connected.id), 2)

    removed = stage.koppeling("remove", connected.id)

    assert removed["removed"] is True
    assert rows_of(stage, connected.id) == []
    assert connected.id not in listed(stage)
    assert stage.announce(connected, 1001).status_code == 401
    assert connected.id in failed(stage.run_koppeling("show", connected.id))
    assert len(stage.invoices(connected)) == 1
    assert len(customers(stage, connected)) == 1


def test_rotate_keeps_the_secret_before_it_and_no_older_one(stage: World, http: httpx.Client) -> None:
    """After two rotations the two newest secrets are good, the first one and every older URL key are not."""
    connected = connect(stage, "Wisselwinkel")
    stage.place(connected, [sale(1001), sale(1002)])
    first = stage.koppeling("rotate", connected.id)
    second = stage.koppeling("rotate", connected.id)

    def signed(secret: str, number: int) -> int:
        body = json.dumps({"order_number": number}).encode()
        return http.post(connected.webhook_url, content=body, headers=signed_headers(secret, body)).status_code

    def keyed(key: str) -> int:
        return http.post(connected.webhook_url, params={"key": key}, content=b'{"order_number": 1001}').status_code

    assert signed(connected.webhook_secret, 1001) == 401
    assert signed(first["webhook_secret"], 1001) == 202
    assert signed(second["webhook_secret"], 1002) == 202
    assert [keyed(key) for key in (connected.webhook_key, first["webhook_key"], second["webhook_key"])] == [
        *(401, 401, 202)
    ]
    reach(stage, connected, {"1001": "paid", "1002": "paid"})


def test_a_profile_that_does_not_fit_is_refused(stage: World) -> None:
    """A profile with an account or journal that does not fit is not stored; what would do is named."""
    connected = connect(stage, "Profiel")
    before = stage.koppeling("profile", connected.id)

    for setting, named in (
        ("accounts.revenue_high=8210", ("8210", "Wel geschikt: 8200")),
        ("accounts.revenue_low=9999", ("9999", "Wel geschikt: 8210")),
        ('journals."*"=1300', ("1300", "1100")),
        ("cost_centre=77", ("77",)),
    ):
        sentence = failed(stage.run_koppeling("profile", connected.id, "--set", setting))
        for text in named:
            assert text in sentence

    assert stage.koppeling("profile", connected.id) == before


def test_a_changed_profile_counts_for_the_next_order(stage: World, tmp_path: Path) -> None:
    """A profile changed by file or by setting counts from the next order on."""
    connected = connect(stage, "Ander profiel")
    book(stage, connected, sale(1001))
    file = tmp_path / "profile.toml"
    file.write_text('invoice_number = "W{number}"\npayment_term_days = 30\n', encoding="utf-8")
    stage.koppeling("profile", connected.id, "--edit", str(file))
    stage.koppeling("profile", connected.id, "--set", 'journals."*"=1101', "--set", "journals.mollie=1101")

    mollie = {"gateway_name": "mollie", "method_name": "ideal", "status": {"id": 1, "text": "Successful"}}
    book(stage, connected, sale(1002, payment=mollie))

    invoice = stage.invoices(connected)["W1002"]
    assert invoice["betalingstermijn"] == 30
    assert [payment["dagboek"] for payment in invoice["betalingen"]] == [1101]


def test_orders_and_order_tell_what_became_of_each(stage: World) -> None:
    """`orders` lists orders by number, or those of one state, `order` tells one; exit code 1 when one is refused."""
    connected = connect(stage, "Naslag")
    (dollars,) = generated(1, first=1002, dollars=1)
    stage.place(connected, [dollars.raw])
    announce(stage, connected, [1002])
    book(stage, connected, sale(1001), sale(2001))
    reach(stage, connected, {"1002": "refused"})

    everything = stage.run_koppeling("orders", connected.id, "--json")
    refused = stage.run_koppeling("orders", connected.id, "--state", "refused", "--json")
    paid = stage.run_koppeling("orders", connected.id, "--state", "paid", "--json")
    one = stage.run_koppeling("order", connected.id, "1001", "--json")
    bad = stage.run_koppeling("order", connected.id, "1002")

    assert [row["order_number"] for row in json.loads(everything.stdout)] == ["1001", "1002", "2001"]
    assert [row["order_number"] for row in json.loads(refused.stdout)] == ["1002"]
    assert [row["order_number"] for row in json.loads(paid.stdout)] == ["1001", "2001"]
    assert (everything.returncode, refused.returncode, paid.returncode) == (1, 1, 0)
    told: Json = json.loads(one.stdout)
    assert told.keys() == ORDER_FIELDS
    assert told == json.loads(paid.stdout)[0]
    assert bad.returncode == 1
    for text in ("currency-not-eur", "USD", "Boek deze bestelling zelf", "bookkeeper"):
        assert text in bad.stdout
    assert "3001" in failed(stage.run_koppeling("order", connected.id, "3001"))
    assert failed(stage.run_koppeling("order", connected.id, "no number"), 2)


def test_redrive_brings_dead_letters_back(stage: World) -> None:
    """`redrive` moves dead letters back and they are booked; what nobody can read stays and is told."""
    connected = connect(stage, "Dode brieven")
    stage.place(connected, [sale(1001), sale(1002)])
    letters = stage.deployment.outputs["OrderDeadLetterQueueUrl"]
    for number in ("1001", "1002"):
        body = {"connection_id": connected.id, "order_number": number, "cause": "webhook", "trace": "dead"}
        body["received_at"] = "2026-11-23T14:00:00+00:00"
        stage.deployment.sqs.send_message(QueueUrl=letters, MessageBody=json.dumps(body))
    stage.deployment.sqs.send_message(QueueUrl=letters, MessageBody="{no order")
    try:
        done = stage.run_koppeling("redrive", "--json")

        assert done.returncode == 1
        assert json.loads(done.stdout) == {"moved": 2, "left": 1}
        reach(stage, connected, {"1001": "paid", "1002": "paid"})
        assert left_in(stage, letters) == 1
    finally:
        stage.deployment.sqs.purge_queue(QueueUrl=letters)
    assert stage.koppeling("redrive") == {"moved": 0, "left": 0}
