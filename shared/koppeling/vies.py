"""The EU's register of VAT numbers (VIES): asked before VAT is reverse-charged, where the deployment says so.

Its answer (number, moment, reply) is the seller's evidence and is kept with the booking. No answer is never "fine".
"""

import re
from dataclasses import dataclass

from koppeling import catalogue, clock, transport
from koppeling.failures import Refused, Unavailable
from koppeling.settings import settings

_VALID = "VALID"
_INVALID = ("", "INVALID", "INVALID_INPUT")
"""A number that is not registered, and one whose form no member state gives out."""

_REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""VIES gives 16 letters and digits; what is kept with an order for years is nothing else."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A number VIES knows; `reply` is its reference for the question, empty where it gave none."""

    number: str
    asked_at: str
    reply: str

    def as_note(self) -> str:
        """For the order's row: the evidence in one sentence."""
        reference = f", kenmerk {self.reply}" if self.reply else ""
        return f"VIES bevestigde btw-nummer {self.number} op {self.asked_at}{reference}."


def check(number: str) -> Confirmed | None:
    """Ask VIES about a number with its country prefix; None where this deployment does not ask.

    Raises `Refused` when the number is not in the register, `Unavailable` when the register gives no verdict.
    """
    base = settings().vies_url
    if not base:
        return None
    country, digits = number[:2], number[2:]
    try:
        answer = transport.read(f"{base}/ms/{country}/vat/{digits}")
    except (transport.NotSent, transport.NoAnswer) as error:
        raise Unavailable(catalogue.reason("vat-number-vies-unavailable")) from error
    body = answer.body if answer.ok and isinstance(answer.body, dict) else {}
    verdict = str(body.get("userError", ""))
    if body.get("isValid") is True and verdict in ("", _VALID):
        return Confirmed(number, clock.iso(clock.now()), _reference(body.get("requestIdentifier")))
    if body.get("isValid") is False and verdict in _INVALID:
        raise Refused(catalogue.reason("vat-number-not-in-vies"))
    # The register answers for all member states and says so when one of them does not answer.
    raise Unavailable(catalogue.reason("vat-number-vies-unavailable"), answer.retry_after)


def _reference(told: object) -> str:
    return told if isinstance(told, str) and _REFERENCE.fullmatch(told) else ""
