"""Countries, Dutch VAT history and the rates of other EU countries, as a fresh administration answers them."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID, uuid5

from sandbox.books_wire import Row

# One country a line: the two-letter landcode, the three-letter landcodeISO, the name.
_LANDEN = """
NL NLD Nederland
BE BEL België
DE DEU Duitsland
FR FRA Frankrijk
AT AUT Oostenrijk
BG BGR Bulgarije
HR HRV Kroatië
CY CYP Cyprus
CZ CZE Tsjechië
DK DNK Denemarken
EE EST Estland
FI FIN Finland
GR GRC Griekenland
HU HUN Hongarije
IE IRL Ierland
IT ITA Italië
LV LVA Letland
LT LTU Litouwen
LU LUX Luxemburg
MT MLT Malta
PL POL Polen
PT PRT Portugal
RO ROU Roemenië
SK SVK Slowakije
SI SVN Slovenië
ES ESP Spanje
SE SWE Zweden
GB GBR Verenigd Koninkrijk
CH CHE Zwitserland
NO NOR Noorwegen
IS ISL IJsland
LI LIE Liechtenstein
US USA Verenigde Staten
CA CAN Canada
AU AUS Australië
NZ NZL Nieuw-Zeeland
JP JPN Japan
CN CHN China
TR TUR Turkije
UA UKR Oekraïne
AW ABW Aruba
CW CUW Curaçao
SR SUR Suriname
BQ BES Bonaire, Sint Eustatius en Saba
"""

# country: code rate [validFrom]; rates as the European Commission publishes them, from 2020-01-01 unless dated
_EU_RATES = """
NLD SR=21 RRH=9
BEL SR=21 RRH=12 RRL=6 PR=12
DEU SR=19 RRH=7
FRA SR=20 RRH=10 RRL=5.5 SRR=2.1
AUT SR=20 RRH=13 RRL=10 PR=13
BGR SR=20 RRH=9
HRV SR=25 RRH=13 RRL=5
CYP SR=19 RRH=9 RRL=5
CZE SR=21 RRH=15 RRL=10 RRH=12@2024-01-01 RRL=12@2024-01-01
DNK SR=25
EST SR=20 RRH=9 SR=22@2024-01-01 SR=24@2025-07-01
FIN SR=24 RRH=14 RRL=10 SR=25.5@2024-09-01 RRH=13.5@2026-01-01
GRC SR=24 RRH=13 RRL=6
HUN SR=27 RRH=18 RRL=5
IRL SR=23 RRH=13.5 RRL=9 SRR=4.8 PR=13.5
ITA SR=22 RRH=10 RRL=5 SRR=4
LVA SR=21 RRH=12 RRL=5
LTU SR=21 RRH=9 RRL=5 RRH=12@2026-01-01
LUX SR=17 RRH=8 SRR=3 PR=14
MLT SR=18 RRH=7 RRL=5 PR=12
POL SR=23 RRH=8 RRL=5
PRT SR=23 RRH=13 RRL=6 PR=13
ROU SR=19 RRH=9 RRL=5 SR=21@2025-08-01 RRH=11@2025-08-01 RRL=11@2025-08-01
SVK SR=20 RRH=10 RRL=5 SR=23@2025-01-01 RRH=19@2025-01-01
SVN SR=22 RRH=9.5 RRL=5
ESP SR=21 RRH=10 SRR=4
SWE SR=25 RRH=12 RRL=6
"""

_ALWAYS = datetime(1980, 1, 1)  # noqa: DTZ001 - every date in these books is a wall clock without zone
_FOREVER = datetime(9999, 12, 31)  # noqa: DTZ001 - idem
_SINCE_2020 = "2020-01-01"


def landen(seed: UUID) -> list[Row]:
    """Countries of one administration; ids differ between administrations, so no cache may be shared."""
    rows = []
    for line in _LANDEN.strip().splitlines():
        code, iso, naam = line.split(" ", 2)
        key = str(uuid5(seed, f"land {code}"))
        rows.append({"naam": naam, "landcodeISO": iso, "landcode": code, "id": key, "uri": f"/landen/{key}"})
    return rows


def _period(soort: str, percentage: str, first: datetime, last: datetime) -> Row:
    return {
        "btwSoort": soort,
        "btwPercentage": Decimal(percentage),
        "datumVanaf": first,
        "datumTotEnMet": last,
    }


def btwtarieven(overig: str) -> list[Row]:
    """Dutch VAT history: low 6 % until 2018-12-31 then 9 %, high 19 % until 2012-09-30 then 21 %."""
    day = datetime.fromisoformat
    return [
        _period("Geen", "0.00", _ALWAYS, _FOREVER),
        _period("Laag", "6.00", _ALWAYS, day("2018-12-31")),
        _period("Laag", "9.00", day("2019-01-01"), _FOREVER),
        _period("Hoog", "19.00", day("2001-01-01"), day("2012-09-30")),
        _period("Hoog", "21.00", day("2012-10-01"), _FOREVER),
        _period("Overig", overig, _ALWAYS, _FOREVER),
    ]


def vatrates() -> list[Row]:
    """Rates per EU country, three-letter code; a rate holds until a later one of the same code starts."""
    answer: list[Row] = []
    for line in _EU_RATES.strip().splitlines():
        country, *entries = line.split()
        rates: list[Row] = []
        for entry in entries:
            code, _, rest = entry.partition("=")
            rate, _, since = rest.partition("@")
            valid_from = datetime.fromisoformat(since or _SINCE_2020)
            rates.append({"rateCode": code, "rate": Decimal(rate), "validFrom": valid_from})
        answer.append({"countryCode": country, "vatRates": rates})
    return answer


def eu_countries() -> frozenset[str]:
    """Three-letter codes of the EU, the Netherlands included."""
    return frozenset(line.split()[0] for line in _EU_RATES.strip().splitlines())


def dutch_rate(tarieven: list[Row], soort: str, day: date) -> Decimal:
    """The percentage of a kind on a day. Raises LookupError when there is none."""
    for row in tarieven:
        if row["btwSoort"] == soort and row["datumVanaf"].date() <= day <= row["datumTotEnMet"].date():
            percentage: Decimal = row["btwPercentage"]
            return percentage
    raise LookupError(soort)


def foreign_rate(country_iso: str, code: str, day: date) -> Decimal | None:
    """The percentage another EU country asks under a rate code on a day; None when it has no such rate."""
    for country in vatrates():
        if country["countryCode"] == country_iso:
            known = [r for r in country["vatRates"] if r["rateCode"] == code and r["validFrom"].date() <= day]
            if known:
                rate: Decimal = max(known, key=lambda r: r["validFrom"])["rate"]
                return rate
    return None
