"""What passes the gate: call counts per administration, SnelStart's limits, and faults planted by a test."""

import re
from collections import Counter, deque
from dataclasses import dataclass, field
from itertools import pairwise
from uuid import uuid4

from sandbox.books_wire import RefusedError, Row

MINUTE, HOUR = 60.0, 3600.0
REFERENCE = frozenset(
    {"/grootboeken", "/dagboeken", "/btwtarieven", "/landen", "/kostenplaatsen", "/companyInfo", "/vatrates"}
)
_ID = re.compile(r"/[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}(?=/|$)")
_KIND = re.compile(
    r"(?:[45]\d\d(?:-before|-after)?|timeout-before|timeout-after|cut-before|cut-after"
    r"|malformed-200|html-200|late-commit|refused)"
)


def template(path: str) -> str:
    """A path with its ids taken out, to count under."""
    return _ID.sub("/{id}", path)


def part_of(method: str, path: str) -> str:
    """Which share of the traffic a call belongs to: token, reference or orders."""
    if path == "/b2b/token":
        return "token"
    return "reference" if method == "GET" and _ID.sub("", path) in REFERENCE else "orders"


@dataclass
class Traffic:
    """Every call of one administration, served or not.

    The limits are those of the API's product; the token endpoint is another host's and has none of them.
    """

    started: list[float] = field(default_factory=list)  # by the limits' clock; what has a limit
    admitted: deque[float] = field(default_factory=deque)  # what counts towards the limits, last hour
    counts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    running: int = 0  # now under way, of what has a limit
    most_running: int = 0

    def seen(self, method: str, path: str, at: float) -> bool:
        """Count a call that arrived at this moment of the limits' clock. Returns whether it has a limit."""
        part = part_of(method, path)
        self.counts[part, method, template(path)] += 1
        if part == "token":
            return False
        self.started.append(at)
        return True

    def over_limit(self, limits: tuple[int, int, int], at: float) -> int | None:
        """Seconds to wait when a call at this moment of the limits' clock is one too many.

        None when it is admitted (and then counted).
        """
        per_minute, per_hour, concurrent = limits
        while self.admitted and self.admitted[0] <= at - HOUR:
            self.admitted.popleft()
        if self.running > concurrent:
            return 1
        for most, window in ((per_minute, MINUTE), (per_hour, HOUR)):
            if len(self.admitted) >= most and self.admitted[-most] > at - window:
                return max(1, int(self.admitted[-most] + window - at) + 1)
        self.admitted.append(at)
        return None

    def report(self) -> Row:
        """Counts for the control API; minutes and hours are those of the limits' clock.

        `per_hour`: the calls of each whole hour since the first.
        """
        parts = Counter[str]()
        for (part, _, _), count in self.counts.items():
            parts[part] += count
        return {
            "calls": [
                {"method": method, "path": path, "part": part, "count": count}
                for (part, method, path), count in sorted(self.counts.items())
            ],
            "token": parts["token"],
            "reference": parts["reference"],
            "orders": parts["orders"],
            "total": parts.total(),
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "refused_429": self.statuses[429],
            "max_per_minute": _busiest(self.started, MINUTE),
            "max_per_hour": _busiest(self.started, HOUR),
            "per_hour": _whole_hours(self.started),
            "max_concurrent": self.most_running,
        }


def _busiest(moments: list[float], window: float) -> int:
    """The most calls inside any window of this many seconds."""
    assert all(a <= b for a, b in pairwise(moments))
    most = first = 0
    for last, at in enumerate(moments):
        while moments[first] <= at - window:
            first += 1
        most = max(most, last - first + 1)
    return most


def _whole_hours(moments: list[float]) -> list[int]:
    """How many in each hour since the first one; not in the hour that the last one is in."""
    if not moments:
        return []
    hours = Counter(int((at - moments[0]) // HOUR) for at in moments)
    return [hours[hour] for hour in range(max(hours))]


@dataclass
class Fault:
    """Something that goes wrong with the next `times` matching calls, after `after` of them went well."""

    kind: str
    method: str = "*"
    path: str = ".*"
    times: int = 1
    after: int = 0
    seconds: float = 0.0
    administration: str = ""
    body_contains: str = ""
    error_code: str = ""  # of kind refused: the rule that SnelStart says is broken
    message: str = ""  # of kind refused: its sentence, where it is another than the rule's own
    hits: int = 0
    id: str = field(default_factory=lambda: uuid4().hex[:8])

    def takes(self, method: str, path: str, administration: str, body: str) -> bool:
        """Whether this fault strikes this call; counts down."""
        ours = self.method in {"*", method} and self.administration in {"", administration}
        if not ours or not re.fullmatch(self.path, path) or self.body_contains not in body:
            return False
        if self.after:
            self.after -= 1
            return False
        if self.hits >= self.times:
            return False
        self.hits += 1
        return True


def new_fault(values: Row) -> Fault:
    """A fault from JSON. Raises RefusedError 400 for an unknown field, kind or path pattern."""
    known = {
        "kind",
        "method",
        "path",
        "times",
        "after",
        "seconds",
        "administration",
        "body_contains",
        "error_code",
        "message",
    }
    kind = str(values.get("kind"))
    if not values.keys() <= known or not _KIND.fullmatch(kind) or (kind == "refused") != ("error_code" in values):
        raise RefusedError(400, {"error": "unknown fault"})
    try:
        re.compile(str(values.get("path", ".*")))
    except re.error:
        raise RefusedError(400, {"error": "path is a regular expression"}) from None
    wait = {"seconds": float(values["seconds"])} if "seconds" in values else {}
    return Fault(**{**values, **wait})


@dataclass
class Gate:
    """Traffic per administration id ("" for callers nobody knows) and the faults waiting to strike."""

    traffic: dict[str, Traffic] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def of(self, administration: str) -> Traffic:
        """The traffic of one administration."""
        return self.traffic.setdefault(administration, Traffic())

    def fault_for(self, method: str, path: str, administration: str, body: str) -> Fault | None:
        """The first planted fault that strikes this call."""
        return next((fault for fault in self.faults if fault.takes(method, path, administration, body)), None)

    def forget_counts(self) -> None:
        """Start counting anew; the limits keep their window, calls under way stay counted as such."""
        for traffic in self.traffic.values():
            traffic.started.clear()
            traffic.counts.clear()
            traffic.statuses.clear()
            traffic.most_running = traffic.running
