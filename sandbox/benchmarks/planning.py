"""What planning one order costs, alone: no network, no table, no other process."""

import json
import statistics
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import partial
from typing import Final

from koppeling.booking.plan import plan
from koppeling.booking.profile import Profile
from koppeling.booking.suggest import suggest
from koppeling.mijnwebwinkel.models import Order, ShopStatuses
from koppeling.snelstart.models import Chart as Accounts
from sandbox.benchmarks import results
from sandbox.benchmarks.results import Chart, Measured, bar
from sandbox.benchmarks.timing import seconds
from sandbox.books_state import Options, Settings, new_administration
from sandbox.orders import generate

_ORDERS: Final = 400


def measure() -> Measured:
    """Plan sales of every size on a fresh administration; the floor is to parse the JSON an order comes in."""
    accounts = _accounts()
    profile = suggest(accounts, ShopStatuses(), date(2020, 1, 1))
    texts = [json.dumps(order.raw, default=str) for order in generate(27, _ORDERS, mix={"sale": 1})]
    _medians(texts, profile, accounts)  # the first time fills caches
    planned, parsed = _medians(texts, profile, accounts)
    ratio = planned / parsed
    shown = f"{ratio:.1f} x parsing its JSON ({planned * 1e6:.0f} us)"
    facts = (
        results.ratio("planning one order, x parsing its JSON", ratio, shown),
        results.milliseconds("planning one order", planned),
    )
    bars = (bar("parsing its JSON", 1.0), bar("planning", round(ratio, 1)))
    return Measured(facts, Chart("Planning an order", "x parsing its JSON", bars))


def _medians(texts: Sequence[str], profile: Profile, accounts: Accounts) -> tuple[float, float]:
    planned, parsed = [], []
    for text in texts:
        order = Order.parse(json.loads(text, parse_float=Decimal))
        planned.append(seconds(partial(plan, order, profile, accounts)))
        parsed.append(seconds(partial(json.loads, text, parse_float=Decimal)))
    return statistics.median(planned), statistics.median(parsed)


def _accounts() -> Accounts:
    administration = new_administration("Bench", "none", Options())
    return Accounts.build(
        grootboeken=administration.grootboeken.values(),
        dagboeken=administration.dagboeken.values(),
        btwtarieven=administration.btwtarieven(),
        kostenplaatsen=administration.kostenplaatsen.values(),
        landen=administration.landen.values(),
        company_info=administration.company_info(Settings()),
    )
