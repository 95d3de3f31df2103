"""The commands against a stack, a shop and a SnelStart, all simulated on this machine."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from koppeling import catalogue, clock
from koppeling.claim import Claim
from koppeling.messages import ImportMessage, OrderMessage
from koppeling.orders import Orders
from koppeling.table import Table
from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY
from tests.ops.shop import PARTNER_TOKEN, SHOP_TOKEN

if TYPE_CHECKING:
    from tests.ops.conftest import Deployed, Koppeling

UNKNOWN_ID = "0000000000000000"


@pytest.fixture
def filled(stack: "Deployed", koppeling: "Koppeling") -> "Deployed":
    """The stack, with the operator's own credentials stored."""
    given = ("--subscription-key", DEFAULT_SUBSCRIPTION_KEY, "--partner-token", PARTNER_TOKEN)
    assert koppeling("partner", *given).code == 0
    return stack


@pytest.fixture
def connection(filled: "Deployed", koppeling: "Koppeling") -> str:
    """The id of a connection."""
    return str(add(koppeling, filled)["connection_id"])


def add(koppeling: "Koppeling", stack: "Deployed", *more: str) -> dict[str, Any]:
    """A new connection, as `add --json` tells it."""
    said = koppeling(
        *("add", "--name", "Theepot", "--shop-token", SHOP_TOKEN),
        *("--snelstart-key", stack.snelstart_key, "--json", *more),
    )
    assert said.code == 0, said.err
    told: dict[str, Any] = said.json
    return told


def claim(stack: "Deployed", connection: str, number: str) -> Claim:
    """An order of this connection, under way."""
    rows = Table(boto3.client("dynamodb"), stack.outputs["TableName"])
    claimed = Orders(rows, connection).claim(number, clock.now())
    assert isinstance(claimed, Claim)
    return claimed


def test_partner_says_what_is_set_and_never_what_it_is(filled: "Deployed", koppeling: "Koppeling") -> None:
    """`--show` answers yes or no per credential."""
    said = koppeling("partner", "--show", "--json")
    assert said.json == {
        "subscription_key": True,
        "partner_token": True,
        "link_signing_key": True,
        "product": "productie",
        "app_name": None,
        "activation_webhook": said.json["activation_webhook"],
    }
    assert said.json["activation_webhook"].endswith("/v1/snelstart/koppeling")
    assert DEFAULT_SUBSCRIPTION_KEY not in koppeling("partner", "--show").out
    stored = boto3.client("secretsmanager").get_secret_value(SecretId=filled.outputs["PartnerSecretName"])
    assert json.loads(stored["SecretString"])["link_signing_key"] == "made-up"


def test_partner_keeps_what_is_not_given(filled: "Deployed", koppeling: "Koppeling") -> None:
    """One credential is renewed without typing the other again."""
    assert koppeling("partner", "--partner-token", "renewed").code == 0
    assert koppeling("partner", "--product", "ontwikkeling").code == 0
    stored = boto3.client("secretsmanager").get_secret_value(SecretId=filled.outputs["PartnerSecretName"])
    kept = json.loads(stored["SecretString"])
    assert kept["partner_token"] == "renewed"
    assert kept["subscription_key"] == DEFAULT_SUBSCRIPTION_KEY
    assert kept["product"] == "ontwikkeling"


@pytest.mark.usefixtures("stack")
def test_partner_asks_for_what_was_never_stored(koppeling: "Koppeling") -> None:
    """Half of the credentials is no use: without a terminal the other half is named."""
    said = koppeling("partner", "--partner-token", PARTNER_TOKEN)
    assert said.code == 2
    assert "KOPPELING_SUBSCRIPTION_KEY" in said.err


def test_add_before_partner_says_to_fill_that_in_first(stack: "Deployed", koppeling: "Koppeling") -> None:
    """Without the operator's own credentials no shop can be asked anything."""
    said = koppeling("add", "--name", "N", "--shop-token", SHOP_TOKEN, "--snelstart-key", stack.snelstart_key)
    assert said.code == 3
    assert "koppeling partner" in said.err


def test_add_tells_all_that_the_shops_side_must_know(filled: "Deployed", koppeling: "Koppeling") -> None:
    """The webhook's address is the local form on a local AWS; the profile comes as an object and as a file."""
    told = add(koppeling, filled)
    endpoint = boto3.client("sqs").meta.endpoint_url
    assert told["webhook_url"] == (
        f"{endpoint}/_aws/execute-api/abc123/v1/webhooks/mijnwebwinkel/{told['connection_id']}"
    )
    assert told["webhook_secret"].startswith("whsec_")
    assert told["webhook_key"]
    assert told["shop"]["domain"] == "theepot.example"
    assert told["administration"]["name"] == filled.books.made["naam"]
    assert told["profile"]["journals"]["*"]
    assert "[journals]" in told["profile_toml"]
    assert told["warnings"] == []


def test_add_takes_credentials_from_the_environment(
    filled: "Deployed", koppeling: "Koppeling", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing secret need be typed on the command line."""
    monkeypatch.setenv("KOPPELING_SHOP_TOKEN", SHOP_TOKEN)
    monkeypatch.setenv("KOPPELING_SNELSTART_KEY", filled.snelstart_key)
    said = koppeling("add", "--name", "Theepot")
    assert said.code == 0
    assert "De [bold]Theepot (theepot.example)" in said.out
    assert SHOP_TOKEN not in said.out + said.err


def test_add_changes_the_suggested_profile_by_a_file(
    filled: "Deployed", koppeling: "Koppeling", tmp_path: Path
) -> None:
    """What the file says counts, the rest is suggested."""
    file = tmp_path / "profile.toml"
    file.write_text('invoice_number = "T{number}"\n', encoding="utf-8")
    told = add(koppeling, filled, "--profile", str(file))
    assert told["profile"]["invoice_number"] == "T{number}"
    assert told["profile"]["accounts"]["revenue_high"]


@pytest.mark.parametrize(
    ("shop_token", "snelstart_key", "code"),
    [("wrong-token", "", "shop-token-refused"), (SHOP_TOKEN, "wrong-key", "snelstart-key-refused")],
)
def test_add_says_whose_credential_is_wrong_and_stores_nothing(
    filled: "Deployed", koppeling: "Koppeling", shop_token: str, snelstart_key: str, code: str
) -> None:
    """Both are proven before anything is kept."""
    key = snelstart_key or filled.snelstart_key
    said = koppeling("add", "--name", "N", "--shop-token", shop_token, "--snelstart-key", key, "--json")
    assert said.code == 3
    assert said.json["error"]["code"] == code
    assert said.json["error"]["whose"] == "owner"
    assert shop_token not in said.err
    assert key not in said.err
    assert koppeling("list", "--json").json == []


def test_a_connection_is_listed_and_shown_without_secrets(
    filled: "Deployed", koppeling: "Koppeling", connection: str
) -> None:
    """`list` has a line for it, `show` counts its orders by state."""
    listed = koppeling("list", "--json").json
    assert [one["id"] for one in listed] == [one["connection_id"] for one in listed] == [connection]
    assert listed[0]["status"] == "active"
    assert listed[0]["paused"] is None
    claim(filled, connection, "1001").refuse(catalogue.reason("shop-order-not-found"), forget=None)
    shown = koppeling("show", connection, "--json")
    assert shown.json["orders"]["refused"] == 1
    assert shown.json["orders"]["paid"] == 0
    assert "De [bold]Theepot" in koppeling("list").out
    for said in (shown, koppeling("show", connection), koppeling("list")):
        assert not any(secret in said.out for secret in (SHOP_TOKEN, filled.snelstart_key, "whsec_"))


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("command", ["show", "profile", "rotate", "pause", "resume", "remove", "orders"])
def test_an_unknown_connection_is_exit_code_3(koppeling: "Koppeling", command: str) -> None:
    """The sentence says where to look."""
    said = koppeling(command, UNKNOWN_ID)
    assert said.code == 3
    assert "koppeling list" in said.err


def test_an_unknown_stack_is_exit_code_3(stack: "Deployed", koppeling: "Koppeling") -> None:
    """`--stack` after the command wins over the one before it and over the environment."""
    assert stack.outputs
    for arguments in (["list", "--stack", "elsewhere"], ["--stack", "elsewhere", "list"], ["list", "--stack", ""]):
        said = koppeling(*arguments)
        assert said.code == 3
        assert "There is no stack" in said.err
    assert koppeling("--stack", "elsewhere", "list", "--stack", "koppeling-cli").code == 0


@pytest.mark.usefixtures("connection")
def test_json_is_understood_before_the_command(koppeling: "Koppeling") -> None:
    """The same document either way."""
    assert koppeling("--json", "list").json == koppeling("list", "--json").json


def test_profile_prints_a_file_that_it_takes_back(koppeling: "Koppeling", connection: str, tmp_path: Path) -> None:
    """Print, edit, give back; or one choice at a time."""
    file = tmp_path / "profile.toml"
    file.write_text(koppeling("profile", connection).out.replace("= 14 ", "= 30 "), encoding="utf-8")
    assert koppeling("profile", connection, "--edit", str(file), "--json").json["profile"]["payment_term_days"] == 30
    changed = koppeling(
        *("profile", connection, "--json"),
        *("--set", "invoice_number=T{number}", "--set", 'journals."mollie:ideal"=1100', "--set", "mark_doubtful=false"),
    ).json["profile"]
    assert changed["invoice_number"] == "T{number}"
    assert changed["journals"]["mollie:ideal"] == 1100
    assert changed["mark_doubtful"] is False
    assert changed["payment_term_days"] == 30


def test_a_profile_that_does_not_fit_is_not_stored(koppeling: "Koppeling", connection: str) -> None:
    """The administration has the last word about its accounts."""
    said = koppeling("profile", connection, "--set", "accounts.revenue_high=1")
    assert said.code == 3
    assert "Grootboek 1" in said.err
    assert koppeling("profile", connection, "--json").json["profile"]["accounts"]["revenue_high"] != 1


def test_rotate_makes_a_new_secret(filled: "Deployed", koppeling: "Koppeling") -> None:
    """The address stays, the secret and the key are new."""
    told = add(koppeling, filled)
    rotated = koppeling("rotate", told["connection_id"], "--json").json
    assert rotated["webhook_url"] == told["webhook_url"]
    assert rotated["webhook_secret"] != told["webhook_secret"]
    assert rotated["webhook_key"] != told["webhook_key"]


def test_pause_and_resume(filled: "Deployed", koppeling: "Koppeling", connection: str) -> None:
    """A paused connection shows why; resuming queues the orders kept meanwhile and says how many."""
    paused = koppeling("pause", connection, "--json").json
    assert (paused["status"], paused["paused"]["code"]) == ("paused", "koppeling-paused")
    Orders(Table(boto3.client("dynamodb"), filled.outputs["TableName"]), connection).keep("1001", clock.now())
    refused = koppeling("resume", connection, "--snelstart-key", "wrong-key", "--json")
    assert (refused.code, refused.json["error"]["code"]) == (3, "snelstart-key-refused")
    assert koppeling("show", connection, "--json").json["status"] == "paused"
    resumed = koppeling("resume", connection, "--json").json
    assert (resumed["status"], resumed["queued"]) == ("active", 1)
    assert [content["order_number"] for _, content in filled.taken("OrderQueueUrl")] == ["1001"]


def test_remove_asks_first_and_leaves_nothing(filled: "Deployed", koppeling: "Koppeling", connection: str) -> None:
    """Without a terminal it takes --yes; left are its form of numbers and, for a day, its place in the list."""
    claim(filled, connection, "1001").fail(catalogue.reason("shop-unavailable"), clock.now())
    asked = koppeling("remove", connection)
    assert asked.code == 2
    assert "--yes" in asked.err
    said = koppeling("remove", connection, "--yes")
    assert said.code == 0
    assert "untouched" in said.out
    left = boto3.client("dynamodb").scan(TableName=filled.outputs["TableName"])["Items"]
    rows = {row["pk"]["S"]: row for row in left if row["sk"]["S"] != "BUDGET"}
    assert rows.keys() == {"CONNECTIONS", "REMOVED"}
    # For a day: who is added while its last runs have not ended is not alone.
    assert rows["CONNECTIONS"].keys() == {"pk", "sk", "removed_at", "administration_id", "shop_id"}
    assert rows["REMOVED"]["invoice_number"]["S"] == "MWW{number}"
    assert connection not in str(rows["REMOVED"])
    assert connection not in koppeling("list", "--json").out


def test_a_removal_that_was_cut_off_can_be_finished(
    filled: "Deployed", koppeling: "Koppeling", connection: str
) -> None:
    """The connection's row is gone, its orders are not: `remove` still does its work."""
    claim(filled, connection, "1001").give_back()
    boto3.client("dynamodb").delete_item(
        TableName=filled.outputs["TableName"], Key={"pk": {"S": f"CONNECTION#{connection}"}, "sk": {"S": "CONNECTION"}}
    )
    assert koppeling("remove", connection, "--json").json["removed"] is True
    # The administration's count of calls says nothing of anybody, and goes by itself within two hours.
    left = boto3.client("dynamodb").scan(TableName=filled.outputs["TableName"])["Items"]
    assert {row["sk"]["S"] for row in left} == {"BUDGET", connection}


def test_orders_and_order_show_the_reason_and_exit_with_1(
    filled: "Deployed", koppeling: "Koppeling", connection: str
) -> None:
    """A refused order is done with, but not well; the advice is on standard error too."""
    claim(filled, connection, "1001").refuse(catalogue.reason("shop-order-not-found"), forget=None)
    claim(filled, connection, "1002").skip(catalogue.reason("shop-zero-total"), seen="x")
    listed = koppeling("orders", connection, "--json")
    assert listed.code == 1
    assert [one["order_number"] for one in listed.json] == ["1001", "1002"]
    assert "shop-order-not-found" in koppeling("orders", connection).out
    assert koppeling("orders", connection, "--state", "skipped").code == 0
    shown = koppeling("order", connection, "0001001", "--json")
    assert shown.code == 1
    assert shown.json["reason"]["code"] == "shop-order-not-found"
    assert shown.json["reason"]["advice"] in shown.err
    assert koppeling("order", connection, "1002").code == 0


def test_an_order_never_announced_is_exit_code_3(koppeling: "Koppeling", connection: str) -> None:
    """The sentence says how to fetch it."""
    said = koppeling("order", connection, "1001")
    assert said.code == 3
    assert f"koppeling retry {connection} 1001" in said.err


def test_retry_queues_one_order(filled: "Deployed", koppeling: "Koppeling", connection: str) -> None:
    """A known order is queued as a retry; an unknown one too, with a word about it."""
    unknown = koppeling("retry", connection, "1001", "--json")
    assert (unknown.code, unknown.json["queued"]) == (1, 1)
    claim(filled, connection, "1001").give_back()
    assert koppeling("retry", connection, "0001001").code == 0
    taken = filled.taken("OrderQueueUrl")
    assert [group for group, _ in taken] == [connection, connection]
    assert {(content["order_number"], content["cause"]) for _, content in taken} == {("1001", "retry")}


def test_retry_refused_queues_what_somebody_had_to_act_on(
    filled: "Deployed", koppeling: "Koppeling", connection: str
) -> None:
    """Refused orders go again, others stay as they are."""
    claim(filled, connection, "1001").refuse(catalogue.reason("shop-order-not-found"), forget=None)
    claim(filled, connection, "1002").skip(catalogue.reason("shop-zero-total"), seen="x")
    assert koppeling("retry", connection, "--refused", "--json").json["queued"] == 1
    assert [content["order_number"] for _, content in filled.taken("OrderQueueUrl")] == ["1001"]


def test_nothing_is_tried_again_while_paused(filled: "Deployed", koppeling: "Koppeling", connection: str) -> None:
    """A message for a paused connection would be lost on a refused order, so none is queued."""
    koppeling("pause", connection)
    said = koppeling("retry", connection, "1001")
    assert said.code == 3
    assert "koppeling resume" in said.err
    assert filled.taken("OrderQueueUrl") == []


def test_redrive_moves_dead_letters_back_under_their_group(filled: "Deployed", koppeling: "Koppeling") -> None:
    """Every order message goes back once, under its connection; what is none of ours stays and is told."""
    dead = filled.outputs["OrderDeadLetterQueueUrl"]
    for number in range(1, 24):
        message = OrderMessage(UNKNOWN_ID, str(number), "webhook", clock.now(), "trace")
        filled.sqs.send_message(QueueUrl=dead, MessageBody=message.to_body())
    assert koppeling("redrive", "--json").json == {"moved": 23, "left": 0}
    taken = filled.taken("OrderQueueUrl")
    assert sorted(int(content["order_number"]) for _, content in taken) == list(range(1, 24))
    assert {group for group, _ in taken} == {UNKNOWN_ID}
    filled.sqs.send_message(QueueUrl=dead, MessageBody="not ours")
    said = koppeling("redrive", "--json")
    assert (said.code, said.json) == (1, {"moved": 0, "left": 1})


def test_an_import_among_the_dead_letters_is_moved_back_too(filled: "Deployed", koppeling: "Koppeling") -> None:
    """It is a message of ours: never thrown away, shown as what it is, and put back in the imports' lane."""
    dead, run = filled.outputs["OrderDeadLetterQueueUrl"], "20261127-0123abcd"
    order = OrderMessage(UNKNOWN_ID, "1001", "webhook", clock.now(), "trace")
    for message in (ImportMessage(UNKNOWN_ID, run), order):
        filled.sqs.send_message(QueueUrl=dead, MessageBody=message.to_body())
    said = koppeling("letters", "--discard", "--json").json
    assert said["discarded"] == 0
    assert sorted((each["order_number"] or "", each["import"] or "") for each in said["letters"]) == [
        ("", run),
        ("1001", ""),
    ]
    assert f"import {run}" in koppeling("letters").out
    assert koppeling("redrive", "--json").json == {"moved": 2, "left": 0}
    assert [content["order_number"] for _, content in filled.taken("OrderQueueUrl")] == ["1001"]
    assert filled.taken("ImportQueueUrl") == [(UNKNOWN_ID, {"connection_id": UNKNOWN_ID, "import": run})]
