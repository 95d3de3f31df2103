"""What a cold start loads: each handler beside bare boto3, and what is deployed in megabytes.

With the layer and the runtime's packages alone, in a copy: byte code must not end up in what is deployed.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sandbox import localaws
from sandbox.benchmarks import results
from sandbox.benchmarks.results import Chart, Fact, Goal, Measured, bar

_RUNS: Final = 9
_HANDLERS: Final = ("webhook", "activation", "worker", "poller")
_FLOOR: Final = "boto3 with an SQS client"
_GOAL: Final = Goal(1.3, if_missed="it imports botocore alone; what more it loads is this project's")
_CLIENT: Final = "import boto3; boto3.client('sqs', region_name='eu-central-1')"
_THREE: Final = "boto3 with the webhook's three clients"
_CLIENTS: Final = "import boto3; one = boto3.Session().client; one('dynamodb'); one('kms'); one('sqs')"


def measure() -> Measured:
    """Median times of fresh interpreters, an empty one's taken off, in turn; and sizes."""
    built = localaws.build(say=lambda _: None)
    took = _times(built)
    floor = took[_FLOOR]
    facts = [_fact(name, seconds, floor) for name, seconds in took.items() if name != _FLOOR]
    bars = tuple(bar(name, round(seconds / floor, 2)) for name, seconds in took.items())
    chart = Chart("What a cold start loads", f"x {_FLOOR}", bars, (("goal of the webhook", _GOAL.most),))
    return Measured((*facts, *_sizes(built)), chart)


def _fact(name: str, seconds: float, floor: float) -> Fact:
    shown = f"{seconds / floor:.2f} x {_FLOOR} ({seconds * 1000:.0f} : {floor * 1000:.0f} ms)"
    return results.ratio(f"import, {name}", seconds / floor, shown, _GOAL if name == "webhook handler" else None)


def _times(built: Path) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        copy, runtime = Path(folder) / "built", Path(folder) / "runtime"
        shutil.copytree(built, copy)
        localaws.lambda_runtime(runtime)
        programs: dict[str, tuple[str, Path | None]] = {
            "nothing": ("pass", None),
            "boto3": ("import boto3", None),
            _FLOOR: (_CLIENT, None),
            _THREE: (_CLIENTS, None),
            **{f"{name} handler": ("import app", copy / f"{name.capitalize()}Function") for name in _HANDLERS},
            "webhook handler, its three clients made": ("import app; app.clients()", copy / "WebhookFunction"),
        }
        took: dict[str, list[float]] = {name: [] for name in programs}
        for run in range(_RUNS + 1):
            for name, (program, code) in programs.items():
                path = [str(entry) for entry in (code, copy / "Layer" / "python", runtime) if entry]
                command = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {path!r}; {program}"]
                began = time.perf_counter()
                subprocess.run(command, env={"AWS_DEFAULT_REGION": localaws.REGION}, check=True)  # noqa: S603 -- our own modules
                if run:  # the first one compiles
                    took[name].append(time.perf_counter() - began)
    nothing = statistics.median(took.pop("nothing"))
    return {name: statistics.median(runs) - nothing for name, runs in took.items()}


def _sizes(built: Path) -> list[Fact]:
    facts = []
    for part in ("Layer", *(f"{name.capitalize()}Function" for name in _HANDLERS)):
        size = sum(file.stat().st_size for file in (built / part).rglob("*") if file.is_file()) / 1e6
        facts.append(Fact(f"size of {part}, MB", round(size, 3), "size", f"{size:.3f} MB unpacked"))
    return facts
