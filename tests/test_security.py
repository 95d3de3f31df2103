"""What the template does against strangers and curious eyes: the web ACL, throttling, encryption at rest."""

import re
from typing import Any

import pytest

from tests.template import RESOURCES, TEMPLATE
from tests.transformed import of_type, resources

ACL = RESOURCES["WebAcl"]["Properties"]
RULES: dict[str, Any] = {rule["Name"]: rule for rule in ACL["Rules"]}

# --- the web ACL ------------------------------------------------------------------------------------------------------


def test_the_web_acl_stands_before_the_stage() -> None:
    """The web ACL is tied to the very stage that shops send to, unless the operator leaves it out."""
    link = RESOURCES["WebAclAssociation"]
    assert link["Properties"]["WebACLArn"] == {"Fn::GetAtt": ["WebAcl", "Arn"]}
    assert link["Properties"]["ResourceArn"]["Fn::Sub"].endswith("::/restapis/${Api}/stages/${Api.Stage}")
    assert ACL["Scope"] == "REGIONAL"
    assert {RESOURCES[name]["Condition"] for name in ("WebAcl", "WebAclAssociation")} == {"UseWaf"}
    assert TEMPLATE["Parameters"]["Waf"]["Default"] == "true"
    assert TEMPLATE["Conditions"]["UseWaf"] == {"Fn::Equals": [{"Ref": "Waf"}, "true"]}


def test_a_flood_is_stopped_per_connection_and_per_address() -> None:
    """One address may send to one connection 2,000 times in five minutes, and to all of them together 30,000 times."""
    one = RULES["flood-of-one-connection"]["Statement"]["RateBasedStatement"]
    assert [list(key) for key in one["CustomKeys"]] == [["IP"], ["UriPath"]]
    assert (one["AggregateKeyType"], one["Limit"], one["EvaluationWindowSec"]) == ("CUSTOM_KEYS", 2000, 300)
    every = RULES["flood-of-one-address"]["Statement"]["RateBasedStatement"]
    assert (every["AggregateKeyType"], every["Limit"], every["EvaluationWindowSec"]) == ("IP", 30_000, 300)


def test_a_flood_is_told_to_slow_down() -> None:
    """Who sends too much is answered 429, which a sender of webhooks tries again after, and not 403."""
    for name in ("flood-of-one-connection", "flood-of-one-address"):
        assert RULES[name]["Action"] == {"Block": {"CustomResponse": {"ResponseCode": 429}}}


def test_no_single_address_fills_the_stage() -> None:
    """What one address may send is well under what the stage lets through, so that others still get in."""
    (stage,) = RESOURCES["Api"]["Properties"]["MethodSettings"]
    every = RULES["flood-of-one-address"]["Statement"]["RateBasedStatement"]
    assert every["Limit"] / every["EvaluationWindowSec"] <= stage["ThrottlingRateLimit"] / 4


def test_no_body_of_a_webhook_is_blocked() -> None:
    """Bodies up to 64 KiB pass whatever is in them: every rule of the common set that reads bodies only counts."""
    group = RULES["common"]["Statement"]["ManagedRuleGroupStatement"]
    counted = {rule["Name"] for rule in group["RuleActionOverrides"] if rule["ActionToUse"] == {"Count": {}}}
    assert group["Name"] == "AWSManagedRulesCommonRuleSet"
    assert RULES["common"]["OverrideAction"] == {"None": {}}
    # docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
    assert {name for name in counted if name.endswith("_BODY")} == {
        "CrossSiteScripting_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "SizeRestrictions_BODY",
    }
    assert counted == {rule["Name"] for rule in group["RuleActionOverrides"]}


def test_the_console_shows_no_webhook_keys() -> None:
    """No sample of a request is kept: it would show the address with its ?key=."""
    shown = [ACL["VisibilityConfig"], *(rule["VisibilityConfig"] for rule in RULES.values())]
    assert len(shown) == 4
    assert {each["SampledRequestsEnabled"] for each in shown} == {False}
    assert len({each["MetricName"] for each in shown}) == 4


# --- encryption at rest -----------------------------------------------------------------------------------------------

STORES = {
    "AWS::DynamoDB::Table": lambda made: made["SSESpecification"]["KMSMasterKeyId"],
    "AWS::SecretsManager::Secret": lambda made: made["KmsKeyId"],
    "AWS::Logs::LogGroup": lambda made: made["KmsKeyId"],
    "AWS::SNS::Topic": lambda made: made["KmsMasterKeyId"],
    "AWS::SQS::Queue": lambda made: made["SqsManagedSseEnabled"],
}
STATELESS = (
    r"AWS::(ApiGateway|CloudWatch|IAM|KMS|Lambda|Scheduler|WAFv2)::\w+|AWS::SNS::(Subscription|TopicPolicy)"
    r"|AWS::Logs::MetricFilter"
)
OURS = {"Fn::GetAtt": ["Key", "Arn"]}


def test_all_that_keeps_data_is_looked_at() -> None:
    """A kind of resource that keeps data has its encryption tested below, or this fails."""
    kinds = {resource["Type"] for resource in resources().values()}
    assert {kind for kind in kinds if not re.fullmatch(STATELESS, kind)} <= STORES.keys()


@pytest.mark.parametrize("kind", STORES)
def test_everything_kept_is_encrypted(kind: str) -> None:
    """The table, the secret, the logs and the alarms' topic are under our own key, the queues under SQS's."""
    made = of_type(kind)
    assert made
    expected = True if kind == "AWS::SQS::Queue" else OURS
    assert {name: STORES[kind](properties) for name, properties in made.items()} == dict.fromkeys(made, expected)


def test_the_logs_service_may_use_the_key_for_this_stack_alone() -> None:
    """CloudWatch Logs seals the log groups under /koppeling/<stack>/ with our key, and no other group."""
    statements = {each["Sid"]: each for each in RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]}
    logs = statements["SealLogs"]
    assert logs["Principal"] == {"Service": {"Fn::Sub": "logs.${AWS::Region}.${AWS::URLSuffix}"}}
    text, names = logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"]["Fn::Sub"]
    assert text.endswith(":log-group:${Prefix}/*")
    assert names == {"Prefix": {"Fn::Sub": "/koppeling/${AWS::StackName}"}}
    for name, group in of_type("AWS::Logs::LogGroup").items():
        assert group["LogGroupName"]["Fn::Sub"].startswith("/koppeling/${AWS::StackName}/"), name
