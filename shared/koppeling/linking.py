"""Letting an owner connect by SnelStart's own page: a pending connection, and the link by which it is approved."""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from koppeling import catalogue, clock, connections, links, onboard, partner
from koppeling.booking.profile import Profile
from koppeling.connections import Connection, Connections
from koppeling.credentials import Credentials, WebhookSecrets, seal_credentials, seal_webhook
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.client import Shop
from koppeling.onboard import Added
from koppeling.settings import settings
from koppeling.signature import new_secret, new_url_key
from koppeling.table import Key, Table

LINK_HOLDS: Final = timedelta(days=7)
_ELSEWHERE: Final = "www.snelstart.nl"


@dataclass(frozen=True, slots=True)
class Link:
    """What the owner is sent; shown once, for the table keeps no more than a hash of the reference key in it."""

    url: str
    expires_at: str


def begin(table: Table, name: str, shop_token: str, profile_toml: str | None) -> tuple[Added, Link]:
    """A pending connection of a shop whose token is proven, and the link by which its owner completes it.

    Raises `Refused` or `Unavailable` as the shop's token or our own credentials deserve, or the `ValueError` of a
    profile that cannot be read. Whether the profile fits can be told only once there is an administration.
    """
    operator = partner.partner()
    onboard.demand_partner(operator)
    _demand_app_name(operator)
    profile = Profile.from_toml(profile_toml or "")
    credentials = Credentials(shop_token.strip(), "", secrets.token_hex(16))
    shop = Shop(settings().mijnwebwinkel_api_url, credentials.shop_token, operator.partner_token)
    store = shop.store()
    connection_id, webhook = connections.new_id(), WebhookSecrets((new_secret(),), new_url_key())
    connection = Connection(
        id=connection_id,
        name=name,
        profile=profile,
        statuses=shop.order_statuses(),
        shop_id=store.id,
        shop_name=store.name,
        shop_domain=store.primary_domain,
        administration_id="",
        administration_name="",
        created_at=clock.iso(clock.now()),
        sealed_credentials=seal_credentials(connection_id, credentials),
        sealed_webhook=seal_webhook(connection_id, webhook),
        paused=catalogue.reason("koppeling-not-activated"),
        archived_listing=shop.archived_listing(),
    )
    known = Connections(table)
    known.begin(connection_id)
    keep_profile(table, connection, profile_toml)
    onboard.stored(known, connection)
    return Added(connection, webhook), new_link(table, connection)


def new_link(table: Table, connection: Connection) -> Link:
    """A link that holds a week. Links made before that nobody approved by stop working."""
    operator = partner.partner()
    _demand_app_name(operator)
    expires_at = clock.now() + LINK_HOLDS
    reference_key = links.new_reference_key(connection.id, expires_at, operator.link_signing_key)
    place = connections.partition(connection.id)
    for row in list(table.rows(place, "LINK#")):
        if "approved_at" not in row:
            table.delete(Key(place, row["sk"]))
    table.put({"pk": place, "sk": links.remembered_as(reference_key)})
    success_url = f"https://{connection.shop_domain or _ELSEWHERE}/"
    return Link(links.activation_url(operator.app_name, reference_key, success_url), clock.iso(expires_at))


def keep_profile(table: Table, connection: Connection, profile_toml: str | None) -> None:
    """Remember the operator's choices for when there is an administration to suggest the others from."""
    if profile_toml is not None:
        key = _choices(connection)
        table.put({"pk": key.pk, "sk": key.sk, "toml": profile_toml})


def choices(table: Table, connection: Connection) -> str | None:
    """The operator's choices as TOML, None where all are left to what the administration suggests."""
    row = table.get(_choices(connection))
    return str(row["toml"]) if row else None


def _choices(connection: Connection) -> Key:
    return Key(connections.partition(connection.id), "CHOICES")


def _demand_app_name(operator: partner.Partner) -> None:
    if not operator.app_name:
        raise Refused(catalogue.reason("koppeling-app-name-missing"))
