"""Whether an invoice bears the day it should. Pure.

Our row has that day. Without one the shop tells it, but not always: the status may have changed once more since it
was booked by the day of completion, a closed period may have sent it on, a reversal bears the day it was made.
"""

from typing import Literal

from koppeling.booking.plan import MOVED_FROM
from koppeling.compared import Expected
from koppeling.snelstart.listing import Detail, Listed

Dated = Literal["right", "other", "untold"]


def dated(one: Expected, held: Listed, read: Detail | None) -> Dated:
    """How the day of an invoice in the books is to the one expected; "untold" where nothing that was read decides."""
    if one.on is None or held.on == one.on:
        return "right"
    if one.verkoopboeking_id:
        return "other"
    if read is None:
        return "untold"
    earliest = one.not_before or one.on
    if MOVED_FROM in read.omschrijving and held.on > earliest:
        # `first_open_days`: the first of a month, or the day of booking, which nobody knows any more.
        return "right" if held.on.day == 1 else "untold"
    return "untold" if earliest <= held.on <= one.on else "other"
