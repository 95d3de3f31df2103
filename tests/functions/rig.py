"""A real local AWS for the functions' tests: one MiniStack process, and on it a table, a key and a queue."""

import contextlib
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest

from functions.webhook import app
from koppeling.signature import new_secret, new_url_key
from sandbox.localaws import running

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_sqs import SQSClient

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Connection:
    """A stored connection, and what its sender knows."""

    id: str
    secrets: tuple[str, ...]
    key: str


@dataclass(frozen=True)
class Rig:
    """The stage around one function: what `koppeling add` would have stored, and what the worker would receive."""

    table_name: str
    key_id: str
    queue_url: str
    backlog_url: str
    dynamodb: "DynamoDBClient" = field(repr=False)
    kms: "KMSClient" = field(repr=False)
    sqs: "SQSClient" = field(repr=False)

    def connect(self) -> Connection:
        """A new connection with one signing secret and a URL key."""
        connection = Connection(secrets.token_hex(8), (new_secret(),), new_url_key())
        self.store(connection)
        return connection

    def store(self, connection: Connection, *, sealed_for: str = "") -> None:
        """Write the connection's row; `sealed_for` seals it under another connection's id."""
        sealed = self.kms.encrypt(
            KeyId=self.key_id,
            Plaintext=json.dumps({"secrets": connection.secrets, "key": connection.key}).encode(),
            EncryptionContext={"connection": sealed_for or connection.id, "purpose": "webhook"},
        )["CiphertextBlob"]
        self.put(connection.id, sealed)

    def put(self, connection_id: str, sealed: bytes, status: str = "active") -> None:
        """Write a connection's row with this sealed text, whatever it is."""
        self.dynamodb.put_item(
            TableName=self.table_name,
            Item={
                "pk": {"S": f"CONNECTION#{connection_id}"},
                "sk": {"S": "CONNECTION"},
                "status": {"S": status},
                "sealed_webhook": {"B": sealed},
            },
        )

    def queued(self) -> list[tuple[str, dict[str, str]]]:
        """Take all messages out of both lanes: their group and their content."""
        return [*self.taken(self.queue_url), *self.taken(self.backlog_url)]

    def taken(self, queue_url: str) -> list[tuple[str, dict[str, str]]]:
        """Take all messages out of one lane: their group and their content."""
        found: list[tuple[str, dict[str, str]]] = []
        while batch := self.sqs.receive_message(
            QueueUrl=queue_url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
        ).get("Messages", []):
            for message in batch:
                self.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
                found.append((message["Attributes"]["MessageGroupId"], json.loads(message["Body"])))
        return found


@contextlib.contextmanager
def local_aws() -> Iterator[Rig]:
    """An emulator with what the webhook needs, and the environment the template would give the function."""
    with running() as aws, pytest.MonkeyPatch.context() as patch:
        for name, value in aws.environment.items():
            patch.setenv(name, value)
        rig = _furnish()
        patch.setenv("TABLE_NAME", rig.table_name)
        patch.setenv("ORDER_QUEUE_URL", rig.queue_url)
        patch.setenv("BACKLOG_QUEUE_URL", rig.backlog_url)
        yield rig


def call(event: Mapping[str, object]) -> tuple[int, dict[str, object]]:
    """The webhook handler's answer to an event, after checking what every answer must be."""
    answer = app.handler(event, None)
    headers, body, status = answer["headers"], answer["body"], answer["statusCode"]
    assert isinstance(headers, dict)
    assert isinstance(body, str)
    assert isinstance(status, int)
    assert headers["Content-Type"] == "application/json"
    assert ("Retry-After" in headers) == (status == 503)
    content = json.loads(body)
    assert (content == {"accepted": True}) if status == 202 else (list(content) == ["error"])
    return status, content


def _furnish() -> Rig:
    dynamodb, kms, sqs = boto3.client("dynamodb"), boto3.client("kms"), boto3.client("sqs")
    dynamodb.create_table(
        TableName="koppeling",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    key_id = kms.create_key()["KeyMetadata"]["KeyId"]
    live, slow = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("orders", "backlog"))
    return Rig("koppeling", key_id, live, slow, dynamodb, kms, sqs)
