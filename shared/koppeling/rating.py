"""Under which rates of VAT an invoice stands in the books: told by its kinds of VAT and its accounts. Pure.

SnelStart has a kind where we have a percentage (hoog is 21 % by the day), and of other countries only the rate code of
the revenue account, one for all of them, with their VAT together on one account. The country is the customer's. Where
the books leave a split open and come to the same as the plan, it is the plan's: they state no other.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Self

from koppeling.booking import oss
from koppeling.booking.rated import ABROAD, DUTCH, Rated, named
from koppeling.booking.vat import CENT, DOCUMENT, LineKind, cents
from koppeling.snelstart.listing import FOREIGN
from koppeling.snelstart.models import Chart, Grootboek

_ZERO: Final = Decimal(0)
_LINE: Final[Mapping[str, LineKind]] = {document: line for line, document in DOCUMENT.items()}


@dataclass(frozen=True, slots=True)
class Standing:
    """An invoice as it stands in the books: VAT by kind, as `Detail` has it, and nets by ledger account id; euro."""

    vat: Mapping[str, Decimal]
    accounts: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Basis:
    """By what an invoice's rates are named: those of `planned`, else the ones in force `on` that day.

    `country`: whose VAT other countries' VAT on it is, two capitals, "" where nobody knows.
    """

    on: date
    country: str = ""
    planned: tuple[Rated, ...] = ()


@dataclass(frozen=True, slots=True)
class Rates:
    """One administration's rates, and its ledger accounts by id in lower case."""

    chart: Chart
    accounts: Mapping[str, Grootboek]

    @classmethod
    def of(cls, chart: Chart) -> Self:
        """By its reference data."""
        return cls(chart, {account.id.casefold(): account for account in chart.accounts.values()})

    def vat(self, held: Standing, by: Basis) -> dict[str, Decimal]:
        """The VAT by the names of its rates, without what is nothing."""
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        for kind, amount in held.vat.items():
            split = self._foreign(amount, held, by) if kind == FOREIGN else self._dutch(kind, amount, by)
            for name, part in split.items():
                found[name] += part
        return plain(found)

    def _dutch(self, kind: str, amount: Decimal, by: Basis) -> dict[str, Decimal]:
        line = _LINE.get(kind)
        of = DUTCH[line] if line else kind.removeprefix("Verkopen").lower()
        planned = [one for one in by.planned if one.of == of]
        if len(planned) > 1:
            return _as_planned(planned, amount) or {of: amount}
        if planned:
            return {planned[0].name: amount}
        in_force = {
            known.btw_percentage for known in self.chart.rates if known.btw_soort == line and known.holds(by.on)
        }
        return {named(of, in_force.pop() if len(in_force) == 1 else None): amount}

    def _foreign(self, amount: Decimal, held: Standing, by: Basis) -> dict[str, Decimal]:
        if not by.country or not amount:
            return {ABROAD: amount}
        nets = self._nets_abroad(held, by)
        planned = [one for one in by.planned if one.of == by.country]
        sold = {one.name: one.net for one in planned if one.net}
        split = _as_planned(planned, amount)
        if split and (not nets or {name: net for name, (net, _) in nets.items()} == sold):
            return split
        rates = [rate for _, rate in nets.values()]
        if not nets or (len(nets) > 1 and None in rates):
            return {ABROAD: amount}
        return _apportioned(amount, {name: (net, rate or _ZERO) for name, (net, rate) in nets.items()})

    def _nets_abroad(self, held: Standing, by: Basis) -> dict[str, tuple[Decimal, Decimal | None]]:
        """What stands on the accounts for sales abroad, by the name of its rate, and the percentage where it is one."""
        known = oss.rates(self.chart, by.country, by.on)
        nets: defaultdict[tuple[str, Decimal | None], Decimal] = defaultdict(Decimal)
        for account_id, amount in held.accounts.items():
            account = self.accounts.get(account_id)
            if account and account.grootboekfunctie == oss.FUNCTION:
                rate = known.get(account.vat_rate_code)
                nets[named(by.country, rate, account.vat_rate_code), rate] += amount
        return {name: (net.quantize(CENT), rate) for (name, rate), net in nets.items() if net}


def _as_planned(planned: Iterable[Rated], amount: Decimal) -> dict[str, Decimal]:
    """The plan's own split of an amount of VAT; none where the plan comes to another."""
    split = {one.name: one.vat for one in planned}
    return split if sum(split.values(), _ZERO) == amount else {}


def _apportioned(amount: Decimal, nets: Mapping[str, tuple[Decimal, Decimal]]) -> dict[str, Decimal]:
    """Net x rate to the cent for each, what is left of the amount on the largest."""
    made = {name: cents(net * rate / 100) for name, (net, rate) in nets.items()}
    largest = max(made, key=lambda name: (abs(made[name]), nets[name][1], name))
    made[largest] += amount - sum(made.values(), _ZERO)
    return made


def plain(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """To the cent, without what is nothing."""
    return {name: amount.quantize(CENT) for name, amount in amounts.items() if amount}
