"""The benchmarks count what AWS bills, keep what they found, and draw the same thing twice alike."""

import json
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from rich.console import Console

from sandbox import localaws
from sandbox.bench import main
from sandbox.benchmarks import bare, drawing, prices, results, runner, worker
from sandbox.benchmarks.meter import Meter, item_bytes, read_units, write_units
from sandbox.benchmarks.results import Bar, Chart, Fact, Goal, Measured, bar

KEY = {"pk": {"S": "p"}, "sk": {"S": "s"}}


def billed(*requests: tuple[str, Mapping[str, Any], Mapping[str, Any]]) -> Meter:
    """The meter after these operations, as botocore tells of them."""
    meter = Meter()
    for name, params, parsed in requests:
        meter._before(params)  # noqa: SLF001 -- as botocore calls it
        meter._after(SimpleNamespace(name=name), parsed)  # noqa: SLF001 -- the same
    return meter


def test_a_row_weighs_its_names_and_its_values_as_dynamodb_counts_them() -> None:
    """Text counts by its UTF-8 bytes, a number by its digits in pairs, a map and a list by three and what they hold."""
    assert item_bytes({"naam": {"S": "Zoë"}}) == 4 + 4
    assert item_bytes({"n": {"N": "-1234.5"}}) == 1 + 4
    assert item_bytes({"m": {"M": {"a": {"BOOL": True}}}}) == 1 + 3 + 1 + 1 + 1
    assert item_bytes({"l": {"L": [{"S": "ab"}]}, "b": {"B": b"123"}}) == (1 + 3 + 1 + 2) + (1 + 3)


@pytest.mark.parametrize(("size", "units"), [(0, 1), (1024, 1), (1025, 2)])
def test_a_write_is_a_unit_for_every_kilobyte_begun(size: int, units: int) -> None:
    """Also of a row that is not there, a write is one."""
    assert write_units(size) == units


def test_a_read_that_need_not_be_consistent_is_half_a_unit_for_every_four_kilobytes_begun() -> None:
    """As DynamoDB bills reads."""
    assert (read_units(0, consistent=True), read_units(4097, consistent=True)) == (1, 2)
    assert read_units(4096, consistent=False) == 0.5


def test_a_write_that_its_condition_refuses_is_billed_all_the_same() -> None:
    """By the size of the row that stood in its way."""
    refused = {"Error": {"Code": "ConditionalCheckFailedException"}, "Item": {"v": {"S": "x" * 1500}}}
    assert billed(("UpdateItem", {"Key": KEY}, refused)).write_units == 2


def test_a_row_that_shrinks_is_billed_by_what_it_was() -> None:
    """The larger of before and after counts."""
    large, small = {**KEY, "v": {"S": "x" * 2000}}, {**KEY}
    meter = billed(("PutItem", {"Item": large}, {}), ("UpdateItem", {"Key": KEY}, {"Attributes": small}))
    assert meter.write_units == 2 + 2


def test_falling_due_and_no_longer_falling_due_are_writes_to_the_index_too() -> None:
    """One for an entry put in, two for one replaced, one for one taken out, none for one that stays."""

    def due(at: str) -> dict[str, Any]:
        return {**KEY, "due_pk": {"S": "p"}, "due_at": {"S": at}}

    states = [due("1"), due("1"), due("2"), {**KEY}]
    written = [("UpdateItem", {"Key": KEY}, {"Attributes": state}) for state in states]
    assert billed(*written).write_units == (1 + 1) + (1 + 0) + (1 + 2) + (1 + 1)


def test_bare_calls_do_for_another_order_what_was_recorded_of_one() -> None:
    """Its number and the ids given out on the way take the place of those recorded."""
    seen: list[tuple[str, str]] = []

    class Books(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Give out an id that no other call was given."""
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            seen.append((self.path, body))
            answer = json.dumps({"id": f"id-{len(seen)}"}).encode()
            self.send_response(201)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Books) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with httpx.Client(trust_env=False) as client:
            with bare.recorded(client) as calls:
                client.post(f"{url}/invoices", json={"number": "MWW1001"})
                client.post(f"{url}/payments", json={"of": "id-1"})
            bare.make(client, calls, {"1001": "1002"})
        server.shutdown()
    assert [json.loads(body) for _, body in seen[2:]] == [{"number": "MWW1002"}, {"of": "id-3"}]


def test_the_price_of_an_order_names_every_service_it_pays() -> None:
    """What is used is paid for by its own price, and no price is left out."""
    usage = prices.Usage(calls=5, queue_requests=1, key_requests=1, write_units=8, read_units=3, log_bytes=4000)
    dollars = usage.dollars()
    assert set(dollars) == set(prices.PRICES)
    assert dollars["write units"] == pytest.approx(8 * 0.705e-6)
    assert dollars["queue requests"] == pytest.approx((1 + prices.QUEUE_ASSUMED) * 0.40e-6)
    assert dollars["key requests"] == pytest.approx((1 + prices.KEY_ASSUMED) * 3e-6)
    assert dollars["function GB-seconds"] == pytest.approx((0.02 * 0.5 + 5 * 0.05 * 1.25) * 13.3334e-6)


def measured(value: float) -> Measured:
    """A figure with one ratio held to a goal and one time."""
    facts = (results.ratio("a ratio", value, goal=Goal(2.0)), results.milliseconds("a time", 0.25))
    return Measured(facts, Chart("A figure", "x a floor", (bar("floor", 1.0), bar("ours", value))))


def test_one_figure_measured_alone_leaves_what_is_kept_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What holds on any machine comes first, the times of this one after it; a figure that is no more is forgotten."""
    monkeypatch.setattr(localaws, "ROOT", tmp_path)
    monkeypatch.setattr(runner.Figure, "measure", lambda self, _made: measured(1.5 if self.name == "planning" else 3))
    file = tmp_path / "bench" / "results.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"anywhere": {"long gone": {}}, "on this machine": {}}))
    planning, imports = runner.FIGURES[:2]
    assert runner.run([planning], Console(quiet=True), file)
    assert not runner.run([imports], Console(quiet=True), file)
    kept = json.loads(file.read_text())
    assert list(kept) == ["anywhere", "on this machine"]
    assert kept["anywhere"] == {
        "planning": {"a ratio": {"value": 1.5, "goal": "at most 2", "reached": True}},
        "imports": {"a ratio": {"value": 3, "goal": "at most 2", "reached": False}},
    }
    assert kept["on this machine"]["planning"]["a time, ms"] == 250
    # No clone: it is said that nobody knows of which commit it is.
    assert kept["on this machine"]["imports"]["measured"] == {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "commit": "unknown",
    }
    assert {one.name for one in file.parent.glob("*.svg")} == {"planning.svg", "imports.svg"}


def test_what_is_kept_tells_the_commit_it_is_of_and_what_it_rests_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The date of a price table stands beside the price; a change that is in no commit is marked."""
    monkeypatch.setattr(localaws, "ROOT", tmp_path)
    told = replace(measured(1), notes={"list prices of": "2026-11"})
    monkeypatch.setattr(runner.Figure, "measure", lambda _self, _made: told)
    git = ("git", "-c", "user.name=n", "-c", "user.email=n@example.nl")
    for words in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)  # noqa: S603 -- our own words
    file = tmp_path / "bench" / "results.json"

    def kept() -> dict[str, Any]:
        runner.run(runner.FIGURES[:1], Console(quiet=True), file)
        found: dict[str, Any] = json.loads(file.read_text())
        assert found["anywhere"]["planning"]["list prices of"] == "2026-11"
        return dict(found["on this machine"]["planning"]["measured"])

    head = kept()["commit"]
    assert len(head) == 12
    # What an earlier run wrote is no change of what is measured.
    assert kept()["commit"] == head
    (tmp_path / "code.py").write_text("new")
    assert kept()["commit"] == f"{head}+"


def test_a_chart_of_several_units_is_one_drawing(tmp_path: Path) -> None:
    """Each part has its own scale, its own title and its own goal."""
    below = Chart("Memory", "MB", (bar("one", 71.0),), (("most", 128.0),))
    draw = Chart("Calls", "calls", (bar("one", 1.0), bar("two", 1.0)), (("goal", 1.0),), (below,))
    drawing.draw(draw, tmp_path / "both.svg")
    drawn = (tmp_path / "both.svg").read_text()
    assert all(text in drawn for text in ("Calls", "Memory", "goal: 1", "most: 128", "MB"))


def test_a_missed_goal_tells_the_floor_of_its_own_run() -> None:
    """Not one that was measured once: that contradicts the figures beside it."""
    pairs = worker.Pairs([(0.2, 0.3)], [0.25], in_table=0.02, requests=10.0)
    [missed, *_] = worker._facts("a known customer", pairs, 1)  # noqa: SLF001 -- what it says, without measuring
    assert missed.goal
    assert not missed.goal.met(missed.value)
    assert "floor in this run is 1.25" in missed.goal.if_missed
    assert "10 requests" in missed.goal.if_missed
    assert "2.0 ms" in missed.goal.if_missed


def test_the_same_chart_is_drawn_to_the_same_bytes(tmp_path: Path) -> None:
    """No moment, no chance: a difference between two drawings is a difference between two measurements."""
    parts = (("bare", 1.0), ("ours", 0.2))
    chart = Chart("A figure", "x a floor", (Bar("one", parts), Bar("two", parts)), (("goal", 1.25),))
    for name in ("first.svg", "second.svg"):
        drawing.draw(chart, tmp_path / name)
    first = (tmp_path / "first.svg").read_text()
    assert first == (tmp_path / "second.svg").read_text()
    assert "goal: 1.25" in first
    assert "dc:date" not in first


def test_a_goal_that_must_be_met_exactly_is_missed_from_either_side() -> None:
    """Fewer calls than must be made are as wrong as more."""
    exactly = Goal(1, exactly=True)
    assert [exactly.met(value) for value in (0, 1, 2)] == [False, True, False]
    assert [Goal(1.25).met(value) for value in (1.0, 1.25, 1.26)] == [True, True, False]
    assert str(Fact("calls", 1, "count")) == "1"


def test_a_figure_is_found_by_the_beginning_of_its_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that is none is answered with those that are."""
    assert [figure.name for figure in runner.chosen("import")] == ["imports"]
    assert len(runner.chosen("")) == len(runner.FIGURES)
    monkeypatch.setattr("sys.argv", ["bench", "speed"])
    assert main() == 2
    assert "planning" in capsys.readouterr().err
