"""What SAM adds to the template unasked, or AWS does with it, that the local AWS lets pass."""

import pytest

from tests.template import TEMPLATE
from tests.transformed import of_type


def test_the_api_has_no_stage_beside_the_guarded_one() -> None:
    """The one stage there is has the web ACL, the throttling and the access log; SAM's own `Stage` would have none.

    Source: the note at `OpenApiVersion` in AWS's reference of AWS::Serverless::Api.
    """
    assert [made["StageName"] for made in of_type("AWS::ApiGateway::Stage").values()] == ["v1"]
    assert [made["StageName"] for made in of_type("AWS::ApiGateway::Deployment").values() if "StageName" in made] == []


def test_two_stacks_fit_in_one_account() -> None:
    """No schedule has a name that another stack's has too: SAM's own is the same for all, and the second would fail."""
    names = [made["Name"] for made in of_type("AWS::Scheduler::Schedule").values()]
    assert names == [{"Fn::Sub": "${AWS::StackName}-nightly"}, {"Fn::Sub": "${AWS::StackName}-tick"}]


def test_a_tick_that_the_poller_fails_at_is_a_dead_letter_while_it_is_worth_trying() -> None:
    """The scheduler hands a tick to Lambda's own queue and is done: what becomes of it there is Lambda's to keep.

    Without dead letters Lambda forgets it after its third attempt; without an age, hours of ticks that AWS did not let
    run come all at once. Source: AWS Lambda's guide, "How Lambda handles errors and retries with asynchronous
    invocation".
    """
    (poller,) = [made for name, made in of_type("AWS::Lambda::Function").items() if name == "PollerFunction"]
    assert poller["DeadLetterConfig"] == {"TargetArn": {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]}}
    (handling,) = of_type("AWS::Lambda::EventInvokeConfig").values()
    assert handling["FunctionName"] == {"Ref": "PollerFunction"}
    assert (handling["MaximumRetryAttempts"], handling["MaximumEventAgeInSeconds"]) == (2, 900)
    statements = of_type("AWS::IAM::Role")["PollerRole"]["Policies"][0]["PolicyDocument"]["Statement"]
    (leaving,) = [each["Resource"] for each in statements if each.get("Sid") == "Dispatch"]
    assert {"Fn::GetAtt": ["ScheduleDeadLetterQueue", "Arn"]} in leaving


def test_no_log_level_silences_the_metrics() -> None:
    """Metrics are lines without a level, which Lambda takes for INFO: a level above it would end every alarm on ours.

    Source: AWS Lambda's guide, "Log-level filtering".
    """
    formats = {made["LoggingConfig"]["LogFormat"] for made in of_type("AWS::Lambda::Function").values()}
    assert formats == {"JSON"}
    assert TEMPLATE["Parameters"]["LogLevel"]["AllowedValues"] == ["DEBUG", "INFO"]


@pytest.mark.parametrize("name", ["WorkerFunction", "PollerFunction"])
def test_a_message_may_come_back_more_than_sixteen_times(name: str) -> None:
    """A step of an import sends the next one, an order that is put off itself: Lambda takes that for a runaway.

    Unless told otherwise it stops what comes of the sixteenth message in a row, and leaves a dead letter. Source: AWS
    Lambda's guide, "Use Lambda recursive loop detection to prevent infinite loops".
    """
    assert of_type("AWS::Lambda::Function")[name]["RecursiveLoop"] == "Allow"


def test_who_answers_the_world_may_not_run_in_circles() -> None:
    """The functions behind the API send on and are done."""
    functions = of_type("AWS::Lambda::Function")
    assert {name for name, made in functions.items() if "RecursiveLoop" in made} == {"PollerFunction", "WorkerFunction"}
