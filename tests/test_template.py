"""House rules on template.yaml: what the local emulator does not notice and AWS would only show in production."""

import re

import pytest
import yaml

from tests.template import (
    FUNCTIONS,
    GLOBALS,
    RESOURCES,
    ROOT,
    TEMPLATE,
    as_list,
    each_function,
    events,
    everywhere,
    of_type,
    target,
)

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
    assert target(TEMPLATE["Outputs"][output]["Value"]) == resource


def test_api_url() -> None:
    """ApiUrl is the base URL of the API with its stage, to which paths are simply added."""
    assert TEMPLATE["Outputs"]["ApiUrl"]["Value"] == {
        "Fn::Sub": "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}/${Api.Stage}"
    }


def test_webhook_route() -> None:
    """A shop's webhook arrives at POST /webhooks/mijnwebwinkel/{connection_id}, SnelStart's at /snelstart/koppeling."""
    assert [(name, event["Method"], event["Path"]) for name, event in events("Api")] == [
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
    group = target(logging["LogGroup"])
    assert RESOURCES[group]["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    assert [other for other in FUNCTIONS if target(FUNCTIONS[other]["LoggingConfig"]["LogGroup"]) == group] == [name]


def test_every_log_group_forgets() -> None:
    """No log group keeps what it holds for ever."""
    groups = of_type("AWS::Logs::LogGroup")
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


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_table_is_safe() -> None:
    """The table can be restored to any second, is encrypted with our key, forgets what has expired, is paid by use."""
    table = RESOURCES["Table"]["Properties"]
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["SSEType"] == "KMS"
    assert target(table["SSESpecification"]["KMSMasterKeyId"]) == "Key"
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
    assert target(secret["KmsKeyId"]) == "Key"


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
    wild = list(everywhere(RESOURCES, lambda node: isinstance(node, dict) and "*" in as_list(node.get("Resource"))))
    assert wild == RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]


def test_no_account_in_the_deployment_settings() -> None:
    """template.yaml and samconfig.toml carry no account id and no ARN of somebody's account."""
    for file in ("template.yaml", "samconfig.toml"):
        assert re.findall(r"\b\d{12}\b", (ROOT / file).read_text("utf-8")) == []
