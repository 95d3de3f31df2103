"""`koppeling link` against a stack, a shop and a SnelStart, all simulated on this machine."""

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest

from koppeling.links import read_reference_key, remembered_as
from sandbox.books_state import DEFAULT_SUBSCRIPTION_KEY
from tests.ops.shop import PARTNER_TOKEN, SHOP_TOKEN

if TYPE_CHECKING:
    from tests.ops.conftest import Deployed, Koppeling

NEW = ("link", "--name", "Theepot", "--shop-token", SHOP_TOKEN, "--json")


@pytest.fixture
def filled(stack: "Deployed", koppeling: "Koppeling") -> "Deployed":
    """The stack, with the operator's own credentials stored, and the app's name."""
    given = ("--subscription-key", DEFAULT_SUBSCRIPTION_KEY, "--partner-token", PARTNER_TOKEN)
    assert koppeling("partner", *given).code == 0
    assert koppeling("partner", "--app-name", "theepotten", "--json").json["app_name"] == "theepotten"
    return stack


def reference(told: dict[str, Any]) -> str:
    """The reference key in the link that was printed."""
    return str(parse_qs(urlsplit(told["activation_url"]).query)["referenceKey"][0])


def remembered(stack: "Deployed", connection_id: str) -> list[str]:
    """The links that the connection remembers."""
    rows = boto3.client("dynamodb").query(
        TableName=stack.outputs["TableName"],
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": f"CONNECTION#{connection_id}"}, ":sk": {"S": "LINK#"}},
    )["Items"]
    return [row["sk"]["S"] for row in rows]


def test_a_link_is_for_one_pending_connection(filled: "Deployed", koppeling: "Koppeling") -> None:
    """`link --name` proves the shop, stores a pending connection and prints its link and what the shop must know."""
    said = koppeling(*NEW)
    assert said.code == 0, said.err
    told = said.json
    url = urlsplit(told["activation_url"])
    assert (url.scheme, url.netloc, url.path) == ("https", "web.snelstart.nl", "/couplings/activate/theepotten")
    assert parse_qs(url.query)["successUrl"] == ["https://theepot.example/"]
    read = read_reference_key(reference(told), "made-up")
    assert read is not None
    assert read.connection_id == told["connection_id"]
    assert (told["status"], told["paused"]["code"]) == ("pending", "koppeling-not-activated")
    assert {"webhook_url", "webhook_secret", "webhook_key", "expires_at"} <= told.keys()
    assert remembered(filled, told["connection_id"]) == [remembered_as(reference(told))]
    assert koppeling("list", "--json").json[0]["status"] == "pending"
    shown = koppeling("show", told["connection_id"], "--json").json
    assert (shown["status"], shown["last_activation"]) == ("pending", None)


def test_a_new_link_withdraws_the_one_nobody_used(filled: "Deployed", koppeling: "Koppeling") -> None:
    """`link ID` prints another link; of those before it, only one that was approved by is still remembered."""
    first = koppeling(*NEW).json
    second = koppeling("link", first["connection_id"], "--json").json
    assert remembered(filled, first["connection_id"]) == [remembered_as(reference(second))]
    boto3.client("dynamodb").update_item(
        TableName=filled.outputs["TableName"],
        Key={"pk": {"S": f"CONNECTION#{first['connection_id']}"}, "sk": {"S": remembered_as(reference(second))}},
        UpdateExpression="SET approved_at = :now",
        ExpressionAttributeValues={":now": {"S": "2026-11-23T14:00:00.000Z"}},
    )
    third = koppeling("link", first["connection_id"]).out.split("activation URL")[1].split()[0]
    assert set(remembered(filled, first["connection_id"])) == {
        remembered_as(reference(second)),
        remembered_as(reference({"activation_url": third})),
    }


def test_a_connection_that_is_not_approved_yet_imports_nothing(filled: "Deployed", koppeling: "Koppeling") -> None:
    """Its import would begin before its profile has a start date, and once it has one find every order too old."""
    made = koppeling(*NEW).json
    filled.taken("ImportQueueUrl")
    said = koppeling("import", made["connection_id"], "--from", "2026-01-01", "--no-wait", "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "koppeling-not-activated")
    assert not filled.taken("ImportQueueUrl")
    assert koppeling("import", made["connection_id"]).code == 3


def test_without_an_app_name_there_is_no_link(stack: "Deployed", koppeling: "Koppeling") -> None:
    """The operator is told which command gives the name; nothing is stored."""
    given = ("--subscription-key", DEFAULT_SUBSCRIPTION_KEY, "--partner-token", PARTNER_TOKEN)
    assert koppeling("partner", *given).code == 0
    said = koppeling(*NEW)
    assert (said.code, said.json["error"]["code"]) == (3, "koppeling-app-name-missing")
    assert "--app-name" in said.err
    assert boto3.client("dynamodb").scan(TableName=stack.outputs["TableName"])["Count"] == 0


@pytest.mark.usefixtures("filled")
def test_wrong_uses_are_said(koppeling: "Koppeling", tmp_path: Path) -> None:
    """Neither a name nor an ID, both, an unknown ID, a name no app can have, a wrong token, an unreadable profile."""
    assert koppeling("link").code == 2
    assert koppeling("link", "00112233445566aa", "--name", "x", "--shop-token", "t").code == 2
    said = koppeling("link", "00112233445566aa", "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "no-such-connection")
    assert koppeling("partner", "--app-name", "a/b?c").code == 2
    said = koppeling("link", "--name", "x", "--shop-token", "wrong", "--json")
    assert (said.code, said.json["error"]["code"]) == (3, "shop-token-refused")
    file = tmp_path / "profile.toml"
    file.write_text("payment_term_days = 'long'", encoding="utf-8")
    assert koppeling(*NEW, "--profile", str(file)).code == 2


def test_a_connected_shop_keeps_its_profile(filled: "Deployed", koppeling: "Koppeling", tmp_path: Path) -> None:
    """`link ID` works for a connection that was added by hand too; its profile is changed elsewhere."""
    added = koppeling(
        *("add", "--name", "Theepot", "--shop-token", SHOP_TOKEN, "--snelstart-key", filled.snelstart_key, "--json")
    ).json
    assert koppeling("link", added["connection_id"], "--json").json["tried_again"] is False
    file = tmp_path / "profile.toml"
    file.write_text("payment_term_days = 30", encoding="utf-8")
    assert koppeling("link", added["connection_id"], "--profile", str(file)).code == 2
