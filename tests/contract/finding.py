"""A place where an exchange and its document disagree."""

from dataclasses import dataclass
from typing import Literal

type Side = Literal["request", "answer"]


@dataclass(frozen=True)
class Finding:
    """One disagreement. Names and kinds only: no value of anybody's."""

    api: str
    side: Side
    call: str
    """As `POST /relaties`."""
    at: str
    """Where in the body, as `boekingsregels[].bedrag`; or a parameter, as `?limit`."""
    rule: str
    wanted: str
    found: str
    setting: str = ""
    """The simulated shop's setting in force, "" for none."""
