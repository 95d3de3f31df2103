"""Sealing a shop's own credentials: KMS, under an encryption context that names the connection and the purpose.

The context is part of what is authenticated: a blob moved to another connection's row does not open, and the
webhook function's role may open only the purpose `webhook`.
"""

import json
import time
from threading import Lock
from typing import Literal

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, catalogue
from koppeling.failures import Unavailable
from koppeling.settings import settings

Purpose = Literal["webhook", "credentials"]

_OPEN_FOR_SECONDS = 300.0
_opened: dict[tuple[str, Purpose, bytes], tuple[float, dict[str, object]]] = {}
"""By all that KMS asks: text copied into another connection's row must not open because its owner opened it before."""

_lock = Lock()


def seal(connection_id: str, purpose: Purpose, secret: dict[str, object]) -> bytes:
    """Encrypt a small JSON object (at most 4,096 bytes) for one connection and purpose."""
    try:
        return aws.kms().encrypt(
            KeyId=settings().key_id,
            Plaintext=json.dumps(secret).encode(),
            EncryptionContext={"connection": connection_id, "purpose": purpose},
        )["CiphertextBlob"]
    except (ClientError, BotoCoreError, KeyError) as error:  # KeyError: an answer that is none
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from error


def unseal(connection_id: str, purpose: Purpose, sealed: bytes) -> dict[str, object]:
    """Decrypt what `seal` made; kept in memory for five minutes, so an order does not cost a KMS call."""
    place = (connection_id, purpose, sealed)
    with _lock:
        expires, known = _opened.get(place, (0.0, {}))
    if time.monotonic() < expires:
        return known
    try:
        plain = aws.kms().decrypt(
            CiphertextBlob=sealed, EncryptionContext={"connection": connection_id, "purpose": purpose}
        )["Plaintext"]
    except (ClientError, BotoCoreError, KeyError) as error:  # KeyError: an answer that is none
        raise Unavailable(catalogue.reason("koppeling-storage-unavailable")) from error
    secret: dict[str, object] = json.loads(plain)
    with _lock:
        now = time.monotonic()
        for old in [opened for opened, (until, _) in _opened.items() if until < now]:
            del _opened[old]
        _opened[place] = (now + _OPEN_FOR_SECONDS, secret)
    return secret
