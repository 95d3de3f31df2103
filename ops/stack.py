"""Finding the deployment: a CloudFormation stack's outputs and parameters become what `koppeling.settings` reads."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ops.output import Stop, could_not

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

DEFAULT: Final = "koppeling"

_SETTINGS: Final = {
    "TABLE_NAME": "TableName",
    "ORDER_QUEUE_URL": "OrderQueueUrl",
    "BACKLOG_QUEUE_URL": "BacklogQueueUrl",
    "IMPORT_QUEUE_URL": "ImportQueueUrl",
    "POLL_QUEUE_URL": "PollQueueUrl",
    "KEY_ID": "KeyId",
    "PARTNER_SECRET_NAME": "PartnerSecretName",
    "MIJNWEBWINKEL_API_URL": "MijnwebwinkelApiUrl",
    "SNELSTART_API_URL": "SnelStartApiUrl",
    "SNELSTART_AUTH_URL": "SnelStartAuthUrl",
    "SETTLE_SECONDS": "SettleSeconds",
}
"""The environment variable of `koppeling.settings`, and the stack's output or parameter that holds its value."""

_OPTIONAL: Final = {"VIES_URL": "ViesUrl"}
"""The same, for what may be empty: a service that this deployment does not use."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """One stack: `values` are its parameters and outputs by name."""

    name: str
    values: Mapping[str, str]

    def value(self, name: str) -> str:
        """An output or parameter the template promises."""
        found = self.values.get(name, "")
        if not found:
            raise could_not(
                "stack-incomplete",
                f"The stack {self.name} has no {name}.",
                "Wait until its deployment is complete, or deploy it again with this project's template.",
            )
        return found

    def webhook_url(self, connection_id: str) -> str:
        """Where the shop of this connection sends its webhooks."""
        return f"{self._api_url()}/webhooks/mijnwebwinkel/{connection_id}"

    def activation_webhook(self) -> str:
        """Where SnelStart tells of activations: what is registered with SnelStart as this app's webhook."""
        return f"{self._api_url()}/snelstart/koppeling"

    def _api_url(self) -> str:
        """The API's base URL.

        On a local AWS (`AWS_ENDPOINT_URL` set) nothing answers at the API's host name: the same API is served under
        a path of the endpoint, `/_aws/execute-api/{api}/{stage}`.
        """
        base, endpoint = self.value("ApiUrl").rstrip("/"), os.environ.get("AWS_ENDPOINT_URL", "").rstrip("/")
        if endpoint:
            parts = urlsplit(base)
            base = f"{endpoint}/_aws/execute-api/{(parts.hostname or '').partition('.')[0]}{parts.path}"
        return base


def find(name: str) -> Deployment:
    """The deployment of this name; from here on this process works on it. AWS's own errors are the caller's."""
    stack = _describe(name)
    values = {given["ParameterKey"]: given.get("ParameterValue", "") for given in stack.get("Parameters", [])}
    values |= {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    deployment = Deployment(name, values)

    from koppeling.settings import settings

    os.environ.update({variable: deployment.value(key) for variable, key in _SETTINGS.items()})
    os.environ.update({variable: values.get(key, "") for variable, key in _OPTIONAL.items()})
    settings.cache_clear()
    return deployment


def _describe(name: str) -> "StackTypeDef":
    from botocore.exceptions import ClientError

    from koppeling import aws

    try:
        client = aws.session().client("cloudformation", config=aws.CONFIG)
    except ValueError as error:
        # botocore's word for an AWS_ENDPOINT_URL that is no URL; its text repeats the address.
        raise could_not(
            "aws-endpoint-invalid", "AWS_ENDPOINT_URL is no address.", "Unset it, or set it to the local AWS."
        ) from error
    # Asked without a name, CloudFormation lists all stacks: never work on whichever comes first.
    if not name:
        raise _missing(name, client.meta.region_name)
    try:
        stacks = client.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        # CloudFormation's answer to an unknown name, and to one that cannot be a name.
        if error.response.get("Error", {}).get("Code") == "ValidationError":
            raise _missing(name, client.meta.region_name) from error
        raise
    if not stacks:
        raise _missing(name, client.meta.region_name)
    return stacks[0]


def _missing(name: str, region: str) -> Stop:
    return could_not(
        "stack-missing",
        f"There is no stack {name or 'without a name'} in {region} of this AWS account.",
        "Deploy it with `sam build && sam deploy`, or name another with --stack, AWS_PROFILE or AWS_DEFAULT_REGION.",
    )
