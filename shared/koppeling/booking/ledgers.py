"""Which ledger account, cost centre and journal the profile chose, and whether the administration agrees."""

from typing import Final, Literal

from koppeling.booking.amounts import Category
from koppeling.booking.profile import Profile
from koppeling.booking.vat import SUFFIX, LineKind
from koppeling.catalogue import reason
from koppeling.failures import Refused
from koppeling.snelstart.models import Chart, Dagboek, Grootboek, Kostenplaats

_CATEGORIES: Final = {
    "revenue": "omzet",
    "shipping": "verzendkosten",
    "payment_costs": "betaalkosten",
    "discounts": "kortingen",
}
_KINDS: Final = {
    "high": "hoog",
    "low": "laag",
    "zero": "0%",
    "other": "overig tarief",
    "eu": "binnen de EU",
    "export": "buiten de EU",
}


FUNCTIONS: Final[dict[str, tuple[str, ...]]] = {
    "high": ("VerkopenOmzetHoog",),
    "low": ("VerkopenOmzetLaag",),
    "zero": ("VerkopenOmzetOnbelastVerlegd", "VerkopenBtwVrij"),
    "other": ("VerkopenOmzetOverig",),
    "eu": ("VerkopenExportBinnenEU",),
    "export": ("VerkopenExportBuitenEU",),
}
"""The functions (grootboekfunctie) of the accounts that fit a choice, by how its name ends; the best first."""

DEMANDED: Final = ("eu", "export")
"""Where the function decides in which box of the VAT return and in the ICP statement a line ends: no other will do."""

GIFT_CARDS: Final = "gift_cards"


def label(choice: str) -> str:
    """An account's name in the profile, for people: "verzendkosten laag (shipping_low)"."""
    if choice == GIFT_CARDS:
        return f"uitstaande cadeaubonnen en tegoeden ({GIFT_CARDS})"
    category, _, kind = choice.rpartition("_")
    return f"{_CATEGORIES[category]} {_KINDS[kind]} ({choice})"


def fits(account: Grootboek, kind: LineKind) -> bool:
    """Whether a line with this kind of VAT may stand on the account; one without kinds takes only Geen."""
    return kind in account.btw_soort or (kind == "Geen" and not account.btw_soort)


def account_for(category: Category, kind: LineKind, profile: Profile, chart: Chart) -> Grootboek:
    """The account for a line, from revenue where its own category has none. Raises `Refused`."""
    own, revenue = f"{category}_{SUFFIX[kind]}", f"revenue_{SUFFIX[kind]}"
    return _chosen(own if own in profile.accounts.chosen() else revenue, kind, profile, chart)


def regime_account(choice: Literal["revenue_eu", "revenue_export"], profile: Profile, chart: Chart) -> Grootboek:
    """The account for all lines of a sale without VAT across the border. Raises `Refused`."""
    account = _chosen(choice, "Geen", profile, chart)
    if account.grootboekfunctie not in FUNCTIONS[choice.removeprefix("revenue_")]:
        raise Refused(reason("account-function-mismatch", account=account.nummer, choice=label(choice)))
    return account


def gift_cards_account(profile: Profile, chart: Chart) -> Grootboek:
    """The account on which the shop owes what stands on gift cards and store credit. Raises `Refused`."""
    return _chosen(GIFT_CARDS, "Geen", profile, chart)


def _chosen(choice: str, kind: LineKind, profile: Profile, chart: Chart) -> Grootboek:
    number = profile.accounts.chosen().get(choice)
    if number is None:
        raise Refused(reason("account-not-chosen", choice=label(choice)))
    account = chart.accounts.get(number)
    if account is None:
        raise Refused(reason("account-unknown", account=number, choice=label(choice)))
    if account.nonactief:
        raise Refused(reason("account-inactive", account=number, choice=label(choice)))
    if not fits(account, kind):
        raise Refused(reason("account-vat-mismatch", account=number, choice=label(choice), kind=kind))
    if account.kostenplaats_verplicht and not profile.cost_centre:
        raise Refused(reason("account-cost-centre-required", account=number))
    return account


def cost_centre(profile: Profile, chart: Chart) -> Kostenplaats | None:
    """The cost centre for every line, None where the profile has none. Raises `Refused`."""
    if not profile.cost_centre:
        return None
    centre = chart.cost_centres.get(profile.cost_centre)
    if centre is None:
        raise Refused(reason("account-cost-centre-unknown", cost_centre=profile.cost_centre))
    if centre.nonactief:
        raise Refused(reason("account-cost-centre-inactive", cost_centre=profile.cost_centre))
    return centre


def journal_for(gateway: str, method: str, profile: Profile, chart: Chart) -> Dagboek:
    """The journal in which a payment is booked, of kind Bank or Kas. Raises `Refused`."""
    payment = ":".join(part for part in (gateway, method) if part) or "onbekend"
    number = profile.journal_for(gateway, method)
    journal = chart.journals.get(number)
    if journal is None:
        raise Refused(reason("journal-unknown", journal=number, payment=payment))
    if journal.nonactief:
        raise Refused(reason("journal-inactive", journal=number, payment=payment))
    if journal.soort not in ("Bank", "Kas"):
        raise Refused(reason("journal-not-bank-or-cash", journal=number, payment=payment))
    return journal
