"""AWS's list prices, and what an order's operations come to by them.

Ireland (eu-west-1), US dollars without VAT, no free tier, no discount, as known in November 2026 and not read off AWS's
own pages that day. Prices change: check them at aws.amazon.com before relying on a sum. Another region of the EU costs
up to a tenth more.
"""

from dataclasses import dataclass
from typing import Final

REGION: Final = "eu-west-1"
LISTED: Final = "2026-11"
"""The month as of which these were put down."""

PRICES: Final[dict[str, float]] = {
    "api requests": 3.50e-6,
    "function runs": 0.20e-6,
    "function GB-seconds": 13.3334e-6,
    "queue requests": 0.40e-6,
    "write units": 0.705e-6,
    "read units": 0.1415e-6,
    "key requests": 3.00e-6,
    "secret requests": 5.00e-6,
    "log gigabytes": 0.57,
}
"""Dollars for one: REST API Gateway, Lambda (arm64), SQS standard, DynamoDB on demand, KMS, Secrets Manager, CloudWatch
Logs (ingested)."""

WEBHOOK_GB: Final = 0.5
WORKER_GB: Final = 1.0
"""Memory, as in the template."""

ANSWER_SECONDS: Final = 0.05
"""How long the two APIs are taken to need for a call; a function waits for them most of its time."""

WEBHOOK_SECONDS: Final = 0.02
OVERHEAD: Final = 1.25
"""What a worker's run takes beyond its calls: the goal, so that the price does not depend on who measures."""

QUEUE_ASSUMED: Final = 2.0
"""SQS requests of Lambda's own, which nobody here can count: received and deleted. Ten together share both."""

KEY_ASSUMED: Final = 1.0
"""The worker opens the secret of a shop that had no order for minutes; here it has it open."""

SECRET_ASSUMED: Final = 1.0
"""The operator's credentials, read by a worker that had no order of any shop for five minutes; likewise."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What one order takes, as far as it was counted."""

    calls: float
    """To both APIs."""
    queue_requests: float
    key_requests: float
    write_units: float
    read_units: float
    log_bytes: float

    def dollars(self) -> dict[str, float]:
        """By what they are paid for; for one order."""
        gb_seconds = WEBHOOK_SECONDS * WEBHOOK_GB + self.calls * ANSWER_SECONDS * OVERHEAD * WORKER_GB
        amounts = {
            "api requests": 1.0,
            "function runs": 2.0,
            "function GB-seconds": gb_seconds,
            "queue requests": self.queue_requests + QUEUE_ASSUMED,
            "write units": self.write_units,
            "read units": self.read_units,
            "key requests": self.key_requests + KEY_ASSUMED,
            "secret requests": SECRET_ASSUMED,
            "log gigabytes": self.log_bytes / 1e9,
        }
        return {name: amount * PRICES[name] for name, amount in amounts.items()}
