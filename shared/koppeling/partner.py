"""The operator's own credentials: one secret for the whole deployment, read when needed, never logged."""

import json
import time
from dataclasses import dataclass
from threading import Lock

from botocore.exceptions import BotoCoreError, ClientError

from koppeling import aws, catalogue
from koppeling.failures import Unavailable
from koppeling.secret import Secret
from koppeling.settings import settings

_FRESH_FOR_SECONDS = 300.0
_lock = Lock()
_known: dict[str, tuple[float, "Partner"]] = {}


@dataclass(frozen=True, slots=True)
class Partner:
    """What belongs to the operator of this software, not to a shop."""

    subscription_key: str
    partner_token: str
    product: str
    link_signing_key: str
    app_name: str = ""
    """Short name under which SnelStart knows this software; empty until its owner was told it."""

    def __repr__(self) -> str:
        """Nothing: a traceback that prints locals must not print secrets."""
        return "Partner(…)"


def partner() -> Partner:
    """The operator's credentials; a renewed secret is seen within five minutes, or at once after `forget`."""
    name = settings().partner_secret_name
    with _lock:
        expires, known = _known.get(name, (0.0, None))
        if known and time.monotonic() < expires:
            return known
        found = fetch(name)
        _known[name] = (time.monotonic() + _FRESH_FOR_SECONDS, found)
        return found


def forget() -> None:
    """Read the secret anew next time: one of its parts was refused."""
    with _lock:
        _known.clear()


def fetch(name: str) -> Partner:
    """Read the secret. `Unavailable` when Secrets Manager does not answer or the secret is no JSON object."""
    try:
        stored = json.loads(aws.secretsmanager().get_secret_value(SecretId=name)["SecretString"])
    except ValueError:
        # Not behind ours: the decoder's error carries the secret along.
        raise Unavailable(catalogue.reason("koppeling-partner-secret-unreadable")) from None
    except (ClientError, BotoCoreError) as error:
        raise Unavailable(catalogue.reason("koppeling-partner-secret-unreadable")) from error
    if not isinstance(stored, dict):
        raise Unavailable(catalogue.reason("koppeling-partner-secret-unreadable"))
    return Partner(
        subscription_key=Secret(stored.get("subscription_key", "")),
        partner_token=Secret(stored.get("partner_token", "")),
        product=str(stored.get("product", "productie")),
        link_signing_key=Secret(stored.get("link_signing_key", "")),
        app_name=str(stored.get("app_name", "")),
    )


def store(name: str, changes: dict[str, str]) -> None:
    """Change parts of the secret and keep the rest."""
    client = aws.secretsmanager()
    try:
        stored = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
        client.put_secret_value(SecretId=name, SecretString=json.dumps({**stored, **changes}))
    except (ClientError, BotoCoreError, ValueError) as error:
        raise Unavailable(catalogue.reason("koppeling-partner-secret-unreadable")) from error
    forget()
