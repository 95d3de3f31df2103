"""Signs a webhook the way a shop would that follows Standard Webhooks, with the library the standard publishes."""

import uuid
from datetime import UTC, datetime

from standardwebhooks import Webhook


def signed_headers(
    secret: str, body: bytes, *, message_id: str | None = None, sent_at: datetime | None = None
) -> dict[str, str]:
    """Return the three headers for a body.

    Args:
        secret: the connection's secret, `whsec_…`.
        body: the very bytes that will be sent.
        message_id: the `webhook-id`; a new one when left out.
        sent_at: an aware moment; now when left out.
    """
    identifier = message_id or f"msg_{uuid.uuid4().hex}"
    # the library stamps any zone's clock as if it were UTC, so the moment must be in UTC before it comes there
    moment = (sent_at or datetime.now(UTC)).astimezone(UTC)
    return {
        "webhook-id": identifier,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(msg_id=identifier, timestamp=moment, data=body.decode()),
        "content-type": "application/json",
    }
