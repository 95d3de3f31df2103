"""Under which rates of VAT an invoice stands in the books: told by its kinds of VAT and its accounts. Pure.

SnelStart has a kind where we have a percentage (hoog is 21 % by the day), and of other countries only the rate code of
the revenue account, one for all of them, with their VAT together on one account. The country is the customer's. Where
the books leave a split open and come to the same as the plan, it is the plan's: they state no other.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Self

from koppeling.booking import oss
from koppeling.booking.countries import NAMES
from koppeling.booking.ledgers import FUNCTIONS
from koppeling.booking.profile import Profile
from koppeling.booking.rated import ABROAD, DUTCH, EXPORT, WITHIN_EU, Rated, named
from koppeling.booking.vat import CENT, DOCUMENT, SUFFIX, cents
from koppeling.snelstart.listing import FOREIGN
from koppeling.snelstart.models import Chart, Grootboek

_ZERO: Final = Decimal(0)
_NO_TURNOVER: Final = ""
_BALANCE: Final = "Balans"
_WITHOUT_VAT: Final = (DUTCH["Geen"], WITHIN_EU, EXPORT)
_KINDS: Final[Mapping[str, str]] = {document: DUTCH[line] for line, document in DOCUMENT.items()}
_LINES: Final[Mapping[str, str]] = {line: of for line, of in DUTCH.items() if line != "Geen"}
_CHOICES: Final = {SUFFIX[line]: of for line, of in DUTCH.items()} | {"eu": WITHIN_EU, "export": EXPORT}
_FUNCTIONS: Final = {function: _CHOICES[choice] for choice, functions in FUNCTIONS.items() for function in functions}


@dataclass(frozen=True, slots=True)
class Standing:
    """An invoice as it stands in the books: VAT by kind, as `Detail` has it, and nets by ledger account id; euro."""

    vat: Mapping[str, Decimal]
    accounts: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class Basis:
    """By what an invoice's rates are named: those of `planned`, else the ones in force `on` that day.

    `country`: whose VAT other countries' VAT on it is, two capitals, "" where nobody knows. `accounts`: the plan's nets
    by ledger account id, None where there is none; `redeemed`: as a plan has it.
    """

    on: date
    country: str = ""
    planned: tuple[Rated, ...] = ()
    accounts: Mapping[str, Decimal] | None = None
    redeemed: Decimal = _ZERO

    def vat_of(self, of: str) -> dict[str, Decimal]:
        """The planned VAT of what is of this, by the names of its rates."""
        return {one.name: one.vat for one in self.planned if one.of == of}

    def nets_of(self, of: str) -> dict[str, Decimal]:
        """What is planned to be sold, in the same way."""
        return {one.name: one.net for one in self.planned if one.of == of}

    def nets(self) -> dict[str, Decimal]:
        """All that is planned to be sold."""
        nets: defaultdict[str, Decimal] = defaultdict(Decimal)
        for one in self.planned:
            nets[one.name if self.country or one.of not in NAMES else ABROAD] += one.net
        return plain(nets)


@dataclass(frozen=True, slots=True)
class Rates:
    """One administration's rates, and its ledger accounts by id in lower case.

    `gift_cards`: the number of the account that the profile has for gift cards and nothing else; None for none.
    """

    chart: Chart
    accounts: Mapping[str, Grootboek]
    gift_cards: int | None = None

    @classmethod
    def of(cls, chart: Chart, profile: Profile) -> Self:
        """Of this administration, by the profile of today."""
        cards = profile.accounts.gift_cards
        alone = list(profile.accounts.chosen().values()).count(cards or 0) == 1
        by_id = {account.id.casefold(): account for account in chart.accounts.values()}
        return cls(chart, by_id, cards if alone else None)

    def vat(self, held: Standing, by: Basis) -> dict[str, Decimal]:
        """The VAT by the names of its rates, without what is nothing."""
        found: defaultdict[str, Decimal] = defaultdict(Decimal)
        for kind, amount in ({FOREIGN: _ZERO} | dict(held.vat)).items():
            of = _KINDS.get(kind, kind.removeprefix("Verkopen").lower())
            foreign = kind == FOREIGN
            split = self._foreign(amount, held, by) if foreign else self._dutch(of, amount, by.vat_of(of), by.on)
            for name, part in split.items():
                found[name] += part
        return plain(found)

    def nets(self, held: Standing, by: Basis) -> dict[str, Decimal] | None:
        """What was sold without VAT by the names of its rates, as its accounts tell; gift cards are no turnover.

        None where one of them tells no rate, unless all of it stands on the accounts that the plan calls for.
        """
        if by.accounts is not None and plain(held.accounts) == plain(by.accounts):
            return by.nets()
        found = defaultdict(Decimal, {name: net for name, (net, _) in self._nets_abroad(held, by).items()})
        dutch: defaultdict[str, Decimal] = defaultdict(Decimal)
        for account_id, amount in plain(held.accounts).items():
            of = self._of(self.accounts.get(account_id))
            if of is None:
                return None
            if of not in (ABROAD, _NO_TURNOVER):
                dutch[of] += amount
        for of, amount in dutch.items():
            for name, part in self._dutch(of, amount, by.nets_of(of), by.on).items():
                found[name] += part
        return _by_another_choice(plain(found), by)

    def _of(self, account: Grootboek | None) -> str | None:
        """What the turnover on an account is of, `Rated` knows how; None where it does not tell.

        An account for Geen alone does not: it may be for any sale without VAT, for one abroad, or for no sale at all.
        """
        if account is None:
            return None
        if account.nummer == self.gift_cards:
            return _NO_TURNOVER
        if account.grootboekfunctie == oss.FUNCTION:
            return ABROAD
        if account.grootboekfunctie in _FUNCTIONS:
            return _FUNCTIONS[account.grootboekfunctie]
        if account.rekening_code == _BALANCE:
            return _NO_TURNOVER
        return _LINES.get(account.btw_soort[0]) if len(account.btw_soort) == 1 else None

    def _dutch(self, of: str, amount: Decimal, planned: Mapping[str, Decimal], on: date) -> dict[str, Decimal]:
        """At the rate that is planned; several are split as planned, or not at all. Else at that of the day."""
        if len(planned) > 1:
            return dict(planned) if sum(planned.values(), _ZERO) == amount else {of: amount}
        if planned:
            return dict.fromkeys(planned, amount)
        if of in _WITHOUT_VAT:
            return {named(of, _ZERO): amount}
        known = (one for one in self.chart.rates if _LINES.get(one.btw_soort) == of and one.holds(on))
        in_force = {one.btw_percentage for one in known}
        return {named(of, in_force.pop() if len(in_force) == 1 else None): amount}

    def _foreign(self, amount: Decimal, held: Standing, by: Basis) -> dict[str, Decimal]:
        if not by.country:
            return {ABROAD: amount}
        nets, split = self._nets_abroad(held, by), by.vat_of(by.country)
        as_planned = {name: net for name, (net, _) in nets.items()} == plain(by.nets_of(by.country))
        if sum(split.values(), _ZERO) == amount and (as_planned or not nets):
            # Also where the rates come to nothing together: a discount at one, goods at another.
            return split
        if not amount or not nets or (len(nets) > 1 and any(rate is None for _, rate in nets.values())):
            return {ABROAD: amount}
        return _apportioned(amount, {name: (net, rate or _ZERO) for name, (net, rate) in nets.items()})

    def _nets_abroad(self, held: Standing, by: Basis) -> dict[str, tuple[Decimal, Decimal | None]]:
        """What stands on the accounts for sales abroad, by the name of its rate, and the percentage where it is one."""
        known = oss.rates(self.chart, by.country, by.on)
        nets: defaultdict[tuple[str, Decimal | None], Decimal] = defaultdict(Decimal)
        for account_id, amount in held.accounts.items():
            account = self.accounts.get(account_id)
            if account and account.grootboekfunctie == oss.FUNCTION:
                code = account.vat_rate_code
                rate = known.get(code) if by.country else None
                tells = by.country and (rate is not None or code)
                nets[named(by.country, rate, code) if tells else ABROAD, rate] += amount
        return {name: (net.quantize(CENT), rate) for (name, rate), net in nets.items() if net}


def _apportioned(amount: Decimal, nets: Mapping[str, tuple[Decimal, Decimal]]) -> dict[str, Decimal]:
    """Net x rate to the cent for each, what is left of the amount on the largest."""
    made = {name: cents(net * rate / 100) for name, (net, rate) in nets.items()}
    largest = max(made, key=lambda name: (abs(made[name]), nets[name][1], name))
    made[largest] += amount - sum(made.values(), _ZERO)
    return made


def _by_another_choice(found: dict[str, Decimal], by: Basis) -> dict[str, Decimal]:
    """The plan's, where all that differs is whether a voucher lowers turnover: an earlier profile may have."""
    planned = by.nets()
    off = {name: found.get(name, _ZERO) - planned.get(name, _ZERO) for name in {*found, *planned}}
    [(name, amount), *more] = [each for each in off.items() if each[1]] or [("", _ZERO)]
    vouchers = bool(by.redeemed) and not more and name.endswith(" 0%") and abs(amount) == by.redeemed
    return planned if vouchers else found


def plain(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """To the cent, without what is nothing."""
    return {name: amount.quantize(CENT) for name, amount in amounts.items() if amount}
