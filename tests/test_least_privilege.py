"""Who may do what, read from the transformed template: what the roles say there is what AWS will allow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.transformed import of_type, resources

# Each role's rights, one line a statement: its actions, what they are about, and under which condition. A right that is
# not here is not given; one that is here and not in the template is gone.
_STREAMS = "logs:CreateLogStream logs:PutLogEvents"
_ROWS = "dynamodb:BatchGetItem dynamodb:GetItem dynamodb:PutItem dynamodb:Query dynamodb:UpdateItem"
_TAKING = "sqs:ChangeMessageVisibility sqs:DeleteMessage sqs:GetQueueAttributes sqs:ReceiveMessage"
_THROUGH_TABLE = (
    "kms:Decrypt kms:DescribeKey kms:Encrypt kms:GenerateDataKey kms:GenerateDataKeyWithoutPlaintext"
    " kms:ReEncryptFrom kms:ReEncryptTo | Key | kms:ViaService=dynamodb.${AWS::Region}.${AWS::URLSuffix}"
)
_THROUGH_SECRET = "kms:Decrypt | Key | kms:ViaService=secretsmanager.${AWS::Region}.${AWS::URLSuffix}"
_OPEN_CREDENTIALS = "kms:Decrypt | Key | kms:EncryptionContext:purpose=credentials"
_SEAL_CREDENTIALS = "kms:Encrypt | Key | kms:EncryptionContext:purpose=credentials"
_OPEN_WEBHOOK = "kms:Decrypt | Key | kms:EncryptionContext:purpose=webhook"
_PARTNER = "secretsmanager:GetSecretValue | PartnerSecret"

RIGHTS = {
    "WebhookRole": {
        f"{_STREAMS} | WebhookLogs",
        "dynamodb:GetItem | Table",
        _OPEN_WEBHOOK,
        _THROUGH_TABLE,
        "sqs:SendMessage | BacklogQueue OrderQueue",
    },
    "WorkerRole": {
        f"{_STREAMS} | WorkerLogs",
        f"{_TAKING} | BacklogQueue ImportQueue OrderQueue",
        f"{_ROWS} | ${{Table.Arn}}/index/due Table",
        "sqs:SendMessage | BacklogQueue ImportQueue OrderQueue",
        _OPEN_CREDENTIALS,
        _THROUGH_TABLE,
        _PARTNER,
        _THROUGH_SECRET,
    },
    "PollerRole": {
        f"{_STREAMS} | PollerLogs",
        f"{_TAKING} | PollQueue",
        "sqs:SendMessage | BacklogQueue OrderQueue PollQueue ScheduleDeadLetterQueue",
        f"{_ROWS} | ${{Table.Arn}}/index/due Table",
        "dynamodb:DeleteItem | Table",
        _OPEN_CREDENTIALS,
        _SEAL_CREDENTIALS,
        _THROUGH_TABLE,
        _PARTNER,
        _THROUGH_SECRET,
    },
    "ScheduleRole": {
        "lambda:InvokeFunction | PollerFunction",
        "sqs:SendMessage | ScheduleDeadLetterQueue",
    },
    "ActivationRole": {
        f"{_STREAMS} | ActivationLogs",
        "dynamodb:PutItem dynamodb:UpdateItem | Table",
        "sqs:SendMessage | PollQueue",
        _SEAL_CREDENTIALS,
        _THROUGH_TABLE,
        _PARTNER,
        _THROUGH_SECRET,
    },
    # API Gateway's own, with AWS's policy
    "ApiLogRole": set[str](),
}

ROLES = of_type("AWS::IAM::Role")


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 -- whatever a template holds
    return value if isinstance(value, list) else [value]


def _statements(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for policy in properties.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def _about(resource: Any) -> str:  # noqa: ANN401 -- whatever a template holds
    match resource:
        case {"Fn::GetAtt": [name, *_]} | {"Ref": name}:
            return str(name)
        case {"Fn::Sub": str(text)}:
            return text
        case _:
            return str(resource)


def _line(statement: dict[str, Any]) -> str:
    parts = [" ".join(sorted(_listed(statement["Action"])))]
    parts.append(" ".join(sorted(map(_about, _listed(statement["Resource"])))))
    for operator, demands in statement.get("Condition", {}).items():
        assert operator == "StringEquals"
        parts += [f"{name}={_about(value)}" for name, value in demands.items()]
    return " | ".join(parts)


def test_every_role_is_in_the_table() -> None:
    """No role is given that nobody looked at, nor one that the transform makes up."""
    assert ROLES.keys() == RIGHTS.keys()


@pytest.mark.parametrize("role", RIGHTS)
def test_a_role_may_do_just_this(role: str) -> None:
    """Each role allows exactly its lines of the table, and forbids nothing it would otherwise be allowed."""
    assert {_line(statement) for statement in _statements(ROLES[role])} == RIGHTS[role]
    assert {statement["Effect"] for statement in _statements(ROLES[role])} <= {"Allow"}


def test_each_function_runs_as_a_role_of_its_own() -> None:
    """No two functions share a role."""
    functions = of_type("AWS::Lambda::Function")
    roles = [_about(function["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(functions)
    assert set(roles) <= RIGHTS.keys()


def _wild(properties: dict[str, Any]) -> Iterator[str]:
    """Where a resource says `*`: the Sid of a statement, or the name of what lends somebody else's policy."""
    documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
    documents += [properties[name] for name in ("KeyPolicy", "PolicyDocument") if name in properties]
    for document in documents:
        for statement in document["Statement"]:
            said = [*_listed(statement.get("Action", "*")), *map(_about, _listed(statement.get("Resource", "*")))]
            if any("*" in word for word in said) or {"NotAction", "NotResource"} & statement.keys():
                yield statement.get("Sid", "a statement without a Sid")
    if properties.get("ManagedPolicyArns"):
        yield "ManagedPolicyArns"


def test_every_wildcard_has_its_reason() -> None:
    """A `*` in an action or a resource has its reason in the template's Metadata, and no reason is without a `*`."""
    for name, resource in resources().items():
        reasons = resource.get("Metadata", {}).get("Wildcards", {})
        assert sorted(_wild(resource["Properties"])) == sorted(reasons), name
        assert all(len(reason) > 20 for reason in reasons.values()), name


def test_wildcards_are_counted() -> None:
    """Four: the account's say over the key, its use by logs and by alarms, and AWS's own policy for API Gateway."""
    found = {f"{name}.{place}" for name, resource in resources().items() for place in _wild(resource["Properties"])}
    assert found == {"Key.AccountDecides", "Key.SealLogs", "Key.SealAlarms", "ApiLogRole.ManagedPolicyArns"}


def test_only_named_services_take_a_role() -> None:
    """Each role is for one AWS service, and nobody outside this account."""
    for name, role in ROLES.items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Action"] == "sts:AssumeRole", name
        assert list(statement["Principal"]) == ["Service"], name


def test_only_the_api_and_the_schedule_start_a_function() -> None:
    """No function is open to another account or to the whole of API Gateway: one route may invoke one function."""
    for name, permission in of_type("AWS::Lambda::Permission").items():
        assert permission["Principal"] == "apigateway.amazonaws.com", name
        assert "__ApiId__" in json.dumps(permission["SourceArn"]), name
        path = permission["SourceArn"]["Fn::Sub"][0].partition("/${__Stage__}/")[2]
        assert path.partition("/")[0] in {"GET", "POST"}, name


@pytest.mark.parametrize(
    ("right", "holders"),
    [
        (_PARTNER, {"WorkerRole", "PollerRole", "ActivationRole"}),
        (_OPEN_CREDENTIALS, {"WorkerRole", "PollerRole"}),
        (_OPEN_WEBHOOK, {"WebhookRole"}),
    ],
)
def test_secrets_are_for_who_needs_them(right: str, holders: set[str]) -> None:
    """Only who calls the shop's and SnelStart's APIs can open a shop's credentials, only the webhook its secrets."""
    assert {role for role, lines in RIGHTS.items() if right in lines} == holders


def test_no_resource_opens_itself_to_others() -> None:
    """No queue, table or secret has a policy that could let somebody in beside the roles; alarms' topic lets alarms."""
    opening = [name for name, found in resources().items() if found["Type"].endswith(("Policy", "PolicyInlinePolicy"))]
    # What it says is looked at in test_alarms.
    assert opening == ["AlarmTopicPolicy"]
    assert [name for name, found in resources().items() if "ResourcePolicy" in found["Properties"]] == []
