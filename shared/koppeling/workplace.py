"""Everything one connection's work needs, opened: its credentials, both APIs, its rows."""

from dataclasses import dataclass

from koppeling import catalogue, partner
from koppeling.charts import Charts
from koppeling.connections import Connection, Connections, Credentials
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable
from koppeling.mijnwebwinkel.client import Shop
from koppeling.orders import Orders
from koppeling.settings import settings
from koppeling.snelstart.client import SnelStart, token
from koppeling.table import Table


@dataclass(frozen=True, slots=True)
class Workplace:
    """One connection at work."""

    table: Table
    connection: Connection
    credentials: Credentials
    shop: Shop
    snelstart: SnelStart
    orders: Orders
    charts: Charts

    @classmethod
    def open(cls, table: Table, connection: Connection) -> "Workplace":
        """Open the sealed credentials and point both clients at this connection. `Unavailable` when that fails."""
        credentials, operator = connection.credentials(), partner.partner()
        snelstart = SnelStart(credentials.koppelsleutel, operator.subscription_key)
        return cls(
            table=table,
            connection=connection,
            credentials=credentials,
            shop=Shop(settings().mijnwebwinkel_api_url, credentials.shop_token, operator.partner_token),
            snelstart=snelstart,
            orders=Orders(table, connection.id),
            charts=Charts(table, connection.id, snelstart),
        )

    def connection_refused(self, refused: ConnectionRefused) -> Reason | None:
        """A credential was refused: ask both sides again, and pause the connection when it truly is.

        None: paused. Otherwise what to try again over, for one refusal among good answers is the other side's trouble.
        """
        try:
            self.prove()
        except ConnectionRefused:
            Connections(self.table).pause(self.connection, refused.reason)
            return None
        except (Refused, Unavailable) as other:
            return other.reason
        return catalogue.reason("shop-forbidden")

    def prove(self) -> None:
        """Ask both sides who we are. `ConnectionRefused` when one of this connection's credentials is refused."""
        self.shop.store()
        token(self.credentials.koppelsleutel, fresh=True)
        self.snelstart.get("companyInfo")
