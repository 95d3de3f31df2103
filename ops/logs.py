"""`koppeling log`: what the functions said, of one connection, order or trace, oldest first."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer

from ops import output, stack
from ops.options import Json, StackName
from ops.output import could_not, wrong_use

EXAMPLES = (
    "koppeling log 1f2e3d4c5b6a7988 1001",
    "koppeling log --trace 4cf2a5d0c2b14d6a9d7fb9a2c7f0f1a3",
    "koppeling log --problems --since 1h",
)

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_PROBLEMS: Final = frozenset({"WARN", "WARNING", "ERROR", "CRITICAL", "FATAL"})
_READ_SECONDS: Final = 30

_KNOWN: Final = ("timestamp", "level", "message")
# Lambda's and Powertools' own words, the same on every line.
_DULL: Final = frozenset(
    {
        *("location", "service", "cold_start", "function_name", "function_memory_size", "function_arn"),
        *("function_request_id", "xray_trace_id", "logger", "requestId", "sampling_rate", "log_level"),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One structured line: when, which function, and all it says."""

    at: datetime
    function: str
    said: Mapping[str, Any]

    @property
    def level(self) -> str:
        """In capitals; empty where the line has none."""
        return str(self.said.get("level", "")).upper()

    def as_json(self) -> dict[str, Any]:
        """For scripts: what the line says, without what every line says."""
        rest = {name: value for name, value in self.said.items() if name not in (*_KNOWN, *_DULL)}
        told = {"level": self.level, "message": self.said.get("message")}
        return {"at": self.at.isoformat(timespec="milliseconds"), "function": self.function, **told, **rest}

    def as_text(self) -> str:
        """For people."""
        shown = self.as_json()
        rest = " ".join(f"{name}={shown[name]}" for name in list(shown)[4:] if shown[name] not in (None, ""))
        return f"{self.at:%m-%d %H:%M:%S}  {self.function:<10} {self.level:<7} {shown['message']}  {rest}"


def log(
    connection_id: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="Only of this connection, as `koppeling list` shows it.")
    ] = None,
    number: Annotated[str | None, typer.Argument(metavar="[NUMBER]", help="Only of this order.")] = None,
    trace: Annotated[
        str | None, typer.Option(metavar="TRACE", help="Only of this trace: one announcement, from webhook to payment.")
    ] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="How far back: 30m, 24h, 7d.")] = "24h",
    problems: Annotated[bool, typer.Option("--problems", help="Only warnings and errors.")] = False,  # noqa: FBT002 -- an option
    stack_name: StackName = stack.DEFAULT,
    json: Json = False,  # noqa: FBT002 -- an option
) -> None:
    """Show what the functions logged, oldest first. No line holds a customer's name or a secret.

    Every order's lines carry its trace: the webhook's, the worker's, up to the line with the payment. Logs are kept
    for LogRetentionDays.
    """
    begin = datetime.now(UTC) - _span(since)
    wanted = {"connection_id": connection_id, "order_number": _number(number), "trace": trace}
    asked = {name: value for name, value in wanted.items() if value}
    prefix = stack.find(stack_name).value("LogGroupPrefix")
    found = sorted(_lines(prefix, begin, asked, problems=problems), key=lambda line: line.at)
    if json:
        output.document([line.as_json() for line in found])
    elif found:
        for line in found:
            print(output.plain(line.as_text()))
    else:
        print("No lines.")


def _number(typed: str | None) -> str | None:
    from koppeling.messages import order_number

    number = order_number(typed) if typed else None
    if typed and number is None:
        raise wrong_use("wrong-use", f"{typed} can be no order number.", "Give it as the shop shows it, such as 1001.")
    return number


def _span(typed: str) -> timedelta:
    found = re.fullmatch(r"([0-9]{1,4})([mhd])", typed)
    if not found:
        raise wrong_use("wrong-use", f"{typed} is no span of time.", "Give it as 30m, 24h or 7d.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _lines(prefix: str, begin: datetime, asked: Mapping[str, str], *, problems: bool) -> Iterator[Line]:
    from botocore.config import Config

    from koppeling import aws

    client = aws.session().client("logs", config=aws.CONFIG.merge(Config(read_timeout=_READ_SECONDS)))
    groups = [
        group["logGroupName"]
        for page in client.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
        for group in page["logGroups"]
    ]
    if not groups:
        raise could_not("no-logs", "This stack has no log groups yet.", "Wait until its deployment is complete.")
    # Terms that must all be there; which field they stand in is looked at here, so that 1001 is not also an amount.
    terms = " ".join(f'"{value}"' for value in asked.values())
    for group in groups:
        pages = client.get_paginator("filter_log_events").paginate(
            logGroupName=group, startTime=round(begin.timestamp() * 1000), filterPattern=terms
        )
        for event in (event for page in pages for event in page["events"]):
            line = _read(group.removeprefix(prefix), event["timestamp"], event["message"])
            if line and _is_asked(line, asked) and (not problems or line.level in _PROBLEMS):
                yield line


def _read(function: str, moment: int, text: str) -> Line | None:
    """A structured line; None for Lambda's own reports and for metrics."""
    try:
        said = json.loads(text[text.index("{") :])
    except ValueError:
        return None
    if not isinstance(said, dict) or "_aws" in said or "message" not in said:
        return None
    return Line(datetime.fromtimestamp(moment / 1000, UTC).astimezone(), function, said)


def _is_asked(line: Line, asked: Mapping[str, str]) -> bool:
    return all(line.said.get(name) == value for name, value in asked.items())
