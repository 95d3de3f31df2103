"""`make bench`: what the main job costs, as figures and ratios, on the world of the demo. Nothing here passes or fails.

Times are of this machine and mean little; ratios against a floor measured in the same run, counts and sizes mean more.
Writes bench/results.json.
"""

import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.table import Table

from sandbox import localaws
from sandbox import orders as generator
from sandbox.orders import GeneratedOrder
from sandbox.world import Connected, World, wait_until, world

_RESULTS = localaws.ROOT / "bench" / "results.json"
_IMPORT_RUNS = 9
_JOURNEYS = 40
_BATCH = 10
_BATCH_RUNS = 5
_PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class Figure:
    """One line of the table; `value` is a number for the file, `shown` for the reader."""

    name: str
    value: float
    shown: str


def main() -> int:
    """Measure everything, print it, keep it."""
    console = Console()
    figures: list[Figure] = []

    def say(line: str) -> None:
        console.print(f"[dim]{line}")

    say("Import times ...")
    built = localaws.build(say=say)
    figures += _sizes(built) + _imports(built)
    with world(parameters={"SettleSeconds": "10"}, say=say) as made:
        say("Calls per order ...")
        figures += _calls(made)
        say("Ten orders in one batch beside one ...")
        figures += _batches(made)
        say("Webhook to paid ...")
        figures += _latency(made)
    table = Table("what", "figure", title="make bench")
    for figure in figures:
        table.add_row(figure.name, figure.shown)
    console.print(table)
    _RESULTS.parent.mkdir(exist_ok=True)
    _RESULTS.write_text(json.dumps({figure.name: figure.value for figure in figures}, indent=2) + "\n")
    console.print(f"[dim]Kept in {_RESULTS.relative_to(localaws.ROOT)}")
    return 0


def _sizes(built: Path) -> list[Figure]:
    parts = ["Layer", "WebhookFunction", "WorkerFunction", "PollerFunction"]
    figures = []
    for part in parts:
        size = sum(file.stat().st_size for file in (built / part).rglob("*") if file.is_file()) / 1e6
        figures.append(Figure(f"size of {part}, MB", round(size, 3), f"{size:.3f} MB unpacked"))
    return figures


def _imports(built: Path) -> list[Figure]:
    """Median import times beside those of bare boto3, a bare interpreter's start taken off, runs interleaved.

    With the layer and the runtime's packages alone, in a copy: byte code must not end up in what is deployed.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy, runtime = Path(folder) / "built", Path(folder) / "runtime"
        shutil.copytree(built, copy)
        localaws.lambda_runtime(runtime)
        programs = {
            "nothing": ("pass", None),
            "boto3": ("import boto3", None),
            "boto3 with an SQS client": ("import boto3; boto3.client('sqs', region_name='eu-central-1')", None),
            **{
                f"{name} handler": ("import app", copy / f"{name.capitalize()}Function")
                for name in ("webhook", "worker", "poller")
            },
        }
        took: dict[str, list[float]] = {name: [] for name in programs}
        for run in range(_IMPORT_RUNS + 1):
            for name, (program, code) in programs.items():
                path = [str(entry) for entry in (code, copy / "Layer" / "python", runtime) if entry]
                command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {path!r}; {program}"]
                started = time.perf_counter()
                subprocess.run(command, env={}, check=True)  # noqa: S603 -- our own modules
                if run:  # the first one compiles
                    took[name].append(time.perf_counter() - started)
    floor = statistics.median(took.pop("nothing"))
    net = {name: statistics.median(runs) - floor for name, runs in took.items()}
    return [
        Figure(
            f"import of {name}, ms",
            round(seconds * 1000),
            f"{seconds * 1000:.0f} ms = {seconds / net['boto3']:.2f} x boto3",
        )
        for name, seconds in net.items()
    ]


def _calls(made: World) -> list[Figure]:
    connected = made.connect_since_yesterday("Bench calls")
    first = _sales(1, number=1)[0]
    again = generator.makers_example(_today())
    second = {**again.raw, "number": 2, "debtor": first.raw["debtor"]}
    orders: dict[str, dict[str, Any]] = {"new customer": dict(first.raw), "known customer": second}
    figures = []
    for name, raw in orders.items():
        made.place(connected, [raw])
        made.books.tell("calls/reset")
        made.announce(connected, raw["number"])
        _until_paid(made, connected, [raw["number"]])
        figures.append(_counted(made, connected, f"SnelStart calls, {name}"))
    made.books.tell("calls/reset")
    made.announce(connected, first.number)
    time.sleep(2.0)
    return [*figures, _counted(made, connected, "SnelStart calls, order already done")]


def _counted(made: World, connected: Connected, name: str) -> Figure:
    calls = made.books.ask("calls").get(connected.administration, {"orders": 0, "reference": 0, "token": 0})
    shown = f"{calls['orders']} (and {calls['reference']} for reference data, {calls['token']} for a token)"
    return Figure(name, calls["orders"], shown)


def _batches(made: World) -> list[Figure]:
    """One order and ten in one invocation, warm, 100 ms an answer; the floor is one order's calls made bare in turn."""
    connected = made.connect_since_yesterday("Bench batches")
    made.shop.tell("settings", {"round_trip_ms": 100})
    made.books.tell("settings", {"latency_ms": 100})
    # Every order by a new customer: the dearest journey, one call to the shop and four to SnelStart.
    sizes = [1, *([1, _BATCH] * _BATCH_RUNS)]
    numbers = iter(range(100, 100 + sum(sizes)))
    took: dict[int, list[float]] = {1: [], _BATCH: []}
    for warming, size in zip((True, *[False] * (len(sizes) - 1)), sizes, strict=True):
        orders = [_sales(1, number=next(numbers))[0] for _ in range(size)]
        raws = [{**order.raw, "debtor": _stranger(order)} for order in orders]
        made.place(connected, raws)
        seconds = _invoke(made, connected, [order.number for order in orders])
        if not warming:
            took[size].append(seconds)
    with httpx.Client() as client:
        url = f"{made.shop.url}/v1/store?token={connected.shop_token}&partner_token=sandbox-partner-token"
        client.get(url)
        started = time.perf_counter()
        for _ in range(5):
            client.get(url).raise_for_status()
        floor = time.perf_counter() - started
    one, ten = statistics.median(took[1]), statistics.median(took[_BATCH])
    return [
        Figure(
            "one order at 100 ms an answer, s",
            round(one, 3),
            f"{one:.2f} s = {one / floor:.2f} x its five calls made bare",
        ),
        Figure("ten orders beside one, ratio", round(ten / one, 3), f"{ten:.2f} s = {ten / one:.2f} x one"),
    ]


def _invoke(made: World, connected: Connected, numbers: Sequence[str]) -> float:
    records = [
        {
            "messageId": str(uuid.uuid4()),
            "receiptHandle": "none",
            "body": json.dumps(
                {
                    "connection_id": connected.id,
                    "order_number": number,
                    "cause": "webhook",
                    "received_at": datetime.now(UTC).isoformat(),
                    "trace": uuid.uuid4().hex,
                }
            ),
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:000000000000:orders",
            "awsRegion": "eu-central-1",
        }
        for number in numbers
    ]
    started = time.perf_counter()
    answer = made.deployment.functions.invoke(
        FunctionName=made.deployment.outputs["WorkerFunctionName"], Payload=json.dumps({"Records": records}).encode()
    )
    seconds = time.perf_counter() - started
    failed = json.loads(answer["Payload"].read())["batchItemFailures"]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(numbers)} orders were not done")
    return seconds


def _latency(made: World) -> list[Figure]:
    connected = made.connect_since_yesterday("Bench latency")
    made.shop.tell("settings", {"round_trip_ms": 50})
    made.books.tell("settings", {"latency_ms": 50})
    orders = _sales(_JOURNEYS, number=500)
    made.place(connected, [order.raw for order in orders])
    for order in orders:
        made.announce(connected, order.number)
        _until_paid(made, connected, [order.number], every=0.05)
    rows = made.orders(connected)
    took = sorted(
        (datetime.fromisoformat(row["paid_at"]) - datetime.fromisoformat(row["received_at"])).total_seconds()
        for row in rows.values()
    )
    median, p95 = statistics.median(took), took[math.ceil(len(took) * 0.95) - 1]
    return [
        Figure("webhook to paid at 50 ms an answer, median s", round(median, 3), f"{median:.2f} s"),
        Figure("webhook to paid at 50 ms an answer, p95 s", round(p95, 3), f"{p95:.2f} s"),
    ]


def _settled(made: World, connected: Connected, invoice: str) -> bool:
    found = made.invoices(connected).get(invoice)
    return found is not None and float(found["openstaandSaldo"]) == 0


def _until_paid(made: World, connected: Connected, numbers: Sequence[str | int], *, every: float = 0.2) -> None:
    wanted = [f"MWW{number}" for number in numbers]
    wait_until(
        lambda: all(_settled(made, connected, one) for one in wanted), _PATIENCE_SECONDS, "an order", every=every
    )


def _sales(count: int, *, number: int) -> list[GeneratedOrder]:
    start = datetime.now(ZoneInfo("Europe/Amsterdam")) - timedelta(minutes=10)
    return generator.generate(
        number, count, first_number=number, start=start, span=timedelta(minutes=5), mix={"sale": 1}
    )


def _stranger(order: GeneratedOrder) -> dict[str, Any]:
    debtor: Any = order.raw["debtor"]
    return {**debtor, "email": f"customer-{order.number}@example.nl"}


def _today() -> date:
    return datetime.now(ZoneInfo("Europe/Amsterdam")).date()


if __name__ == "__main__":
    sys.exit(main())
