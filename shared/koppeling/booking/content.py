"""What an invoice holds, in sixteen characters: to see later whether it is still what was sent."""

import hashlib
from collections.abc import Iterable
from decimal import Decimal

from koppeling.booking.plan import Plan
from koppeling.booking.vat import CENT

Line = tuple[str, str, str, Decimal]
"""Ledger account, VAT kind and cost centre ("" for none) of a line, and its amount."""

Vat = tuple[str, Decimal]
"""Kind and amount of VAT of a whole invoice."""


def content(lines: Iterable[Line], vat: Iterable[Vat]) -> str:
    """The same for the same amounts on the same accounts, in whatever order and however the lines are cut."""
    sums: dict[tuple[str, ...], Decimal] = {}
    for account, kind, centre, amount in lines:
        key = (account.casefold(), kind, centre.casefold())
        sums[key] = sums.get(key, Decimal(0)) + amount
    for kind, amount in vat:
        sums[(kind,)] = sums.get((kind,), Decimal(0)) + amount
    told = sorted(f"{' '.join(key)} {amount.quantize(CENT)}" for key, amount in sums.items() if amount)
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


def content_of(plan: Plan) -> str:
    """Of a plan as it is sent."""
    lines = ((one.grootboek_id, str(one.btw_soort), one.kostenplaats_id or "", one.bedrag) for one in plan.regels)
    return content(lines, ((str(one.btw_soort), one.bedrag) for one in plan.btw))
