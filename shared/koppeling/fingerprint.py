"""What of an order decides how it is booked, as a short text: the poll queues an order again when it has changed."""

from koppeling.mijnwebwinkel.models import Order

UNREADABLE = "unreadable"
"""Of an order that is not in its shape: queued once, and again when it has become readable."""


def fingerprint(order: Order) -> str:
    """Status, when it last changed, payment status and total. Nobody's data."""
    changed = order.status_changed_at.isoformat() if order.status_changed_at else ""
    return f"{order.status}|{changed}|{order.payment_status}|{order.total}"
