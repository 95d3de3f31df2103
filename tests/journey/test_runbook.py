"""The runbook's commands, each run as it stands there, and one order followed from its webhook to its payment."""

import json
import logging
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import boto3
import pytest

from functions.webhook import app
from sandbox.sign import signed_headers
from sandbox.world import PARTNER_TOKEN, SUBSCRIPTION_KEY, Connected, World, wait_until
from tests.journey.steps import book, connect, reach, sale

RUNBOOK = Path(__file__).resolve().parents[2] / "docs" / "runbook.md"
COMMANDS = sorted(
    {
        line
        for block in re.findall(r"^```sh\n(.*?)^```", RUNBOOK.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
        for line in block.splitlines()
    }
)


class Scene(NamedTuple):
    """A connection with one paid and one refused order, and what the runbook's capitals stand for."""

    connected: Connected
    trace: str
    words: dict[str, str]


@pytest.fixture(scope="module")
def scene(stage: World) -> Scene:
    """What an operator finds on an ordinary bad day."""
    connected = connect(stage, "Draaiboek")
    book(stage, connected, sale(1001))
    stage.place(connected, [sale(1002, currency="USD")])
    stage.announce(connected, 1002)
    reach(stage, connected, {"1002": "refused"})
    wait_until(lambda: any(line["message"] == "order done" for line in _log(stage, connected.id, "1001")), 60, "a line")
    (done,) = (line for line in _log(stage, connected.id, "1001") if line["message"] == "order done")
    words = {
        "ID": connected.id,
        "NUMBER": "1002",
        "TRACE": done["trace"],
    }
    return Scene(connected, done["trace"], words)


def _log(stage: World, *arguments: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = stage.koppeling("log", *arguments, "--since", "1h")
    return found


def _typed(command: str, scene: Scene) -> list[str]:
    """The words of a command of the runbook, its capitals filled in."""
    credentials = {
        "--shop-token": scene.connected.shop_token,
        "--snelstart-key": scene.connected.koppelsleutel,
        "--subscription-key": SUBSCRIPTION_KEY,
        "--partner-token": PARTNER_TOKEN,
    }
    words = shlex.split(command)
    assert words[0] == "koppeling"
    return [
        credentials[before] if before in credentials else scene.words.get(word, word)
        for before, word in pairwise(words)
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_runbook_works(stage: World, scene: Scene, command: str) -> None:
    """Each command does what it says on a deployed stack, with a connection and an order that is refused."""
    arguments = _typed(command, scene)
    try:
        done = stage.run_koppeling(*arguments)
        # 1: done, and something needs a look, as the refused order does
        assert done.returncode in (0, 1), done.stderr
        assert done.stdout.strip()
    finally:
        if arguments[0] == "pause":
            stage.koppeling("resume", scene.connected.id)


def test_one_trace_leads_from_the_webhook_to_the_payment(
    stage: World, scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """From the API's request to the webhook's line, by its trace to the worker's, and to the payment in the books.

    The webhook's code runs here, against the deployed stack: Lambda's runtime makes JSON of its lines, the emulator
    drops them.
    """
    connected, outputs = scene.connected, stage.deployment.outputs
    stage.place(connected, [sale(1003)])
    names = {"TABLE_NAME": "TableName", "KEY_ID": "KeyId", "ORDER_QUEUE_URL": "OrderQueueUrl"}
    for name, value in {**stage.deployment.environment, **{key: outputs[name] for key, name in names.items()}}.items():
        monkeypatch.setenv(name, value)
    app.forget()
    body = json.dumps({"order_number": 1003})
    event = {
        "pathParameters": {"connection_id": connected.id},
        "requestContext": {"requestId": "of-the-access-log"},
        "headers": signed_headers(connected.webhook_secret, body.encode()),
        "body": body,
    }
    with caplog.at_level(logging.INFO, "koppeling.webhook"):
        assert app.handler(event, None)["statusCode"] == 202
    app.forget()
    (accepted,) = (vars(record) for record in caplog.records if record.message == "webhook accepted")
    assert accepted["request_id"] == "of-the-access-log"
    assert (accepted["connection_id"], accepted["order_number"]) == (connected.id, "1003")

    wait_until(lambda: len(_log(stage, "--trace", accepted["trace"])) > 0, 60, "the worker's line")
    (done,) = _log(stage, "--trace", accepted["trace"])
    assert (done["function"], done["message"], done["state"]) == ("worker", "order done", "paid")
    (payment,) = stage.invoices(connected)["MWW1003"]["betalingen"]
    assert done["payment_id"] == payment["id"]
    assert done["invoice_number"] == "MWW1003"


def test_a_refusal_is_one_line_of_its_trace(stage: World, scene: Scene) -> None:
    """Each time the order was refused there is one line with its code, found by its number, and as a problem."""
    for wanted in ((scene.connected.id, "1002"), (scene.connected.id, "--problems")):
        lines = [line for line in _log(stage, *wanted) if line["message"] == "order stands still"]
        assert {(line["order_number"], line["code"], line["state"]) for line in lines} == {
            ("1002", "currency-not-eur", "refused")
        }
        assert len({line["trace"] for line in lines}) == len(lines)
    assert not any(line["level"] == "INFO" for line in _log(stage, scene.connected.id, "--problems"))


def test_figures_are_in_the_functions_logs(stage: World, scene: Scene) -> None:
    """The worker prints metrics under the stack's own namespace, from which CloudWatch reads them."""
    printed = [json.loads(line) for line in stage.deployment.log_lines() if '"_aws"' in line]
    directives = [document["_aws"]["CloudWatchMetrics"][0] for document in printed]
    assert {directive["Namespace"] for directive in directives} == {f"Koppeling/{stage.deployment.stack}"}
    names = {metric["Name"] for directive in directives for metric in directive["Metrics"]}
    assert {"OrdersPaid", "OrdersRefused", "WebhookToPaid"} <= names
    assert scene.connected.id not in json.dumps(printed)


def test_health_tells_what_is_wrong(stage: World, scene: Scene) -> None:
    """A ringing alarm, a dead letter and a paused connection are each named, and gone when they are."""
    environment = stage.deployment.environment
    watch = boto3.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        region_name=environment["AWS_REGION"],
    ).client("cloudwatch", endpoint_url=stage.deployment.endpoint)
    alarm = f"{stage.deployment.stack}-poll-lag"
    letters = stage.deployment.outputs["PollDeadLetterQueueUrl"]
    watch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    stage.deployment.sqs.send_message(QueueUrl=letters, MessageBody=json.dumps({"connection_id": scene.connected.id}))
    stage.koppeling("pause", scene.connected.id)
    try:
        ill = stage.koppeling("health")
        (letter,) = stage.koppeling("letters")["letters"]
    finally:
        watch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="a test")
        stage.koppeling("resume", scene.connected.id)
    assert [one["name"] for one in ill["alarms"] if one["state"] == "ALARM"] == ["poll-lag"]
    assert (letter["queue"], letter["connection_id"], letter["is_ours"]) == ("polls", scene.connected.id, True)
    mine = [each["what"] for each in ill["connections"] if each["connection_id"] == scene.connected.id]
    assert mine == ["paused: koppeling-paused"]
    assert stage.koppeling("letters", "--discard") == {"letters": [], "discarded": 1}
    well = stage.koppeling("health")
    assert [one for one in well["alarms"] if one["state"] == "ALARM"] == []
    assert {queue["queue"]: queue["waiting"] for queue in well["queues"]}["poll dead letters"] == 0


def test_an_order_among_the_dead_letters_is_never_thrown_away(stage: World, scene: Scene) -> None:
    """`letters --discard` leaves orders lying and drops what is no message of ours; looking leaves all of it there."""
    url = stage.deployment.outputs["OrderDeadLetterQueueUrl"]
    ours = {
        "connection_id": scene.connected.id,
        "order_number": "1001",
        "cause": "webhook",
        "received_at": "2026-11-23T12:00:00+00:00",
        "trace": "dead",
    }
    for body in (json.dumps(ours), "none of ours"):
        stage.deployment.sqs.send_message(QueueUrl=url, MessageBody=body)
    try:
        for _ in range(2):
            found = stage.koppeling("letters")["letters"]
            assert sorted((each["order_number"] or "", each["is_ours"]) for each in found) == [
                ("", False),
                ("1001", True),
            ]
        left = stage.koppeling("letters", "--discard")
        assert [each["order_number"] for each in left["letters"]] == ["1001"]
        assert left["discarded"] == 1
        assert stage.koppeling("redrive") == {"moved": 1, "left": 0}
    finally:
        stage.deployment.sqs.purge_queue(QueueUrl=url)
