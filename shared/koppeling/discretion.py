"""SnelStart's own sentence on a refusal, without the customer in it: kept on a row and shown, it must name nobody."""

from typing import Final

from koppeling import catalogue
from koppeling.deadline import Deadline
from koppeling.failures import Failure, Reason, Refused
from koppeling.snelstart.errors import SnelStartRefused
from koppeling.workplace import Workplace

_READ_SECONDS: Final = 20.0
"""A read may take 15, and the reason must still be recorded."""


def without_customer(place: Workplace, number: str, refused: Refused, deadline: Deadline | None = None) -> Reason:
    """The reason of a refusal that was met without having read the order: it is read for what to keep out.

    Without an answer of the shop the sentence goes as a whole, its code stays.
    """
    reason = refused.reason
    if not isinstance(refused, SnelStartRefused) or "message" not in catalogue.facts_of(reason.code):
        return reason
    try:
        if not (deadline and deadline.over(_READ_SECONDS)):
            return catalogue.without(reason, place.shop.order(number).debtor.told())
    except Failure:
        # Whatever it is, the order meets it itself when it is read for its own sake.
        pass
    code = refused.codes[0] if refused.codes else ""
    return catalogue.from_snelstart(code, "")
