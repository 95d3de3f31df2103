"""The ledger's mutations put together again: of each invoice its VAT, its accounts and the payments on it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final

from koppeling.compared import Paid, Posted
from koppeling.snelstart.listing import FOREIGN, Mutation
from koppeling.snelstart.models import Chart

_VAT: Final = {
    "BtwAfTeDragenHoog": "VerkopenHoog",
    "BtwAfteDragenLaag": "VerkopenLaag",
    "BtwAfTeDragenOverig": "VerkopenOverig",
    "BtwAfTeDragenVerlegdVerkopen": "VerkopenVerlegd",
}
"""By SnelStart's own functions of its ledger accounts; the odd capital is in its document."""

_DEBTORS: Final = "DagboekVerkoop"
_SALES: Final = "Verkoop"


@dataclass(slots=True)
class _Gathered:
    """What was seen of one invoice so far."""

    balance: Decimal = Decimal(0)
    debtors: Decimal | None = None
    vat: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    accounts: defaultdict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    payments: list[Paid] = field(default_factory=list)
    modified_on: datetime | None = None

    def posted(self, amount: Decimal) -> Posted:
        """Whole when it balances, or when all but the debtor's row make up the invoice."""
        whole = bool(self.vat or self.accounts)
        whole &= self.balance == 0 if self.debtors is not None else -self.balance == amount
        vat, accounts = (dict(self.vat), dict(self.accounts)) if whole else (None, None)
        return Posted(vat, accounts, tuple(self.payments), self.modified_on)


def posted(mutations: Iterable[Mutation], amounts: Mapping[str, Decimal], chart: Chart) -> dict[str, Posted]:
    """By invoice number in lower case, for the invoices in `amounts`."""
    functions = {account.id.casefold(): account.grootboekfunctie for account in chart.accounts.values()}
    journals = {journal.id.casefold(): journal for journal in chart.journals.values()}
    foreign = chart.company.buitenlandse_btw_grootboek_id.casefold()
    gathered: defaultdict[str, _Gathered] = defaultdict(_Gathered)
    for one in mutations:
        number = (one.factuurnummer or one.boekstuk).casefold()
        journal = journals.get(one.dagboek_id)
        if number not in amounts or journal is None:
            continue
        function, of = functions.get(one.grootboek_id, ""), gathered[number]
        if journal.soort == _SALES:
            _sale(of, one, function, is_foreign=one.grootboek_id == foreign)
        elif function == _DEBTORS:
            # As `payments.send` describes it, alone or among others.
            ours = one.omschrijving.casefold() == f"betaling factuur {number}"
            alone = one.boekstuk.casefold() == number
            of.payments.append(Paid(journal.nummer, -one.saldo, ours, one.modified_on if alone else None))
    return {number: of.posted(amounts[number]) for number, of in gathered.items()}


def _sale(of: _Gathered, one: Mutation, function: str, *, is_foreign: bool) -> None:
    of.balance += one.saldo
    if one.modified_on and (of.modified_on is None or one.modified_on > of.modified_on):
        of.modified_on = one.modified_on
    if function == _DEBTORS:
        of.debtors = (of.debtors or Decimal(0)) + one.saldo
    elif function in _VAT or is_foreign:
        of.vat[_VAT.get(function, FOREIGN)] -= one.saldo
    else:
        of.accounts[one.grootboek_id] -= one.saldo
