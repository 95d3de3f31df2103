"""House rules on template.yaml: queues, who takes from them and when, and the clock."""

import pytest

from tests.template import FUNCTIONS, QUEUES, SQS_EVENTS, Node, each_sqs_event, events, statements, target

# --- queues -----------------------------------------------------------------------------------------------------------


def test_every_queue_has_a_consumer() -> None:
    """Orders go to the worker, in a live lane and a slow one, imports in a third; shops to the poller."""
    assert {(name, target(event["Queue"])) for name, event in SQS_EVENTS} == {
        ("WorkerFunction", "OrderQueue"),
        ("WorkerFunction", "BacklogQueue"),
        ("WorkerFunction", "ImportQueue"),
        ("PollerFunction", "PollQueue"),
    }


@each_sqs_event
def test_visibility_is_six_timeouts(name: str, event: Node) -> None:
    """A message stays hidden for six times its function's timeout, so that nobody works on it beside a slow one."""
    queue = QUEUES[target(event["Queue"])]
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
    lanes = {target(event["Queue"]): event["ScalingConfig"]["MaximumConcurrency"] for _, event in SQS_EVENTS}
    assert lanes["BacklogQueue"] * 2 < lanes["OrderQueue"]


def test_an_import_takes_no_place_from_orders() -> None:
    """A step may last a minute and sends the next at once: two at a time, each alone, beside the places of orders."""
    lanes = {target(event["Queue"]): event for _, event in SQS_EVENTS}
    assert lanes["ImportQueue"]["BatchSize"] == 1, "a short step does not wait for a long one"
    assert lanes["ImportQueue"]["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert QUEUES["ImportQueue"] == QUEUES["BacklogQueue"], "kept as long, hidden as long, with the same dead letters"


@each_sqs_event
def test_dead_letters_are_kept_longest(name: str, event: Node) -> None:
    """What fails for good ends in a queue of its own that keeps it 14 days, longer than the live queue does."""
    queue = QUEUES[target(event["Queue"])]
    dead = target(queue["RedrivePolicy"]["deadLetterTargetArn"])
    assert QUEUES[dead]["MessageRetentionPeriod"] == 14 * 24 * 3600, name
    assert queue["MessageRetentionPeriod"] < QUEUES[dead]["MessageRetentionPeriod"]
    assert [
        other
        for other in QUEUES.values()
        if "RedrivePolicy" in other
        and other is not queue
        and target(other["RedrivePolicy"]["deadLetterTargetArn"]) == dead
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
    (name, tick), (also, nightly) = list(events("ScheduleV2"))
    assert (name, also) == ("PollerFunction", "PollerFunction")
    assert tick["ScheduleExpression"] == {"Ref": "PollRate"}
    assert nightly["ScheduleExpression"] == "cron(30 3 * * ? *)"
    assert nightly["ScheduleExpressionTimezone"] == "Europe/Amsterdam"
    assert (tick["Input"], nightly["Input"]) == ('{"source": "schedule"}', '{"source": "reconcile"}')
    for each in (tick, nightly):
        assert each["RetryPolicy"] == {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}
        assert target(each["DeadLetterConfig"]["Arn"]) == "ScheduleDeadLetterQueue"
        assert each["FlexibleTimeWindow"] == {"Mode": "OFF"}
        assert target(each["RoleArn"]) == "ScheduleRole"


def test_schedule_role_invokes_the_poller_only() -> None:
    """The scheduler may start the poller and leave a dead letter, nothing else."""
    assert [(s["Action"], target(s["Resource"])) for s in statements("ScheduleRole")] == [
        ("lambda:InvokeFunction", "PollerFunction"),
        ("sqs:SendMessage", "ScheduleDeadLetterQueue"),
    ]
