"""Settling (afletteren): booking the payment against the invoice, in a bank or cash journal."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from koppeling.booking.plan import Settlement
from koppeling.clock import AMSTERDAM
from koppeling.snelstart.client import SnelStart

_ZERO = Decimal("0.00")


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment of one invoice, in euro; negative for money given back."""

    verkoopboeking_id: str
    factuurnummer: str
    factuurdatum: str
    amount: Decimal


def send_together(snelstart: SnelStart, payments: Sequence[Payment], journal: Settlement, batch: str) -> str:
    """Settle several invoices of one month in one booking; its id. Failures as `SnelStart.post`.

    Dated on the last of their invoice dates. All are sales, so money that came in. The batch's name stands in the
    description: that makes the booking ours.
    """
    total = sum((payment.amount for payment in payments), _ZERO)
    path = "kasboekingen" if journal.soort == "Kas" else "bankboekingen"
    body: dict[str, object] = {
        "datum": f"{day_of(payments)}T00:00:00",
        "dagboek": {"id": journal.dagboek_id},
        "omschrijving": f"Betaling van {len(payments)} facturen ({batch})",
        "boekstuk": batch,
        "bedragOntvangen": total,
        "bedragUitgegeven": _ZERO,
        "verkoopboekingBoekingsRegels": [
            {
                "boekingId": {"id": payment.verkoopboeking_id},
                "omschrijving": f"Betaling factuur {payment.factuurnummer}",
                "debet": _ZERO,
                "credit": payment.amount,
            }
            for payment in payments
        ],
    }
    return str(snelstart.post(path, body)["id"])


def day_of(payments: Iterable[Payment]) -> str:
    """The day on which several invoices are settled together."""
    return max(payment.factuurdatum for payment in payments)


def send(snelstart: SnelStart, payment: Payment, journal: Settlement, moment: datetime) -> str:
    """Settle an invoice; the id of the bank or cash booking. Failures as `SnelStart.post`.

    Dated on the invoice date: for a paid order that is the day the shop took the order as final, and the day's
    payments and revenue then stand in the same period. `moment` only bounds it: never in the future.
    """
    today = moment.astimezone(AMSTERDAM).date().isoformat()
    omschrijving = f"Betaling factuur {payment.factuurnummer}"
    amount = payment.amount
    received, spent = (amount, _ZERO) if amount >= 0 else (_ZERO, -amount)
    path = "kasboekingen" if journal.soort == "Kas" else "bankboekingen"
    body: dict[str, object] = {
        "datum": f"{min(payment.factuurdatum, today)}T00:00:00",
        "dagboek": {"id": journal.dagboek_id},
        "omschrijving": omschrijving,
        "boekstuk": payment.factuurnummer,
        "bedragOntvangen": received,
        "bedragUitgegeven": spent,
        "verkoopboekingBoekingsRegels": [
            {
                "boekingId": {"id": payment.verkoopboeking_id},
                "omschrijving": omschrijving,
                "debet": spent,
                "credit": received,
            }
        ],
    }
    return str(snelstart.post(path, body)["id"])
