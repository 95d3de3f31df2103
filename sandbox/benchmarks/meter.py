"""Counting what DynamoDB and SQS would bill, from the requests our own clients make and the answers they get.

The local DynamoDB bills nothing, so AWS's rules are applied here: a write is a unit for every 1 KB of the larger of
the row before and after, also when its condition refuses it; a write to the index `due` is a unit for every entry put
in or taken out; a read is a unit for every 4 KB, half of one where it need not be consistent.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from botocore.client import BaseClient

_WRITE_BYTES: Final = 1024
_READ_BYTES: Final = 4096
_INDEXED: Final = ("due_pk", "due_at")

type Item = Mapping[str, Mapping[str, Any]]


def item_bytes(item: Item) -> int:
    """What DynamoDB takes a row for: names in UTF-8 and values."""
    return sum(len(name.encode()) + _value_bytes(value) for name, value in item.items())


def _value_bytes(value: Mapping[str, Any]) -> int:
    [(kind, content)] = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "N":
            return (len(content.lstrip("-0").replace(".", "")) + 1) // 2 + 1
        case "B":
            return len(bytes(content))
        case "M":
            return 3 + sum(1 + len(name.encode()) + _value_bytes(inner) for name, inner in content.items())
        case "L":
            return 3 + sum(1 + _value_bytes(inner) for inner in content)
        case _:
            return 1


def write_units(size: int) -> int:
    """For writing a row of this many bytes."""
    return max(1, math.ceil(size / _WRITE_BYTES))


def read_units(size: int, *, consistent: bool) -> float:
    """For reading this many bytes at once."""
    return max(1, math.ceil(size / _READ_BYTES)) * (1.0 if consistent else 0.5)


@dataclass
class Meter:
    """What was asked of DynamoDB and SQS since the last `reset`, by any number of threads."""

    operations: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    """From handing a request to boto3 until its answer was read, of all of them together."""
    write_units: float = 0.0
    read_units: float = 0.0
    _rows: dict[str, Item] = field(default_factory=dict)
    _asked: threading.local = field(default_factory=threading.local)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def reset(self) -> None:
        """Count anew; how large rows are stays known."""
        self.operations.clear()
        self.seconds = self.write_units = self.read_units = 0.0

    @contextmanager
    def watching(self, *clients: "BaseClient") -> Iterator[None]:
        """Count what these clients do."""
        hooks = (("provide-client-params", self._before), ("after-call", self._after))
        for client in clients:
            for event, hook in hooks:
                client.meta.events.register(event, hook)
        try:
            yield
        finally:
            for client in clients:
                for event, hook in hooks:
                    client.meta.events.unregister(event, hook)

    def _before(self, params: Mapping[str, Any], **_: object) -> None:
        self._asked.params, self._asked.at = params, time.perf_counter()

    def _after(self, model: Any, parsed: Mapping[str, Any], **_: object) -> None:  # noqa: ANN401 -- botocore's own
        with self._turn:
            self.operations[model.name] += 1
            self.seconds += time.perf_counter() - self._asked.at
            self._bill(model.name, self._asked.params, parsed)

    def _bill(self, operation: str, params: Mapping[str, Any], parsed: Mapping[str, Any]) -> None:
        match operation:
            case "UpdateItem" if "Error" in parsed:
                self.write_units += write_units(item_bytes(parsed.get("Item", {})))
            case "UpdateItem":
                self._written(params["Key"], parsed["Attributes"])
            case "PutItem":
                self._written(params["Item"], params["Item"])
            case "DeleteItem":
                self._written(params["Key"], {})
            case "GetItem":
                size = item_bytes(parsed.get("Item", {}))
                self.read_units += read_units(size, consistent=params.get("ConsistentRead", False))
            case "Query":
                size = sum(item_bytes(item) for item in parsed["Items"])
                self.read_units += read_units(size, consistent=params.get("ConsistentRead", False))
            case "BatchGetItem":
                found = [item for items in parsed["Responses"].values() for item in items]
                asked = sum(len(table["Keys"]) for table in params["RequestItems"].values())
                self.read_units += asked - len(found)
                self.read_units += sum(read_units(item_bytes(item), consistent=True) for item in found)
            case _:
                pass

    def _written(self, key: Item, after: Item) -> None:
        place = f"{key['pk']['S']} {key['sk']['S']}"
        before = self._rows.get(place, {})
        self.write_units += write_units(max(item_bytes(before), item_bytes(after)))
        entries = {_entry(before), _entry(after)}
        if len(entries) > 1:
            # Another entry: the old one is taken out, the new one put in.
            self.write_units += len(entries - {None})
        self._rows[place] = after


def _entry(item: Item) -> tuple[str, ...] | None:
    """What the index holds of a row; None where it is not in it."""
    return tuple(item[name]["S"] for name in _INDEXED) if all(name in item for name in _INDEXED) else None
