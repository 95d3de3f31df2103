"""Settling (afletteren): booking the payment against the invoice, in a bank or cash journal."""

from datetime import datetime
from decimal import Decimal

from koppeling.clock import AMSTERDAM
from koppeling.orders import Booking
from koppeling.snelstart.client import SnelStart

_ZERO = Decimal("0.00")


def send(snelstart: SnelStart, booking: Booking, verkoopboeking_id: str, amount: Decimal, moment: datetime) -> str:
    """Settle `amount` of the invoice; the id of the bank or cash booking. Failures as `SnelStart.post`.

    Dated on the invoice date: for a paid order that is the day the shop took the order as final, and the day's
    payments and revenue then stand in the same period. `moment` only bounds it: never in the future.
    """
    today = moment.astimezone(AMSTERDAM).date().isoformat()
    omschrijving = f"Betaling factuur {booking.factuurnummer}"
    received, spent = (amount, _ZERO) if amount >= 0 else (_ZERO, -amount)
    path = "kasboekingen" if booking.dagboek_soort == "Kas" else "bankboekingen"
    body: dict[str, object] = {
        "datum": f"{min(booking.factuurdatum, today)}T00:00:00",
        "dagboek": {"id": booking.dagboek_id},
        "omschrijving": omschrijving,
        "boekstuk": booking.factuurnummer,
        "bedragOntvangen": received,
        "bedragUitgegeven": spent,
        "verkoopboekingBoekingsRegels": [
            {
                "boekingId": {"id": verkoopboeking_id},
                "omschrijving": omschrijving,
                "debet": spent,
                "credit": received,
            }
        ],
    }
    return str(snelstart.post(path, body)["id"])
