"""What a figure yields: facts, goals they are held to, bars to draw. Ratios and counts are what may be compared."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["count", "ratio", "price", "size", "time"]
"""All but the last are of the program; a time is of this machine as busy as it was."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a fact is held to: at most so much, or exactly. `if_missed`: why it may be, and where the floor lies."""

    most: float
    exactly: bool = False
    if_missed: str = ""

    def met(self, value: float) -> bool:
        """Whether this value is what was aimed at."""
        return value == self.most if self.exactly else value <= self.most

    def __str__(self) -> str:
        return f"{'exactly' if self.exactly else 'at most'} {self.most:g}"


@dataclass(frozen=True, slots=True)
class Fact:
    """One line of the table; `value` is for the file, `shown` for the reader."""

    name: str
    value: float
    kind: Kind
    shown: str = ""
    goal: Goal | None = None

    def __str__(self) -> str:
        return self.shown or f"{self.value:g}"


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar of a chart: its parts from left to right, in the chart's unit, by what they are."""

    label: str
    parts: tuple[tuple[str, float], ...]

    @property
    def whole(self) -> float:
        """The length of all of it."""
        return sum(value for _, value in self.parts)


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn of a figure. `goals`: lines to stay left of, by what they say; `below`: more, in other units."""

    title: str
    unit: str
    bars: tuple[Bar, ...]
    goals: tuple[tuple[str, float], ...] = ()
    below: tuple["Chart", ...] = ()


@dataclass(frozen=True, slots=True)
class Measured:
    """All of one figure. `notes`: what its facts rest on, by name."""

    facts: tuple[Fact, ...]
    chart: Chart
    notes: Mapping[str, str] = field(default_factory=dict)


def bar(label: str, value: float, part: str = "") -> Bar:
    """A bar of one part."""
    return Bar(label, ((part, value),))


def ratio(name: str, value: float, shown: str = "", goal: Goal | None = None) -> Fact:
    """So many times the floor that was measured beside it; the file keeps two decimals."""
    return Fact(name, round(value, 2), "ratio", shown or f"{value:.2f}", goal)


def count(name: str, value: float, shown: str = "", goal: Goal | None = None) -> Fact:
    """Counted, so the same on every machine."""
    return Fact(name, round(value, 2), "count", shown, goal)


def milliseconds(name: str, seconds: float) -> Fact:
    """A time, kept in milliseconds."""
    return Fact(f"{name}, ms", round(seconds * 1000, 2), "time", f"{seconds * 1000:.1f} ms")
