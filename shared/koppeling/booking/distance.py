"""Sales to consumers in other EU countries: what counts towards the threshold above which their own VAT is owed.

Source: article 59c of the VAT directive (2006/112/EC). Told from the order alone, whether or not it can be booked: the
threshold goes by what was sold, not by how the administration is set up.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from koppeling.booking import oss
from koppeling.booking.amounts import amounts
from koppeling.booking.countries import EU, HOME, destination, region
from koppeling.booking.credit import as_sale
from koppeling.booking.plan import require_plain_euro
from koppeling.booking.profile import Profile
from koppeling.booking.vatnumbers import checked
from koppeling.mijnwebwinkel.models import Order
from koppeling.snelstart.models import Chart

THRESHOLD: Final = Decimal("10000.00")
"""Euro without VAT in a calendar year, all other member states together."""


@dataclass(frozen=True, slots=True)
class Sold:
    """What one order comes to. `country`: where the goods go, two capitals; `net` and `vat` in euro.

    `foreign`: whether the VAT is that country's own, and not Dutch.
    """

    country: str
    net: Decimal
    vat: Decimal
    foreign: bool

    def taken_back(self) -> "Sold":
        """The same with every sign turned."""
        return replace(self, net=-self.net, vat=-self.vat)


def to_consumer_abroad(order: Order, chart: Chart) -> bool:
    """Whether the goods go to another EU country, to somebody without a valid VAT number. `Refused` when untellable."""
    country = destination(order, chart)
    if country == HOME or country not in EU or order.tax_strategy == "reverse_charged_vat":
        return False
    return checked(order, chart) is None


def sold(order: Order, profile: Profile, chart: Chart, *, credit: bool) -> Sold:
    """What such an order comes to; a credit order with every sign turned. Gift cards are no turnover.

    Raises `Refused` where the order's figures contradict each other or are not in euro.
    """
    require_plain_euro(order)
    figures = amounts(as_sale(order) if credit else order, vouchers_are_discounts=profile.gift_cards == "discount")
    country = destination(order, chart)
    found = Sold(
        country=country,
        net=sum((net for part, net in figures.nets if part.category != "gift_cards"), Decimal("0.00")),
        vat=sum((amount for _, amount in figures.vat), Decimal("0.00")),
        foreign=region(order) == country
        or (region(order) != HOME and oss.enabled(chart.company, order.placed_at.date())),
    )
    return found.taken_back() if credit else found
