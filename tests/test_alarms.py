"""The alarms as defined: the local AWS evaluates none of them, so what can be wrong with one is looked for here."""

import json
import re
from typing import Any, get_args

import pytest

from koppeling.telemetry import SERVICE, Credential, Metric
from tests.template import RESOURCES, ROOT, TEMPLATE
from tests.transformed import of_type

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
NAMESPACE = {"Fn::Sub": "Koppeling/${AWS::StackName}"}
ALARMS: dict[str, Any] = {
    made["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): made["Properties"]
    for made in RESOURCES.values()
    if made["Type"] == "AWS::CloudWatch::Alarm"
}
# Source: the CloudWatch metrics that SQS, Lambda and API Gateway document, with the dimensions they come under.
AWS_METRICS = {
    "AWS/SQS": ({"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"}, {"QueueName"}),
    "AWS/Lambda": ({"Errors", "Throttles", "Invocations"}, {"FunctionName"}),
    "AWS/ApiGateway": ({"5XXError"}, {"ApiName", "Stage"}),
}

each_alarm = pytest.mark.parametrize("name", ALARMS)


def dimensions(alarm: Any) -> dict[str, Any]:  # noqa: ANN401 -- the template's
    """The alarm's dimensions by name."""
    return {each["Name"]: each["Value"] for each in alarm["Dimensions"]}


def watched(metric: str, dimension: str) -> set[str]:
    """The resources whose metric of this name some alarm watches."""
    found = [dimensions(alarm).get(dimension, {}) for alarm in ALARMS.values() if alarm["MetricName"] == metric]
    return {each["Ref"] if "Ref" in each else each["Fn::GetAtt"][0] for each in found if each}


def test_every_alarm_has_its_section() -> None:
    """The runbook has one section for every alarm and none besides, each with what it means, look, do and over."""
    sections = re.findall(r"^## ([a-z-]+)\n(.*?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in sections] == list(ALARMS)
    for name, text in sections:
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.MULTILINE) == ["Means", "Look", "Do", "Over"], name
        assert "```sh\n" in text, name


@each_alarm
def test_the_alarm_says_where_to_read(name: str) -> None:
    """Whoever gets the mail reads in one sentence what is the matter, and which section says what to do."""
    says, _, section = ALARMS[name]["AlarmDescription"].rpartition("; ")
    assert len(says) > 20
    assert section == f"docs/runbook.md#{name}"


@each_alarm
def test_the_alarm_is_heard(name: str) -> None:
    """Ringing and falling silent are both told, through the one topic."""
    assert ALARMS[name]["AlarmActions"] == ALARMS[name]["OKActions"] == [{"Ref": "AlarmTopic"}]


@each_alarm
def test_the_alarm_watches_something_there_is(name: str) -> None:
    """Its metric is one that our code prints, under those very dimensions, or one that AWS keeps."""
    alarm = ALARMS[name]
    given = dimensions(alarm)
    if alarm["Namespace"] == NAMESPACE:
        (metric,) = (each for each in Metric if each.title == alarm["MetricName"])
        expected = {"service", "whose"} if metric is Metric.CREDENTIALS_REFUSED else {"service"}
        assert given["service"] == SERVICE
        assert given.keys() == expected
        assert given.get("whose") in (None, *get_args(Credential))
    else:
        names, expected = AWS_METRICS[alarm["Namespace"]]
        assert alarm["MetricName"] in names
        assert given.keys() == expected


@each_alarm
def test_silence_is_judged_on_purpose(name: str) -> None:
    """No data is good news, but for the poller, whose silence is what its alarm is about."""
    assert ALARMS[name]["TreatMissingData"] == ("breaching" if name == "poller-silent" else "notBreaching")


@each_alarm
def test_the_figure_fits_the_question(name: str) -> None:
    """Counts are added up, depths and ages are taken at their worst; only shares are averages, only latency a p95."""
    alarm = ALARMS[name]
    statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
    special = {"orders-refused": "Average", "orders-failing": "Average", "webhook-to-paid": "p95"}
    worst = alarm["Namespace"] == "AWS/SQS" or alarm["MetricName"] in {"PutOffFor", "PollLag"}
    assert statistic == special.get(name, "Maximum" if worst else "Sum")
    assert ("Statistic" in alarm) != ("ExtendedStatistic" in alarm)


def test_every_queue_and_function_is_watched() -> None:
    """Each dead letter queue by its depth, each live queue by its age, each function by its errors and throttles."""
    queues = {name for name, made in RESOURCES.items() if made["Type"] == "AWS::SQS::Queue"}
    live = {name for name in queues if "RedrivePolicy" in RESOURCES[name]["Properties"]}
    functions = {name for name, made in RESOURCES.items() if made["Type"] == "AWS::Serverless::Function"}
    assert watched("ApproximateNumberOfMessagesVisible", "QueueName") == queues - live
    assert watched("ApproximateAgeOfOldestMessage", "QueueName") == live | {"OrderDeadLetterQueue"}
    assert watched("Errors", "FunctionName") == watched("Throttles", "FunctionName") == functions


def test_a_dead_letter_rings_within_minutes() -> None:
    """One message, one minute: nothing that ended for good waits for a second one."""
    for name in ("order-dead-letters", "poll-dead-letters", "schedule-dead-letters"):
        alarm = ALARMS[name]
        assert (alarm["Threshold"], alarm["Period"], alarm["EvaluationPeriods"]) == (0, 60, 1)


def test_old_dead_letters_ring_before_they_are_lost() -> None:
    """Days in the live queue count: what SQS drops after 14 days is told of with days to spare."""
    days = RESOURCES["OrderDeadLetterQueue"]["Properties"]["MessageRetentionPeriod"]
    spent = RESOURCES["OrderQueue"]["Properties"]["MessageRetentionPeriod"]
    assert ALARMS["order-dead-letters-old"]["Threshold"] + spent <= days - 2 * 86_400


def test_the_operators_credentials_ring_at_once() -> None:
    """A refused key of the operator stands every shop still; a shop's own may be told within the hour."""
    at_once = ALARMS["operator-credentials"]
    assert (at_once["Threshold"], at_once["Period"], at_once["EvaluationPeriods"]) == (0, 60, 1)
    assert {ALARMS[name]["Period"] for name in ("shop-credentials", "snelstart-credentials")} == {3600}


def test_metrics_are_of_this_stack() -> None:
    """Two stacks in one account do not ring each other's alarms: the functions print under the alarms' namespace."""
    variables = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == NAMESPACE
    assert [alarm["Namespace"] for alarm in ALARMS.values()].count(NAMESPACE) > 10


def test_alarms_may_reach_the_sealed_topic() -> None:
    """CloudWatch may publish to the topic and use the key that seals it, for this account alone."""
    topic = RESOURCES["AlarmTopic"]["Properties"]
    assert topic["KmsMasterKeyId"] == {"Fn::GetAtt": ["Key", "Arn"]}
    (publish,) = RESOURCES["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    statements = {each["Sid"]: each for each in RESOURCES["Key"]["Properties"]["KeyPolicy"]["Statement"]}
    for statement in (publish, statements["SealAlarms"]):
        assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert statement["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert publish["Action"] == "sns:Publish"
    assert statements["SealAlarms"]["Action"] == ["kms:Decrypt", "kms:GenerateDataKey"]


def test_nobody_is_mailed_unless_asked() -> None:
    """Without AlarmEmail there is no subscription; with it there is one."""
    assert TEMPLATE["Parameters"]["AlarmEmail"]["Default"] == ""
    assert RESOURCES["AlarmSubscription"]["Condition"] == "TellByEmail"
    assert RESOURCES["AlarmSubscription"]["Properties"]["Endpoint"] == {"Ref": "AlarmEmail"}


def test_the_api_is_watched_under_its_own_name() -> None:
    """The API's metrics come under the name it gets: that of the stack."""
    (api,) = of_type("AWS::ApiGateway::RestApi").values()
    assert api["Body"]["info"]["title"] == {"Ref": "AWS::StackName"}
    assert dimensions(ALARMS["api-errors"]) == {
        "ApiName": {"Ref": "AWS::StackName"},
        "Stage": {"Ref": "Api.Stage"},
    }


def test_the_dashboard_draws_what_the_alarms_watch() -> None:
    """The dashboard is readable JSON that shows every alarm and every metric of ours; it names nothing else of ours."""
    text, names = RESOURCES["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets = json.loads(text)["widgets"]
    assert names == {"Ours": NAMESPACE}
    (shown,) = (each["properties"]["alarms"] for each in widgets if each["type"] == "alarm")
    made = [name for name, resource in RESOURCES.items() if resource["Type"] == "AWS::CloudWatch::Alarm"]
    assert shown == [f"${{{name}.Arn}}" for name in made]
    drawn = [metric for each in widgets if each["type"] == "metric" for metric in each["properties"]["metrics"]]
    assert {metric[1] for metric in drawn if metric[0] == "${Ours}"} == {metric.title for metric in Metric}
    # an alarm's own widget shows how often the poller ran
    assert {alarm["MetricName"] for alarm in ALARMS.values()} - {"Invocations"} <= {metric[1] for metric in drawn}
