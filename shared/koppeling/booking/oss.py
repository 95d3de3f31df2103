"""Consumers in other EU countries with the VAT of their own country (OSS), as SnelStart wants it booked.

Source: SnelStart's documentation. Only where the administration invoices foreign VAT, and never before 1 July 2021.
"""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

from koppeling.booking.countries import EU, shown
from koppeling.catalogue import on, percentage, reason
from koppeling.clock import AMSTERDAM
from koppeling.failures import Refused
from koppeling.snelstart.models import Chart, CompanyInfo, Grootboek

FUNCTION: Final = "InstallatieTeleverkoopBinnenEUgeen"
SINCE: Final = date(2021, 7, 1)

_YMD: Final = range(1900_01_01, 9999_12_31 + 1)
_SECONDS: Final = 253_402_300_800
"""The year 10000 in seconds since 1970; in milliseconds that is 1978, so no date of OSS is taken for the other."""
_MILLISECONDS: Final = _SECONDS * 1000
_TICKS_A_MICROSECOND: Final = 10
_YEAR_ONE: Final = datetime(1, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ALMOST_MIDNIGHT: Final = 24 * 60 - 1
_LAST_YEAR: Final = 9999


def enabled(company: CompanyInfo, day: date) -> bool:
    """Whether the administration invoices the VAT of other EU countries on this day; no ranges means always."""
    if not company.factureer_buitenlands_btw or day < SINCE:
        return False
    ranges = [(_day(first) or date.min, _day(last) or date.max) for first, last in company.buitenlandse_ranges]
    return not ranges or any(first <= day <= last for first, last in ranges)


def _day(value: int | None) -> date | None:
    """The day a bound of a range means; None where it bounds nothing (absent, zero, before or after all time).

    The unit is not documented: yyyymmdd, seconds or milliseconds since 1970, or .NET ticks, told by magnitude.
    """
    if value is None or value <= 0:
        return None
    if value in _YMD and (written := _written(value)):
        return written
    try:
        if value < _SECONDS:
            moment = _EPOCH + timedelta(seconds=value)
        elif value < _MILLISECONDS:
            moment = _EPOCH + timedelta(milliseconds=value)
        else:
            moment = _YEAR_ONE + timedelta(microseconds=value // _TICKS_A_MICROSECOND)
    except OverflowError:
        return None
    if moment.year == _LAST_YEAR:
        return None
    # A day's own first or last minute is a date that carries no zone; anything else is Amsterdam's day told in UTC.
    minute = moment.hour * 60 + moment.minute
    return moment.date() if minute in (0, _ALMOST_MIDNIGHT) else moment.astimezone(AMSTERDAM).date()


def _written(value: int) -> date | None:
    try:
        return date(value // 10000, value // 100 % 100, value % 100)
    except ValueError:
        return None


def codes(chart: Chart, country: str, rate: Decimal, day: date) -> tuple[str, ...]:
    """The country's rate codes that mean this percentage on this day; several may, and none may."""
    return tuple(code for code, percent in rates(chart, country, day).items() if percent == rate)


def rates(chart: Chart, country: str, day: date) -> dict[str, Decimal]:
    """The percentages of a country (two capitals) on a day, by their codes."""
    in_force: dict[str, tuple[date, Decimal]] = {}
    for known in chart.vatrates:
        if known.country_code == EU.get(country) and known.valid_from <= day:
            since, _ = in_force.get(known.rate_code, (date.min, Decimal(0)))
            if known.valid_from >= since:
                in_force[known.rate_code] = known.valid_from, known.rate
    return {code: percent for code, (_, percent) in in_force.items()}


def revenue_account(country: str, rate: Decimal, day: date, chart: Chart, *, cost_centre: bool) -> Grootboek:
    """The account for sales at this rate in this country, chosen by function and rate code. Raises `Refused`.

    `cost_centre`: whether there is one to put on the line, for an account that demands it.
    """
    wanted = codes(chart, country, rate, day)
    if not wanted:
        raise Refused(reason("oss-rate-unknown", country=shown(country), rate=percentage(rate), date=on(day)))
    found = [
        account
        for account in chart.accounts.values()
        if account.grootboekfunctie == FUNCTION and account.vat_rate_code in wanted and not account.nonactief
    ]
    usable = [account for account in found if cost_centre or not account.kostenplaats_verplicht]
    if usable:
        return min(usable, key=lambda account: (wanted.index(account.vat_rate_code), account.nummer))
    if found:
        raise Refused(reason("account-cost-centre-required", account=found[0].nummer))
    shown_codes = " of ".join(wanted)
    raise Refused(reason("oss-account-missing", country=shown(country), rate=percentage(rate), kind=shown_codes))


def vat_account(chart: Chart, *, cost_centre: bool) -> Grootboek:
    """The account on which the administration owes foreign VAT. Raises `Refused`."""
    wanted = chart.company.buitenlandse_btw_grootboek_id.casefold()
    found = next((account for account in chart.accounts.values() if account.id.casefold() == wanted), None)
    if found is None or found.nonactief:
        raise Refused(reason("oss-vat-account-missing"))
    if found.kostenplaats_verplicht and not cost_centre:
        raise Refused(reason("account-cost-centre-required", account=found.nummer))
    return found
