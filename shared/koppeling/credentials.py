"""A connection's secrets, and how they are sealed: with KMS, under a context that names connection and purpose."""

import hashlib
import hmac
from dataclasses import dataclass

from koppeling import vault
from koppeling.secret import Secret


@dataclass(frozen=True, slots=True)
class Credentials:
    """A shop's own secrets. `salt` keys the hashes by which customers are remembered."""

    shop_token: str
    koppelsleutel: str
    salt: str

    def __post_init__(self) -> None:
        """Whoever is handed one of these must not show it either."""
        for name in ("shop_token", "koppelsleutel", "salt"):
            object.__setattr__(self, name, Secret(getattr(self, name)))

    def __repr__(self) -> str:
        """Nothing: a traceback that prints locals must not print secrets."""
        return "Credentials(…)"

    def customer_key(self, email: str) -> str:
        """The remembered form of an e-mail address: keyed, so that the table names nobody."""
        return hmac.new(self.salt.encode(), email.strip().casefold().encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True)
class WebhookSecrets:
    """What a sender signs with: at most two secrets, newest first, and a key for senders that cannot sign."""

    secrets: tuple[str, ...]
    key: str

    def __repr__(self) -> str:
        """Nothing, as for `Credentials`."""
        return "WebhookSecrets(…)"


def seal_credentials(connection_id: str, credentials: Credentials) -> bytes:
    """The shop's secrets as they are stored."""
    return vault.seal(
        connection_id,
        "credentials",
        {
            "shop_token": credentials.shop_token,
            "koppelsleutel": credentials.koppelsleutel,
            "salt": credentials.salt,
        },
    )


def seal_webhook(connection_id: str, webhook: WebhookSecrets) -> bytes:
    """The sender's secrets as they are stored."""
    return vault.seal(connection_id, "webhook", {"secrets": list(webhook.secrets), "key": webhook.key})


def open_credentials(connection_id: str, sealed: bytes) -> Credentials:
    """The shop's secrets out of their stored form. Failures as `vault.unseal`."""
    opened = vault.unseal(connection_id, "credentials", sealed)
    return Credentials(str(opened["shop_token"]), str(opened["koppelsleutel"]), str(opened["salt"]))


def open_webhook(connection_id: str, sealed: bytes) -> WebhookSecrets:
    """The sender's secrets out of their stored form; the worker's role cannot. Failures as `vault.unseal`."""
    opened = vault.unseal(connection_id, "webhook", sealed)
    listed = opened["secrets"]
    if not isinstance(listed, list):
        raise TypeError("sealed webhook secrets are not a list")
    return WebhookSecrets(tuple(str(secret) for secret in listed), str(opened["key"]))
