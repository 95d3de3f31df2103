"""The link by which a shop owner approves the connection in SnelStart, and the reference key in it.

SnelStart signs nothing: its call proves itself by the reference key alone, which comes back as it was given. So the
key is ours to recognise: which connection, until when, something nobody guesses, and our signature over all of it.
"""

import binascii
import hashlib
import hmac
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

ACTIVATION_URL: Final = "https://web.snelstart.nl/couplings/activate"
APP_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
LONGEST_REFERENCE_KEY: Final = 500
"""SnelStart's limit; ours are 87 characters."""

_PURPOSE: Final = b"koppeling-link-1:"
"""So that nothing else that is ever signed with the same key is taken for a link."""

_ID_BYTES, _MOMENT_BYTES, _NONCE_BYTES = 8, 8, 16
_PAYLOAD_BYTES: Final = _ID_BYTES + _MOMENT_BYTES + _NONCE_BYTES


@dataclass(frozen=True, slots=True)
class Reference:
    """What a reference key of ours says; `expires_at` is aware, `row` the place where its connection remembers it."""

    connection_id: str
    expires_at: datetime
    row: str


def new_reference_key(connection_id: str, expires_at: datetime, signing_key: str) -> str:
    """A reference key for one connection. ValueError without a signing key: anybody could make one like it."""
    if not signing_key:
        raise ValueError("there is no key to sign links with")
    moment = int(expires_at.timestamp()).to_bytes(_MOMENT_BYTES)
    payload = _text(bytes.fromhex(connection_id) + moment + secrets.token_bytes(_NONCE_BYTES))
    return f"{payload}.{_signature(payload, signing_key)}"


def read_reference_key(given: str, signing_key: str) -> Reference | None:
    """What the key says when we signed it, None for anything else; whether it has expired is the reader's to judge."""
    payload, _, signature = given.partition(".")
    if not signing_key or not given.isascii():
        return None
    # The text is signed and compared, not the bytes it stands for: one key has one spelling.
    if not hmac.compare_digest(signature, _signature(payload, signing_key)):
        return None
    try:
        content = urlsafe_b64decode(payload + "=")
    except binascii.Error:
        return None
    if len(content) != _PAYLOAD_BYTES:
        return None
    moment = int.from_bytes(content[_ID_BYTES : _ID_BYTES + _MOMENT_BYTES])
    return Reference(content[:_ID_BYTES].hex(), datetime.fromtimestamp(moment, UTC), remembered_as(given))


def remembered_as(reference_key: str) -> str:
    """The sort key of the row by which a connection remembers a reference key, without holding it."""
    return f"LINK#{hashlib.sha256(reference_key.encode()).hexdigest()}"


def activation_url(app_name: str, reference_key: str, success_url: str) -> str:
    """Where the owner goes to approve; afterwards SnelStart sends them on to `success_url`."""
    asked = urlencode({"referenceKey": reference_key, "successUrl": success_url})
    return f"{ACTIVATION_URL}/{quote(app_name, safe='')}?{asked}"


def _signature(payload: str, signing_key: str) -> str:
    return _text(hmac.digest(signing_key.encode(), _PURPOSE + payload.encode(), "sha256"))


def _text(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
