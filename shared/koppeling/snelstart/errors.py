"""What an answer of SnelStart means: done, refused with a code, not done, or not known.

One map from answer to failure; what a code means for a person stands in the catalogue.
"""

import re
from dataclasses import dataclass
from typing import Any

from koppeling import catalogue
from koppeling.failures import Failure, Reason, Refused, Throttled, Unavailable, Unknown
from koppeling.transport import Answer

_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TIMEOUT, _TOO_MANY = 400, 401, 403, 404, 408, 429
_CLIENT_ERRORS = frozenset(range(400, 500)) - {_TIMEOUT, _TOO_MANY}
"""408 says that the request did not come through in time: no verdict on what it asked for."""

_LONGEST_READ = 4_000
"""Far longer than what is told of it: a quotation must not lose its end before it is taken out."""

_NO_CODE = re.compile(r"[^A-Za-z0-9._-]")

NUMBER_EXISTS = "BOE-0021"
REFUSED_FIELDS = {
    "REL-0011": ("iban",),
    "REL-0060": ("vestigingsAdres",),
    "REL-0061": ("email", "factuurEmailVersturen"),
    "REL-0084": ("email", "factuurEmailVersturen"),
    "REL-0087": ("btwNummer",),
    "REL-0088": ("btwNummer",),
}
"""Which fields of a relatie a refusal is about; a code that is not here may be about any of the optional ones."""
RELATION_UNUSABLE = frozenset({"BOE-0054", "BOE-0060"})


class TokenExpired(Exception):
    """The bearer token is no longer taken; the call was not carried out."""


class SnelStartRefused(Refused):
    """A 400 with SnelStart's own codes: the call was certainly not carried out."""

    def __init__(self, reason: Reason, codes: tuple[str, ...]) -> None:
        super().__init__(reason)
        self.codes = codes


class UnknownId(Refused):
    """A 404: an id we hold (of an account, journal, customer) is no longer there."""


@dataclass(frozen=True, slots=True)
class ErrorLine:
    """One line of a refusal; the code may be one nobody has written down yet."""

    code: str
    message: str


def error_lines(body: Any) -> tuple[ErrorLine, ...]:  # noqa: ANN401 -- any JSON
    """The refusals in a 400: a list of codes, the OData layer's `Message`, or the gateway's `message`."""
    entries = body if isinstance(body, list) else [body]
    lines = []
    for entry in entries:
        if isinstance(entry, dict):
            code = entry.get("errorCode") or entry.get("ErrorCode") or ""
            message = entry.get("message") or entry.get("Message") or ""
            lines.append(ErrorLine(_NO_CODE.sub("", str(code))[:20], catalogue.shortened(str(message), _LONGEST_READ)))
    return tuple(lines)


def failure(answer: Answer, *, wrote: bool, scope: str) -> Failure | TokenExpired:
    """The failure an answer that is no success stands for.

    `wrote`: it answers a call that changes the books; `scope`: the right that call needs.
    """
    if answer.status == _UNAUTHORIZED:
        return _unauthorized(answer)
    if answer.status == _FORBIDDEN:
        return Refused(catalogue.reason("snelstart-scope-missing", scope=scope))
    if answer.status == _NOT_FOUND:
        return UnknownId(catalogue.reason("snelstart-stale-reference"))
    if answer.status in _CLIENT_ERRORS:
        return refused(answer)
    return _no_verdict(answer, wrote=wrote)


def _no_verdict(answer: Answer, *, wrote: bool) -> Failure:
    """Throttled or broken. A write that was throttled was answered without being done; any other may have been."""
    throttled = answer.status == _TOO_MANY
    code = "snelstart-busy" if throttled else "snelstart-outcome-unknown" if wrote else "snelstart-unavailable"
    if wrote:
        return Unknown(catalogue.reason(code), answered=throttled, retry_after=answer.retry_after)
    return (Throttled if throttled else Unavailable)(catalogue.reason(code), answer.retry_after)


def refused(answer: Answer) -> SnelStartRefused:
    """A 4xx as a refusal: the first line's code decides the sentence, all codes are kept."""
    lines = error_lines(answer.body) or (ErrorLine("", ""),)
    first = lines[0]
    return SnelStartRefused(
        catalogue.from_snelstart(first.code or str(answer.status), first.message), tuple(line.code for line in lines)
    )


def _unauthorized(answer: Answer) -> Failure | TokenExpired:
    message = answer.body.get("message", "") if isinstance(answer.body, dict) else ""
    if "subscription key" in str(message).casefold():
        return Unavailable(catalogue.reason("snelstart-subscription-key-refused"))
    return TokenExpired()
