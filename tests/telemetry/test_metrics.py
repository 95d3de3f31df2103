"""What is printed for CloudWatch: its embedded metric format, counted by any number of threads."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from koppeling import telemetry
from koppeling.catalogue import REASONS
from koppeling.telemetry import Metric

_NAMESPACE = "Koppeling/test"
# Source: CloudWatch's specification of the embedded metric format.
_MOST_VALUES = 100


@pytest.fixture(autouse=True)
def _of_this_test(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", _NAMESPACE)
    telemetry.flush()
    capsys.readouterr()


def _printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _told(capsys: pytest.CaptureFixture[str]) -> dict[tuple[str, str], list[float]]:
    """What CloudWatch makes of it: the values by metric and `whose`."""
    found: dict[tuple[str, str], list[float]] = {}
    for document in _printed(capsys):
        (directive,) = document["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == _NAMESPACE
        (dimensions,) = directive["Dimensions"]
        assert document["service"] == "koppeling"
        assert set(dimensions) <= {"service", "whose"}
        # a dimension or metric without its value would be dropped without a word
        assert {*dimensions, *(metric["Name"] for metric in directive["Metrics"])} == document.keys() - {"_aws"}
        for metric in directive["Metrics"]:
            values = document[metric["Name"]]
            assert len(values) <= _MOST_VALUES
            found.setdefault((metric["Name"], document.get("whose", "")), []).extend(values)
    return found


def test_an_invocation_prints_what_it_counted_once(capsys: pytest.CaptureFixture[str]) -> None:
    """All of one invocation in one line, with units; the next one starts from nothing."""
    telemetry.count(Metric.ORDERS_PAID)
    telemetry.count(Metric.ORDERS_PAID)
    telemetry.count(Metric.WEBHOOK_TO_PAID, 812.5)
    telemetry.flush()
    (document,) = _printed(capsys)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"]: metric["Unit"] for metric in directive["Metrics"]} == {
        "OrdersPaid": "Count",
        "WebhookToPaid": "Milliseconds",
    }
    assert (document["OrdersPaid"], document["WebhookToPaid"]) == ([1, 1], [812.5])
    telemetry.flush()
    assert _printed(capsys) == []


def test_threads_lose_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """Ten threads that count a thousand times make a thousand, in lines of at most a hundred values."""
    with ThreadPoolExecutor(10) as threads:
        list(threads.map(lambda _: telemetry.count(Metric.ORDERS_REFUSED), range(1000)))
    telemetry.flush()
    assert _told(capsys) == {("OrdersRefused", ""): [1.0] * 1000}


def test_what_was_counted_is_printed_even_when_the_handler_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """An invocation that ends in an error prints its figures before it does."""

    @telemetry.flushed
    def handler() -> None:
        telemetry.count(Metric.MISTAKES)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError):
        handler()
    assert _told(capsys) == {("KoppelingErrors", ""): [1.0]}


@pytest.mark.parametrize(
    ("code", "whose"),
    [
        ("shop-token-refused", "shop"),
        ("snelstart-key-refused", "snelstart"),
        ("snelstart-disconnected", "snelstart"),
        ("shop-access-refused", "operator"),
        ("snelstart-subscription-key-refused", "operator"),
        ("koppeling-partner-empty", "operator"),
    ],
)
def test_a_refused_credential_is_counted_under_who_must_renew_it(
    code: str, whose: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shop's, SnelStart's or the operator's own: three values, whatever the number of shops."""
    assert code in REASONS
    telemetry.refused(code)
    telemetry.refused("snelstart-unavailable")
    telemetry.flush()
    assert _told(capsys) == {("CredentialsRefused", whose): [1.0]}


def test_an_error_is_told_by_type_and_place_alone() -> None:
    """Of an error that holds a secret, its class and where in our source it came from; never its words."""
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("https://shop.example/?token=geheim")
    told = telemetry.where(caught.value)
    assert told["error"] == "ValueError"
    assert "test_metrics.py" in str(told["where"])
    assert "geheim" not in str(told)
