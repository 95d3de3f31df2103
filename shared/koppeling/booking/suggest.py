"""A profile to start from, read off the administration and the shop, and a check of the choices made."""

import re
from collections.abc import Iterable
from datetime import date
from typing import Final

from koppeling.booking.ledgers import DEMANDED, FUNCTIONS, GIFT_CARDS, cost_centre, fits, label
from koppeling.booking.profile import NUMBER_LENGTH, Accounts, Profile
from koppeling.booking.vat import SUFFIX, LineKind
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import ShopStatuses
from koppeling.snelstart.models import Chart, Dagboek, Grootboek

_KIND_OF_SUFFIX: Final[dict[str, LineKind]] = {suffix: kind for kind, suffix in SUFFIX.items()}
_SPECIAL: Final = {
    "shipping": re.compile(r"verzend|porto|vracht|bezorg"),
    "payment_costs": re.compile(r"betaalkosten|transactiekosten|betalingskosten"),
    "discounts": re.compile(r"korting"),
}
_VOUCHERS: Final = re.compile(r"cadeau|bon(nen)?\b|tegoed|voucher|gift")
_NOT_PLAIN: Final = re.compile(r"verlegd|marge|kassa|priv[eé]|verzend|porto|vracht|bezorg|korting|kosten|diensten")
_PLAIN: Final = re.compile(r"(omzet|verkopen|verkoop|opbrengst)")

_GATEWAYS: Final = {
    "mollie": "mollie",
    "paypal": "paypal",
    "klarna": "klarna_checkout",
    "afterpay": "afterpay",
    "riverty": "afterpay",
    "multisafepay": "multisafepay",
    "pay.nl": "paynl",
    "paynl": "paynl",
    "ingenico": "ingenico",
    "sisow": "sisow",
    "sumup": "sumup",
    "zettle": "zettle",
}
"""What a journal's name says, and the shop's name of that payment service."""

_SHOWN: Final = 5
_PROFIT_AND_LOSS: Final = "WinstEnVerlies"


def suggest(chart: Chart, statuses: ShopStatuses, today: date) -> Profile:
    """A profile from what the administration and the shop offer; orders from `today` on are booked."""
    return Profile(
        completed_statuses=statuses.completed() or Profile().completed_statuses,
        start_date=today,
        accounts=Accounts(**_accounts(chart)),
        journals=_journals(chart),
    )


def misfits(profile: Profile, chart: Chart, statuses: ShopStatuses) -> tuple[str, ...]:
    """What is wrong with a profile as a whole, a Dutch sentence each that names the choice and what would do."""
    return (*check(profile, chart), *check_statuses(profile, statuses))


def check(profile: Profile, chart: Chart) -> tuple[str, ...]:
    """What is wrong with the choices, a Dutch sentence each, with what would do instead; nothing when all is well."""
    problems = [*_account_problems(profile, chart), *_journal_problems(profile, chart)]
    try:
        cost_centre(profile, chart)
    except Refused as refused:
        problems.append(f"{refused.reason.sentence} {refused.reason.advice}")
    if not profile.completed_statuses:
        problems.append("Er is geen status gekozen die afgerond betekent (completed_statuses).")
    return tuple(problems)


def _accounts(chart: Chart) -> dict[str, int]:
    found: dict[str, int] = {}
    for suffix in FUNCTIONS:
        usable = _usable(chart, suffix)
        if usable:
            found[f"revenue_{suffix}"] = usable[0].nummer
        if suffix not in _KIND_OF_SUFFIX:
            continue
        for category, words in _SPECIAL.items():
            dedicated = [account for account in usable if words.search(account.omschrijving.casefold())]
            if dedicated:
                found[f"{category}_{suffix}"] = dedicated[0].nummer
    return found


def _usable(chart: Chart, suffix: str) -> list[Grootboek]:
    """The active accounts that would do, the plainest and lowest first."""
    functions, kind = FUNCTIONS[suffix], _KIND_OF_SUFFIX.get(suffix, "Geen")
    usable = [
        account
        for account in chart.accounts.values()
        if account.grootboekfunctie in functions and not account.nonactief and fits(account, kind)
    ]

    def plainness(account: Grootboek) -> tuple[bool, int, bool, bool, int]:
        name = account.omschrijving.casefold()
        return (
            account.kostenplaats_verplicht,
            functions.index(account.grootboekfunctie),
            bool(_NOT_PLAIN.search(name)),
            not _PLAIN.match(name),
            account.nummer,
        )

    return sorted(usable, key=plainness)


def _debts(chart: Chart) -> list[Grootboek]:
    """The active accounts that may hold what is owed on gift cards: those of that name, lowest first."""
    usable = [
        account
        for account in chart.accounts.values()
        if _VOUCHERS.search(account.omschrijving.casefold())
        and account.rekening_code != _PROFIT_AND_LOSS
        and not account.nonactief
        and fits(account, "Geen")
    ]
    return sorted(usable, key=lambda account: account.nummer)


def _journals(chart: Chart) -> dict[str, int]:
    active = sorted((journal for journal in chart.journals.values() if not journal.nonactief), key=_number)
    banks = [journal for journal in active if journal.soort == "Bank"]
    found: dict[str, int] = {}
    ordinary = []
    for bank in banks:
        gateways = [gateway for word, gateway in _GATEWAYS.items() if word in bank.omschrijving.casefold()]
        for gateway in gateways:
            found.setdefault(gateway, bank.nummer)
        if not gateways:
            ordinary.append(bank)
    cash = [journal for journal in active if journal.soort == "Kas"]
    if cash:
        found["basic:cash"] = cash[0].nummer
    if banks:
        found["*"] = (ordinary or banks)[0].nummer
    return found


def _number(journal: Dagboek) -> int:
    return journal.nummer


def _account_problems(profile: Profile, chart: Chart) -> Iterable[str]:
    for choice, number in profile.accounts.chosen().items():
        wrong = _wrong_with(chart.accounts.get(number), choice, profile)
        if wrong:
            yield f"Grootboek {number}, gekozen voor {label(choice)}, {wrong}.{_instead(chart, choice)}"
    # Under the small business scheme nothing is ever booked with VAT.
    for choice in ("revenue_zero",) if chart.company.kor_actief else ("revenue_high", "revenue_low"):
        if choice not in profile.accounts.chosen():
            yield f"Er is geen grootboek gekozen voor {label(choice)}.{_instead(chart, choice)}"


def _wrong_with(account: Grootboek | None, choice: str, profile: Profile) -> str:
    suffix = choice.rpartition("_")[2]
    kind = _KIND_OF_SUFFIX.get(suffix, "Geen")
    if account is None or account.nonactief:
        return "is niet actief in SnelStart" if account else "bestaat niet in SnelStart"
    if not fits(account, kind):
        return f"staat btw-soort {kind} niet toe"
    if suffix in DEMANDED and account.grootboekfunctie not in FUNCTIONS[suffix]:
        return f"heeft niet de functie {FUNCTIONS[suffix][0]}, en die bepaalt de btw-aangifte"
    if choice == GIFT_CARDS and account.rekening_code == _PROFIT_AND_LOSS:
        return "is geen balansrekening, en een uitstaande bon is een schuld"
    if account.kostenplaats_verplicht and not profile.cost_centre:
        return "vraagt om een kostenplaats, en die is niet gekozen (cost_centre)"
    return ""


def _instead(chart: Chart, choice: str) -> str:
    usable = (_debts(chart) if choice == GIFT_CARDS else _usable(chart, choice.rpartition("_")[2]))[:_SHOWN]
    if not usable:
        return " In de administratie is er geen passend grootboek."
    return " Wel geschikt: " + ", ".join(f"{account.nummer} {account.omschrijving}".strip() for account in usable) + "."


def _journal_problems(profile: Profile, chart: Chart) -> Iterable[str]:
    banks = [journal for journal in chart.journals.values() if journal.soort in ("Bank", "Kas")]
    usable = sorted((journal for journal in banks if not journal.nonactief), key=_number)
    shown = ", ".join(f"{journal.nummer} {journal.omschrijving}".strip() for journal in usable[:_SHOWN])
    instead = f" Wel geschikt: {shown}." if usable else " In de administratie is er geen bank- of kasdagboek."
    for payment, number in profile.journals.items():
        journal = chart.journals.get(number)
        if journal is None:
            yield f"Dagboek {number}, gekozen voor {payment}, bestaat niet in SnelStart.{instead}"
        elif journal.nonactief:
            yield f"Dagboek {number}, gekozen voor {payment}, is niet actief in SnelStart.{instead}"
        elif journal.soort not in ("Bank", "Kas"):
            yield f"Dagboek {number}, gekozen voor {payment}, is geen bank- of kasdagboek.{instead}"
    if "*" not in profile.journals:
        yield f'Er is geen dagboek gekozen voor alle overige betaalwijzen ("*").{instead}'


def check_statuses(profile: Profile, statuses: ShopStatuses) -> tuple[str, ...]:
    """What is wrong with the chosen statuses and the form of the numbers: one sentence each."""
    problems = []
    for status in profile.completed_statuses:
        if not statuses.knows(status):
            known = ", ".join(f"{one.status} ({one.description})" for one in statuses.statuses)
            problems.append(f"Status {status} (completed_statuses) bestaat niet in de winkel; wel: {known}.")
        elif status in (*statuses.cancelled(), *statuses.credit()):
            problems.append(f"Status {status} ({statuses.describe(status)}) kan niet als afgerond gelden.")
    if len(profile.number_for("1")) > NUMBER_LENGTH:
        problems.append(f"De vorm {profile.invoice_number} (invoice_number) geeft nummers van meer dan 25 tekens.")
    return tuple(problems)
