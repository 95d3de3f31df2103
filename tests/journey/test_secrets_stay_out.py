import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest

from sandbox.world import World
from tests.journey.eventful import POISON, Eventful, happen, messages
from tests.journey.steps import rows_of
from tests.leaks import forms, found

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationTypeDef

ORDER_FIELDS = {
    *("pk", "sk", "order_number", "state", "received_at", "updated_at", "paid_at", "seen", "first_waited_at"),
    *("trace", "attempts", "total", "currency", "booking", "invoice", "settlement", "verkoopboeking_id", "payment_id"),
    *("reason", "notes", "plan_notes", "due_pk", "due_at", "owner", "lease_until", "expires_at"),
}
"""What docs/privacy.md says an order's row holds, by the names in the table."""


def _set_level(stage: World, level: str) -> None:
    """Have every function log from this level on, as the parameter `LogLevel` would."""
    functions = stage.deployment.functions
    listed: list[FunctionConfigurationTypeDef] = functions.list_functions()["Functions"]
    for one in listed:
        variables = one["Environment"]["Variables"] | {"POWERTOOLS_LOG_LEVEL": level, "AWS_LAMBDA_LOG_LEVEL": level}
        functions.update_function_configuration(FunctionName=one["FunctionName"], Environment={"Variables": variables})


@pytest.fixture(scope="module")
def eventful(stage: World, http: httpx.Client, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eventful]:
    """An eventful journey with every function on DEBUG, and what must be found nowhere after it."""
    _set_level(stage, "DEBUG")
    yield happen(stage, http, tmp_path_factory.mktemp("geheimen"))
    _set_level(stage, "INFO")


def test_no_log_line_holds_a_secret_or_a_person(stage: World, eventful: Eventful) -> None:
    """After an eventful journey nothing the functions said or measured holds a credential, a name or an address."""
    lines = stage.deployment.log_lines()

    assert any(eventful.connected.id in line and "1024" in line for line in lines), "the logs are those of this journey"
    assert any('"_aws"' in line for line in lines), "the metrics are among them"
    assert any("a message that is none of ours" in line for line in lines), "and the poison"
    assert found(eventful.canaries | {POISON}, "\n".join(lines)) == []


def test_no_row_holds_a_secret_or_a_person(stage: World, eventful: Eventful) -> None:
    """Nothing of a customer and no readable credential is in the table; an order row holds amounts and ids."""
    pages = stage.deployment.dynamodb.get_paginator("scan").paginate(TableName=stage.deployment.outputs["TableName"])
    stored = "\n".join(f"{row!r}" for page in pages for row in page["Items"])
    rows = rows_of(stage, eventful.connected.id)

    assert sum("ORDER#" in row["sk"]["S"] for row in rows) >= 16
    assert any("ACTIVATION#" in row["sk"]["S"] for row in rows_of(stage, eventful.linked.id))
    assert found(eventful.canaries | {POISON}, stored) == []
    assert {name for row in rows if "ORDER#" in row["sk"]["S"] for name in row} <= ORDER_FIELDS


def test_a_refusal_is_told_without_the_customer_it_quotes(stage: World, eventful: Eventful) -> None:
    """SnelStart's own sentence reaches the owner, with an ellipsis for whatever it said about the customer."""
    orders = stage.orders(eventful.connected)
    for number, code in (("1025", "BOE-9999"), ("1026", "ALG-9999")):
        sentence = orders[number]["reason"]["sentence"]
        assert code in sentence
        assert "mag dit niet" in sentence
        assert "…" in sentence


def test_the_terminal_shows_no_secret_and_no_person(eventful: Eventful) -> None:
    """Whatever the command line is asked, also with a wrong token or key typed in, it repeats none of it."""
    assert eventful.connected.id in eventful.terminal
    assert found(eventful.canaries, eventful.terminal) == []


def test_no_message_holds_a_secret_or_a_person(stage: World, eventful: Eventful) -> None:
    """What is left in the queues and the dead letters names connections and orders only."""
    bodies = messages(stage)

    assert POISON in bodies, "what nothing can be made of ends in the dead letters"
    assert len(bodies) >= 2
    assert found(eventful.canaries, "\n".join(bodies)) == []


@pytest.mark.parametrize("text", ["Kanarie.Vogel@Volière.example", "koppelsleutel+geheim/4711="])
def test_the_search_finds_every_form(text: str) -> None:
    """What is looked for is found in other letters, escaped, in an address, and within base64, wherever it begins."""
    assert len(forms(text)) > 6
    for hidden in (text.upper(), json.dumps({"x": text}), json.dumps(json.dumps(text)), str(httpx.QueryParams(x=text))):
        assert found({text}, f"voor {hidden} na") == [text]
    for before in ("", "a", "ab", "abc"):
        assert found({text}, httpx.BasicAuth(before, text)._auth_header) == [text]  # noqa: SLF001 -- base64 of `before:text`
