import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
import pytest

from koppeling import aws, partner
from koppeling.settings import settings
from ops.cli import run
from sandbox.books_run import BooksClient, running_books
from sandbox.localaws import running
from tests.ops.desk import Books, opened
from tests.ops.shop import ShopClient, running_shop

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

STACK = "koppeling-cli"
TEMPLATE = json.loads((Path(__file__).parent / "stack.json").read_text(encoding="utf-8"))


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 -- any JSON
        """Standard output, which is one document and nothing else."""
        return json.loads(self.out)


type Koppeling = Callable[..., Said]


@dataclass(frozen=True)
class Deployed:
    """One stack without functions: nothing takes messages off its queues, so that a test can look at them."""

    outputs: dict[str, str]
    books: BooksClient = field(repr=False)
    shop: ShopClient = field(repr=False)
    sqs: "SQSClient" = field(repr=False)

    @property
    def snelstart_key(self) -> str:
        """The koppelsleutel of the simulated administration."""
        return str(self.books.made["koppelsleutel"])

    def taken(self, queue: str) -> list[tuple[str, dict[str, str]]]:
        """All messages of the queue of this output, now gone from it: their group and their content."""
        found: list[tuple[str, dict[str, str]]] = []
        url = self.outputs[queue]
        while batch := self.sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["MessageGroupId"]
        ).get("Messages", []):
            for message in batch:
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                found.append((message["Attributes"]["MessageGroupId"], json.loads(message["Body"])))
        return found


@pytest.fixture
def koppeling(capsys: pytest.CaptureFixture[str]) -> Koppeling:
    """One command in this process."""

    def command(*arguments: str) -> Said:
        capsys.readouterr()
        code = run(arguments)
        said = Said(code, *capsys.readouterr())
        assert code == 0 or len(said.err.splitlines()) == 1, "a failure is one line on standard error"
        assert "Traceback" not in said.err
        return said

    return command


@pytest.fixture(scope="session")
def deployed() -> Iterator[Deployed]:
    """A local AWS with the stack's outputs, a simulated shop and a simulated SnelStart."""
    with running() as local, running_books() as books, running_shop() as shop, _environment(local.environment):
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=json.dumps(TEMPLATE),
            Parameters=[
                {"ParameterKey": "MijnwebwinkelApiUrl", "ParameterValue": shop.url},
                {"ParameterKey": "SnelStartApiUrl", "ParameterValue": f"{books}/v2"},
                {"ParameterKey": "SnelStartAuthUrl", "ParameterValue": f"{books}/b2b/token"},
            ],
        )
        cloudformation.get_waiter("stack_create_complete").wait(StackName=STACK, WaiterConfig={"Delay": 1})
        outputs = cloudformation.describe_stacks(StackName=STACK)["Stacks"][0]["Outputs"]
        client = BooksClient(books)
        yield Deployed(
            outputs={output["OutputKey"]: output["OutputValue"] for output in outputs},
            books=client,
            shop=shop,
            sqs=boto3.client("sqs"),
        )
        client.close()


@pytest.fixture
def stack(deployed: Deployed) -> Iterator[Deployed]:
    """The deployment, as a fresh process finds it: no connections, empty queues, an empty partner secret."""
    with _environment({"KOPPELING_STACK": STACK}):
        yield deployed
        for queue in ("OrderQueueUrl", "OrderDeadLetterQueueUrl"):
            deployed.sqs.purge_queue(QueueUrl=deployed.outputs[queue])
        dynamodb, table = boto3.client("dynamodb"), deployed.outputs["TableName"]
        for row in dynamodb.scan(TableName=table)["Items"]:
            dynamodb.delete_item(TableName=table, Key={"pk": row["pk"], "sk": row["sk"]})
        boto3.client("secretsmanager").put_secret_value(
            SecretId=deployed.outputs["PartnerSecretName"],
            SecretString=TEMPLATE["Resources"]["PartnerSecret"]["Properties"]["SecretString"],
        )


@pytest.fixture
def books(stack: Deployed, koppeling: Koppeling) -> Iterator[Books]:
    """A fresh connection without orders."""
    with opened(stack, koppeling) as made:
        yield made


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Another environment for the block, and nothing remembered from before it or after it."""
    before = dict(os.environ)
    os.environ.update(changes)
    _forget()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        _forget()


def _forget() -> None:
    for remembered in (aws.session, aws.dynamodb, aws.sqs, aws.kms, aws.secretsmanager, settings):
        remembered.cache_clear()
    partner.forget()
