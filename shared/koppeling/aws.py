"""The AWS clients of this process: one session, one client a service, short time-outs."""

from functools import cache
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from koppeling.secret import silence

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_kms import KMSClient
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sqs import SQSClient

# botocore's own defaults wait 60 s and try DynamoDB ten times: longer than an order may take. The pool serves the
# ten orders a worker keeps in flight. Its own user agent it composes twice for every request: a seventh of the
# processor time of an order, which makes ten.
CONFIG = Config(
    connect_timeout=1,
    read_timeout=3,
    retries={"mode": "standard", "max_attempts": 3},
    max_pool_connections=16,
    user_agent="koppeling/1",
)


@cache
def session() -> boto3.Session:
    """One session a process: it loads the service models once."""
    silence()
    return boto3.Session()


@cache
def dynamodb() -> "DynamoDBClient":
    """The DynamoDB client; safe to share between threads."""
    return session().client("dynamodb", config=CONFIG)


@cache
def sqs() -> "SQSClient":
    """The SQS client."""
    return session().client("sqs", config=CONFIG)


@cache
def kms() -> "KMSClient":
    """The KMS client."""
    return session().client("kms", config=CONFIG)


@cache
def secretsmanager() -> "SecretsManagerClient":
    """The Secrets Manager client."""
    return session().client("secretsmanager", config=CONFIG)
