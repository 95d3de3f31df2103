"""House rules on template.yaml: what the local emulator does not notice and AWS would only show in production."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent

# A template is read as it stands: nested mappings and lists of whatever CloudFormation takes there.
type Node = Any
type Resources = Mapping[str, Node]


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms, as their long ones: `!Ref x` is `{"Ref": "x"}`."""


def _long_form(loader: _Loader, suffix: str, node: yaml.Node) -> Node:
    value: Node
    match node:
        case yaml.ScalarNode():
            value = loader.construct_scalar(node)
        case yaml.SequenceNode():
            value = loader.construct_sequence(node, deep=True)
        case yaml.MappingNode():
            value = loader.construct_mapping(node, deep=True)
        case _:
            raise TypeError(f"not a YAML node: {node!r}")
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _long_form)

TEMPLATE: Node = yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader
RESOURCES: Resources = TEMPLATE["Resources"]


def _of_type(kind: str) -> dict[str, Node]:
    return {name: found["Properties"] for name, found in RESOURCES.items() if found["Type"] == kind}


FUNCTIONS = _of_type("AWS::Serverless::Function")
QUEUES = _of_type("AWS::SQS::Queue")
ROLES = _of_type("AWS::IAM::Role")
GLOBALS: Node = TEMPLATE["Globals"]["Function"]

each_function = pytest.mark.parametrize("name", FUNCTIONS)


def _events(kind: str) -> Iterator[tuple[str, Node]]:
    for name, function in FUNCTIONS.items():
        for event in function["Events"].values():
            if event["Type"] == kind:
                yield name, event["Properties"]


def _target(reference: Node) -> str:
    """The logical id that a `Ref` or `GetAtt` points at."""
    if "Ref" in reference:
        return str(reference["Ref"])
    return str(reference["Fn::GetAtt"][0])


def _as_list(value: Node) -> list[Node]:
    return value if isinstance(value, list) else [value]


def _statements(role: str) -> list[Node]:
    return [statement for policy in ROLES[role]["Policies"] for statement in policy["PolicyDocument"]["Statement"]]


def _everywhere(node: Node, wanted: Callable[[Node], bool]) -> Iterator[Node]:
    if wanted(node):
        yield node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from _everywhere(child, wanted)


SQS_EVENTS = list(_events("SQS"))
each_sqs_event = pytest.mark.parametrize(("name", "event"), SQS_EVENTS, ids=[name for name, _ in SQS_EVENTS])


# --- the contract -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameter", "default"),
    [
        ("Architecture", "arm64"),
        ("MijnwebwinkelApiUrl", "https://api.myonlinestore.com"),
        ("SnelStartApiUrl", "https://b2bapi.snelstart.nl/v2"),
        ("SnelStartAuthUrl", "https://auth.snelstart.nl/b2b/token"),
        ("PollRate", "rate(15 minutes)"),
        ("SettleSeconds", 120),
    ],
)
def test_parameter_defaults(parameter: str, default: object) -> None:
    """Without parameters the stack runs on arm64, against the vendors' real addresses, and polls every 15 minutes."""
    assert TEMPLATE["Parameters"][parameter]["Default"] == default


def test_every_parameter_has_a_default() -> None:
    """A plain `sam deploy` on a fresh clone asks nothing."""
    assert [name for name, parameter in TEMPLATE["Parameters"].items() if "Default" not in parameter] == []


@pytest.mark.parametrize(
    ("output", "resource"),
    [
        ("OrderQueueUrl", "OrderQueue"),
        ("BacklogQueueUrl", "BacklogQueue"),
        ("ImportQueueUrl", "ImportQueue"),
        ("OrderDeadLetterQueueUrl", "OrderDeadLetterQueue"),
        ("TableName", "Table"),
        ("PartnerSecretName", "PartnerSecret"),
        ("PollQueueUrl", "PollQueue"),
        ("KeyId", "Key"),
    ],
)
def test_outputs(output: str, resource: str) -> None:
    """What operators and the command line rely on is an output, and points at what it says."""
    assert _target(TEMPLATE["Outputs"][output]["Value"]) == resource


def test_api_url() -> None:
    """ApiUrl is the base URL of the API with its stage, to which paths are simply added."""
    assert TEMPLATE["Outputs"]["ApiUrl"]["Value"] == {
        "Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Api.Stage}"
    }


def test_webhook_route() -> None:
    """A shop's webhook arrives at POST /webhooks/mijnwebwinkel/{connection_id}, SnelStart's at /snelstart/koppeling."""
    assert [(name, event["Method"], event["Path"]) for name, event in _events("Api")] == [
        ("WebhookFunction", "POST", "/webhooks/mijnwebwinkel/{connection_id}"),
        ("ActivationFunction", "POST", "/snelstart/koppeling"),
    ]


# --- the functions ----------------------------------------------------------------------------------------------------


def test_runtime() -> None:
    """All functions run Python 3.13 on the chosen architecture, with the one layer, which is built for the same."""
    assert GLOBALS["Runtime"] == "python3.13"
    assert GLOBALS["Architectures"] == [{"Ref": "Architecture"}]
    assert GLOBALS["Layers"] == [{"Ref": "Layer"}]
    assert RESOURCES["Layer"]["Metadata"] == {"BuildMethod": "python3.13", "BuildArchitecture": {"Ref": "Architecture"}}
    overruled = {"Runtime", "Architectures", "Layers"}
    assert [name for name, function in FUNCTIONS.items() if overruled & function.keys()] == []


@each_function
def test_handler_exists(name: str) -> None:
    """Each function's directory holds the app.py that its handler names."""
    assert GLOBALS["Handler"] == "app.handler"
    assert (ROOT / FUNCTIONS[name]["CodeUri"] / "app.py").is_file()


def test_layer_leaves_boto3_to_the_runtime() -> None:
    """The layer carries no boto3 and no test tools, only what the functions import beside the runtime."""
    pinned = re.findall(r"^([a-z0-9-]+)==", (ROOT / "shared" / "requirements.txt").read_text("utf-8"), re.MULTILINE)
    assert {"aws-lambda-powertools", "httpx", "pydantic"} <= set(pinned)
    assert {"boto3", "botocore", "pytest", "hypothesis"} & set(pinned) == set()


@each_function
def test_log_group_with_retention(name: str) -> None:
    """Each function logs JSON into a log group of its own, which forgets."""
    logging = FUNCTIONS[name]["LoggingConfig"]
    assert logging["LogFormat"] == "JSON"
    group = _target(logging["LogGroup"])
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert [other for other in FUNCTIONS if _target(FUNCTIONS[other]["LoggingConfig"]["LogGroup"]) == group] == [name]


def test_every_log_group_forgets() -> None:
    """No log group keeps what it holds for ever."""
    groups = _of_type("AWS::Logs::LogGroup")
    assert groups
    assert [name for name, group in groups.items() if "RetentionInDays" not in group] == []


def test_no_secret_in_the_environment() -> None:
    """Functions are told where a secret is, never what it is."""
    variables = {
        name
        for function in [GLOBALS, *FUNCTIONS.values()]
        for name in function.get("Environment", {}).get("Variables", {})
    }
    assert variables == {
        "BACKLOG_QUEUE_URL",
        "IMPORT_QUEUE_URL",
        "KEY_ID",
        "MIJNWEBWINKEL_API_URL",
        "ORDER_QUEUE_URL",
        "PARTNER_SECRET_NAME",
        "POLL_QUEUE_URL",
        "VIES_URL",
        "POWERTOOLS_LOG_LEVEL",
        "POWERTOOLS_METRICS_NAMESPACE",
        "POWERTOOLS_SERVICE_NAME",
        "SETTLE_SECONDS",
        "SNELSTART_API_URL",
        "SNELSTART_AUTH_URL",
        "TABLE_NAME",
    }


# --- roles ------------------------------------------------------------------------------------------------------------


@each_function
def test_role_of_its_own(name: str) -> None:
    """Each function has a role that no other function uses, and no policy beside it."""
    role = _target(FUNCTIONS[name]["Role"])
    assert [other for other in FUNCTIONS if _target(FUNCTIONS[other]["Role"]) == role] == [name]
    assert "Policies" not in FUNCTIONS[name]
    assert "ManagedPolicyArns" not in ROLES[role]


@each_function
def test_role_without_wildcards(name: str) -> None:
    """No function may do `*`, not even to one resource, or may do anything to `*`."""
    for statement in _statements(_target(FUNCTIONS[name]["Role"])):
        assert "*" not in [resource for resource in _as_list(statement["Resource"]) if isinstance(resource, str)]
        assert [action for action in _as_list(statement["Action"]) if "*" in action] == []


def _allowed(role: str, service: str) -> set[str]:
    return {
        action
        for statement in _statements(role)
        for action in _as_list(statement["Action"])
        if action.startswith(f"{service}:")
    }


def test_webhook_may_read_one_row_and_send() -> None:
    """The function the whole internet reaches reads a row and queues a number; it writes nothing, reads no secret."""
    assert _allowed("WebhookRole", "dynamodb") == {"dynamodb:GetItem"}
    assert _allowed("WebhookRole", "sqs") == {"sqs:SendMessage"}
    assert _allowed("WebhookRole", "secretsmanager") == set()


def test_activation_keeps_and_cannot_open() -> None:
    """The function SnelStart calls writes rows and seals; it reads none, and opens no secret but the operator's own."""
    assert _allowed("ActivationRole", "dynamodb") == {"dynamodb:PutItem", "dynamodb:UpdateItem"}
    assert _allowed("ActivationRole", "sqs") == {"sqs:SendMessage"}
    direct = [
        (statement["Action"], statement["Condition"]["StringEquals"])
        for statement in _statements("ActivationRole")
        if any(action.startswith("kms:") for action in _as_list(statement["Action"]))
        and "kms:ViaService" not in statement["Condition"]["StringEquals"]
    ]
    assert direct == [("kms:Encrypt", {"kms:EncryptionContext:purpose": "credentials"})]


@pytest.mark.parametrize(("role", "more"), [("WorkerRole", set()), ("PollerRole", {"dynamodb:DeleteItem"})])
def test_no_function_scans_and_only_the_poller_deletes(role: str, more: set[str]) -> None:
    """Rows are written and read by key: none can read all of them, and only the sweep after a removal deletes any."""
    assert _allowed(role, "dynamodb") == more | {
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:Query",
        "dynamodb:UpdateItem",
    }


@pytest.mark.parametrize(
    ("role", "purpose"), [("WebhookRole", "webhook"), ("WorkerRole", "credentials"), ("PollerRole", "credentials")]
)
def test_decrypt_is_bound_to_a_purpose(role: str, purpose: str) -> None:
    """The webhook cannot open a shop's credentials, the others not its webhook secret; all else goes via a service."""
    decrypting = [
        statement["Condition"]["StringEquals"]
        for statement in _statements(role)
        if "kms:Decrypt" in _as_list(statement["Action"])
    ]
    direct = [condition for condition in decrypting if "kms:ViaService" not in condition]
    assert direct == [{"kms:EncryptionContext:purpose": purpose}]


@pytest.mark.parametrize(
    ("role", "queues"),
    [("WorkerRole", ["OrderQueue", "BacklogQueue", "ImportQueue"]), ("PollerRole", ["PollQueue"])],
)
def test_consumer_may_put_a_message_off(role: str, queues: list[str]) -> None:
    """Who takes messages may delete them and change their visibility, on its own queues alone."""
    taking = [s for s in _statements(role) if "sqs:ReceiveMessage" in _as_list(s["Action"])]
    assert [_target(queue) for statement in taking for queue in _as_list(statement["Resource"])] == queues
    assert set(taking[0]["Action"]) == {
        "sqs:ChangeMessageVisibility",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        "sqs:ReceiveMessage",
    }


# --- queues -----------------------------------------------------------------------------------------------------------


def test_every_queue_has_a_consumer() -> None:
    """Orders go to the worker, in a live lane and a slow one, imports in a third; shops to the poller."""
    assert {(name, _target(event["Queue"])) for name, event in SQS_EVENTS} == {
        ("WorkerFunction", "OrderQueue"),
        ("WorkerFunction", "BacklogQueue"),
        ("WorkerFunction", "ImportQueue"),
        ("PollerFunction", "PollQueue"),
    }


@each_sqs_event
def test_visibility_is_six_timeouts(name: str, event: Node) -> None:
    """A message stays hidden for six times its function's timeout, so that nobody works on it beside a slow one."""
    queue = QUEUES[_target(event["Queue"])]
    assert queue["VisibilityTimeout"] >= 6 * FUNCTIONS[name]["Timeout"]


@each_sqs_event
def test_partial_batches(name: str, event: Node) -> None:
    """A failing message fails alone."""
    assert event["FunctionResponseTypes"] == ["ReportBatchItemFailures"], name


@each_sqs_event
def test_concurrency_is_capped(name: str, event: Node) -> None:
    """The mapping, not the function, is capped: a reserved concurrency would turn throttles into dead letters."""
    assert event["ScalingConfig"]["MaximumConcurrency"] >= 2
    assert "ReservedConcurrentExecutions" not in FUNCTIONS[name]


def test_the_slow_lane_takes_a_part_of_the_workers_alone() -> None:
    """Most of the workers are for orders that were only just announced."""
    lanes = {_target(event["Queue"]): event["ScalingConfig"]["MaximumConcurrency"] for _, event in SQS_EVENTS}
    assert lanes["BacklogQueue"] * 2 < lanes["OrderQueue"]


def test_an_import_takes_no_place_from_orders() -> None:
    """A step may last a minute and sends the next at once: two at a time, each alone, beside the places of orders."""
    lanes = {_target(event["Queue"]): event for _, event in SQS_EVENTS}
    assert lanes["ImportQueue"]["BatchSize"] == 1, "a short step does not wait for a long one"
    assert lanes["ImportQueue"]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert QUEUES["ImportQueue"] == QUEUES["BacklogQueue"], "kept as long, hidden as long, with the same dead letters"


@each_sqs_event
def test_dead_letters_are_kept_longest(name: str, event: Node) -> None:
    """What fails for good ends in a queue of its own that keeps it 14 days, longer than the live queue does."""
    queue = QUEUES[_target(event["Queue"])]
    dead = _target(queue["RedrivePolicy"]["deadLetterTargetArn"])
    assert QUEUES[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600, name
    assert queue["MessageRetentionPeriod"] < QUEUES[dead]["MessageRetentionPeriod"]
    assert [
        other
        for other in QUEUES.values()
        if "RedrivePolicy" in other
        and other is not queue
        and _target(other["RedrivePolicy"]["deadLetterTargetArn"]) == dead
        and {dead, name} != {"OrderDeadLetterQueue", "WorkerFunction"}
    ] == []


def test_waiting_is_not_failing() -> None:
    """An order may be received 50 times in its 4 days: being put off does not make it a dead letter."""
    queue = QUEUES["OrderQueue"]
    assert queue["RedrivePolicy"]["maxReceiveCount"] == 50
    assert queue["MessageRetentionPeriod"] == 4 * 24 * 3600


@pytest.mark.parametrize("name", QUEUES)
def test_queues_are_encrypted(name: str) -> None:
    """Every queue is encrypted at rest, said explicitly."""
    assert QUEUES[name]["SqsManagedSseEnabled"] is True


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_schedules() -> None:
    """The poller ticks at PollRate, and once a night for the books.

    A tick that fails is tried again while worth it, then kept as a dead letter.
    """
    (name, tick), (also, nightly) = list(_events("ScheduleV2"))
    assert (name, also) == ("PollerFunction", "PollerFunction")
    assert tick["ScheduleExpression"] == {"Ref": "PollRate"}
    assert nightly["ScheduleExpression"] == "cron(30 3 * * ? *)"
    assert nightly["ScheduleExpressionTimezone"] == "Europe/Amsterdam"
    assert (tick["Input"], nightly["Input"]) == ('{"source": "schedule"}', '{"source": "reconcile"}')
    for each in (tick, nightly):
        assert each["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}
        assert _target(each["DeadLetterConfig"]["Arn"]) == "ScheduleDeadLetterQueue"
        assert each["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert _target(each["RoleArn"]) == "ScheduleRole"


def test_schedule_role_invokes_the_poller_only() -> None:
    """The scheduler may start the poller and leave a dead letter, nothing else."""
    assert [(s["Action"], _target(s["Resource"])) for s in _statements("ScheduleRole")] == [
        ("lambda:InvokeFunction", "PollerFunction"),
        ("sqs:SendMessage", "ScheduleDeadLetterQueue"),
    ]


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_table_is_safe() -> None:
    """The table can be restored to any second, is encrypted with our key, forgets what has expired, is paid by use."""
    table = RESOURCES["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert _target(table["SSESpecification"]["KMSMasterKeyId"]) == "Key"
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["BillingMode"] == "PAY_PER_REQUEST"


def test_due_index() -> None:
    """Rows that something is still to be done for are found by due time, by keys alone."""
    (index,) = RESOURCES["Table"]["Properties"]["GlobalSecondaryIndexes"]
    assert (index["IndexName"], index["Projection"]) == ("due", {"ProjectionType": "KEYS_ONLY"})
    assert [key["AttributeName"] for key in index["KeySchema"]] == ["due_pk", "due_at"]


@pytest.mark.parametrize("name", ["Table", "Key"])
def test_data_and_key_outlive_the_stack(name: str) -> None:
    """Deleting the stack deletes neither the orders' history nor the key; without fixed names it can be made again."""
    assert RESOURCES[name]["DeletionPolicy"] == "Retain"
    assert RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
    assert "TableName" not in RESOURCES[name]["Properties"]


def test_key_rotates() -> None:
    """The key that seals the shops' credentials is renewed every year."""
    assert RESOURCES["Key"]["Properties"]["EnableKeyRotation"] is True


def test_partner_secret() -> None:
    """The partner secret is born empty, for production, with a signing key nobody has seen, under our own key."""
    secret = RESOURCES["PartnerSecret"]["Properties"]
    generated = secret["GenerateSecretString"]
    assert yaml.safe_load(generated["SecretStringTemplate"]) == {
        "subscription_key": "",
        "partner_token": "",
        "product": "productie",
    }
    assert generated["GenerateStringKey"] == "link_signing_key"
    assert generated["PasswordLength"] >= 32
    assert _target(secret["KmsKeyId"]) == "Key"


# --- the API ----------------------------------------------------------------------------------------------------------


def test_api_passes_bytes() -> None:
    """The API hands on the body as bytes, whatever its type: the signature is over them."""
    assert RESOURCES["Api"]["Properties"]["BinaryMediaTypes"] == ["*/*"]


def test_api_logs_name_no_address() -> None:
    """The access log knows routes and figures; paths, query strings (`?key=`), bodies and senders are not in it."""
    api = RESOURCES["Api"]["Properties"]
    told = set(re.findall(r"\$context\.([A-Za-z.]+)", api["AccessLogSetting"]["Format"]))
    assert told == {
        "httpMethod",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTimeEpoch",
        "resourcePath",
        "responseLatency",
        "status",
    }
    (settings,) = api["MethodSettings"]
    assert settings["LoggingLevel"] == "OFF"
    assert settings["DataTraceEnabled"] is False


def test_api_is_throttled() -> None:
    """The open door has a limit of its own, far below the account's."""
    (settings,) = RESOURCES["Api"]["Properties"]["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert 0 < settings["ThrottlingRateLimit"] <= 1000
    assert 0 < settings["ThrottlingBurstLimit"] <= 2000


# --- as a whole -------------------------------------------------------------------------------------------------------


def test_wildcards_are_counted() -> None:
    """`Resource: "*"` stands in the key's own policy, where it means that key, and nowhere else."""
    wild = list(_everywhere(RESOURCES, lambda node: isinstance(node, dict) and "*" in _as_list(node.get("Resource"))))
    assert wild == RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]


def test_no_account_in_the_deployment_settings() -> None:
    """template.yaml and samconfig.toml carry no account id and no ARN of somebody's account."""
    for file in ("template.yaml", "samconfig.toml"):
        assert re.findall(r"\b\d{12}\b", (ROOT / file).read_text("utf-8")) == []
