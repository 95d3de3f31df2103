"""Who may hand us a webhook: Standard Webhooks signatures, and the URL key for senders that cannot sign.

The scheme is that of github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md: HMAC-SHA256 over
``id.timestamp.body``, the exact bytes of the body, under a secret of 24 to 64 bytes.
"""

import binascii
import hmac
import re
import secrets as entropy
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence

ID_HEADER = "webhook-id"
TIMESTAMP_HEADER = "webhook-timestamp"
SIGNATURE_HEADER = "webhook-signature"

_PREFIX = "whsec_"
_NEW_SECRET_BYTES = 32
_LEAST_SECRET_BYTES = 24
_MOST_SECRET_BYTES = 64
# int() and float() also take signs, spaces, underscores and other scripts' digits; a sender's clock needs none of it.
_SECONDS = re.compile(r"[0-9]{1,12}")


def new_secret() -> str:
    """A signing secret as the sender stores it: ``whsec_`` and 32 random bytes in base64."""
    return _PREFIX + b64encode(entropy.token_bytes(_NEW_SECRET_BYTES)).decode("ascii")


def secret_is_sound(secret: str) -> bool:
    """Whether this is a ``whsec_`` secret of the 24 to 64 bytes the specification asks for."""
    return _secret_bytes(secret) is not None


def new_url_key() -> str:
    """A key for ``?key=``, in letters that need no escaping in a URL."""
    return entropy.token_urlsafe(_NEW_SECRET_BYTES)


def key_matches(given: str, expected: str) -> bool:
    """Compare in constant time; an empty key matches nothing, so that a missing one opens no door."""
    return bool(expected) and hmac.compare_digest(_bytes(given), _bytes(expected))


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: float, tolerance: float = 300) -> bool:
    """Whether one of `secrets` signed exactly this body, at most `tolerance` seconds before or after `now`.

    Headers come in any case. Several secrets and several signatures are what rotation looks like: one match is
    enough. Signatures of other versions than ``v1`` are passed over, unsound secrets too. Answers, never raises:
    a malformed signature is a wrong signature.
    """
    named = {name.lower(): value for name, value in headers.items()}
    message_id, sent_at, signatures = (named.get(name, "") for name in (ID_HEADER, TIMESTAMP_HEADER, SIGNATURE_HEADER))
    if not message_id or not _SECONDS.fullmatch(sent_at) or abs(now - int(sent_at)) > tolerance:
        return False
    signed = b".".join((_bytes(message_id), _bytes(sent_at), body))
    candidates = [_bytes(text) for version, _, text in map(_split_version, signatures.split(" ")) if version == "v1"]
    # The base64 is compared, not the bytes it stands for: nothing of the sender's has to be decoded.
    expected = [b64encode(hmac.digest(key, signed, "sha256")) for key in map(_secret_bytes, secrets) if key]
    return any(hmac.compare_digest(ours, theirs) for ours in expected for theirs in candidates)


def _split_version(signature: str) -> tuple[str, str, str]:
    return signature.partition(",")


def _secret_bytes(secret: str) -> bytes | None:
    if not secret.startswith(_PREFIX):
        return None
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):  # ValueError: characters outside ASCII
        return None
    return key if _LEAST_SECRET_BYTES <= len(key) <= _MOST_SECRET_BYTES else None


def _bytes(text: str) -> bytes:
    # compare_digest takes no text outside ASCII, and half a surrogate pair has no UTF-8 of its own.
    return text.encode("utf-8", "surrogatepass")
