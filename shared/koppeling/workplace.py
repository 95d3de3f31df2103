"""Everything one connection's work needs, opened: its credentials, both APIs, its rows."""

from dataclasses import dataclass
from types import TracebackType
from typing import Self

from koppeling import budget, catalogue, partner, telemetry
from koppeling.allowance import LIMITS
from koppeling.booking.suggest import misfits
from koppeling.charts import Charts
from koppeling.connections import Connection, Connections
from koppeling.credentials import Credentials
from koppeling.failures import ConnectionRefused, Reason, Refused, Unavailable
from koppeling.meter import Meter
from koppeling.mijnwebwinkel.client import Shop
from koppeling.mijnwebwinkel.models import ShopStatuses
from koppeling.orders import Orders
from koppeling.patience import patience
from koppeling.settings import settings
from koppeling.snelstart.client import SnelStart, token
from koppeling.snelstart.models import Chart
from koppeling.table import Table


@dataclass(frozen=True, slots=True)
class Workplace:
    """One connection at work, to be closed after it: what it bought of SnelStart's calls is then for the next."""

    table: Table
    connection: Connection
    credentials: Credentials
    shop: Shop
    snelstart: SnelStart
    orders: Orders
    charts: Charts
    meter: Meter

    @classmethod
    def open(cls, table: Table, connection: Connection, *, live: bool = True) -> "Workplace":
        """Open the sealed credentials and point both clients at this connection. `Unavailable` when that fails.

        `live`: for orders of now, which go before history where SnelStart's calls are scarce.
        """
        credentials, operator = connection.credentials(), partner.partner()
        meter = meter_of(table, connection, operator, live=live)
        asking, booking = patience(connection.id, "shop"), patience(connection.id, "snelstart")
        snelstart = SnelStart(credentials.koppelsleutel, operator.subscription_key, meter.call, booking.call)

        def check_profile(chart: Chart) -> None:
            # So that the bookkeeper hears of an account that is gone before an order needs it.
            problems = misfits(connection.profile, chart, ShopStatuses(connection.statuses))
            Connections(table).checked(connection, problems)

        return cls(
            table=table,
            connection=connection,
            credentials=credentials,
            shop=Shop(settings().mijnwebwinkel_api_url, credentials.shop_token, operator.partner_token, asking.call),
            snelstart=snelstart,
            orders=Orders(table, connection.id),
            charts=Charts(table, connection.id, snelstart, check_profile),
            meter=meter,
        )

    def __enter__(self) -> Self:
        """For one piece of work, by one thread."""
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        """Done with SnelStart for now, however it went."""
        self.meter.close()

    def connection_refused(self, refused: ConnectionRefused) -> Reason | None:
        """A credential was refused: ask both sides again, and pause the connection when it truly is.

        None: paused. Otherwise what to try again over: one refusal among good answers is the other side's trouble, and
        a credential that was renewed meanwhile is not the one that was refused.
        """
        try:
            self.prove()
        except ConnectionRefused:
            if Connections(self.table).pause_over_secrets(self.connection, refused.reason):
                telemetry.paused(self.connection.id, refused.reason)
                return None
        except (Refused, Unavailable) as other:
            return other.reason
        by_snelstart = refused.reason.code == "snelstart-key-refused"
        return catalogue.reason("snelstart-unavailable" if by_snelstart else "shop-forbidden")

    def prove(self) -> None:
        """Ask both sides who we are. `ConnectionRefused` when one of this connection's credentials is refused."""
        self.shop.store()
        token(self.credentials.koppelsleutel, fresh=True, around=self.snelstart.patience)
        self.snelstart.get("companyInfo")


def meter_of(table: Table, connection: Connection, operator: partner.Partner, *, live: bool) -> Meter:
    """One order's share of what SnelStart allows the connection's administration."""
    limits = LIMITS.get(operator.product, LIMITS["ontwikkeling"])
    return Meter(budget.purse(table, connection.administration_id, limits), live=live)
