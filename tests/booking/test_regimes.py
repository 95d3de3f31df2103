from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from koppeling.booking import oss
from koppeling.booking.plan import Plan, plan
from koppeling.booking.vatnumbers import country_of, valid
from koppeling.failures import Refused
from koppeling.mijnwebwinkel.models import Order
from koppeling.snelstart.models import Chart, CompanyInfo
from tests.booking.world import ACCOUNTS, chart, line, order, paid, profile, simple, to, untaxed

HOME = chart()
KOR = chart(kor=True)
OSS = chart(oss=True)
BELGIAN, GREEK, DUTCH = "BE 0428.759.497", "GR094259216", "NL004495445B01"
REVERSED = {"tax_strategy": "reverse_charged_vat", "business_model": "B2B"}
ZERO = {"tax_strategy": "zero_percent"}


def refusal(refused: Order, administration: Chart = HOME, **choices: Any) -> str:  # noqa: ANN401 -- any setting
    """The code with which planning this order is refused."""
    with pytest.raises(Refused) as raised:
        plan(refused, profile(**choices), administration)
    return raised.value.reason.code


def booked(planned: Plan) -> tuple[list[tuple[int, str, str]], list[tuple[str, str]]]:
    """The lines as account, amount and kind; the VAT as kind and amount."""
    lines = [(regel.grootboek_nummer, str(regel.bedrag), str(regel.btw_soort)) for regel in planned.regels]
    return lines, [(str(vat.btw_soort), str(vat.bedrag)) for vat in planned.btw]


def taxed(rate: str, vat: str, gross: str, **changes: Any) -> Order:  # noqa: ANN401 -- any field of an order
    """One thing at this rate."""
    return order(line(paid(gross, rate)), total=gross, tax=((vat, rate),), **changes)


DOMESTIC = ([(8200, "100.00", "Hoog")], [("VerkopenHoog", "21.00")])


@pytest.mark.parametrize(
    "changes",
    [
        {"debtor": to("NL", invoice="BE")},
        {"debtor": to("NL", invoice="US")},
        {"debtor": to("NL", invoice="BE", number=BELGIAN)},
        {"debtor": {"address": {"invoice": {"country_code": "BE"}}}, "shipping": [{"country": {"isocode": "NL"}}]},
        {"debtor": {"address": {"invoice": {"country": "Holland"}}}, "tax_region": ""},
    ],
)
def test_delivered_in_the_netherlands(changes: dict[str, Any]) -> None:
    """What is delivered in the Netherlands is domestic, wherever the invoice goes."""
    planned = plan(simple(**changes), profile(), HOME)
    assert (planned.regime, planned.country, planned.vat_number, planned.notes) == ("domestic", "NL", None, ())
    assert booked(planned) == DOMESTIC


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_strategy": "iets"}, "vat-strategy-unknown"),
        ({"tax_region": "BE"}, "vat-region-abroad"),
        (ZERO, "vat-zero-percent-place"),
        (ZERO | {"debtor": to("BE")}, "vat-zero-percent-place"),
        (REVERSED, "vat-reverse-charged-place"),
        (REVERSED | {"debtor": to("US", number=BELGIAN)}, "vat-reverse-charged-place"),
        (REVERSED | {"debtor": to("NL", invoice="BE", number=BELGIAN)}, "vat-reverse-charged-place"),
        ({"debtor": {"address": {"invoice": {"country": "Nergensland"}}}}, "vat-country-unknown"),
        ({"debtor": {"address": {"invoice": {"country_code": "XYZ"}}}}, "vat-country-unknown"),
        ({"debtor": [], "shipping": [{"country": {"isocode": c}} for c in ("NL", "DE")]}, "vat-country-unknown"),
        ({"debtor": to("XI")}, "vat-territory"),
        ({"debtor": to("BE"), "tax_region": "DE"}, "vat-region-abroad"),
        ({"debtor": to("BE", number=BELGIAN), "tax_region": "BE"}, "vat-region-abroad"),
        ({"debtor": to("US"), "tax_region": "US"}, "vat-region-abroad"),
    ],
)
def test_what_contradicts_itself(changes: dict[str, Any], code: str) -> None:
    """Strategy, region and country of delivery that do not fit each other are refused, each with its own code."""
    assert refusal(simple(**changes)) == code


def test_small_business_scheme() -> None:
    """Under the KOR every line is Geen on the account without VAT, and there is no VAT."""
    assert booked(plan(untaxed(), profile(), KOR)) == ([(8240, "100.00", "Geen")], [])
    assert plan(untaxed(), profile(), KOR).regime == "kor"


def test_small_business_scheme_refusals() -> None:
    """Under the KOR charged VAT is refused, stated or only in the lines, and so is a delivery abroad."""
    assert refusal(simple(), KOR) == "vat-kor-charged"
    assert refusal(order(line(paid("121.00")), total="121.00"), KOR) == "vat-kor-charged"
    assert refusal(untaxed(debtor=to("BE")), KOR) == "vat-kor-abroad"
    assert refusal(untaxed(debtor=to("US"), **ZERO), KOR) == "vat-kor-abroad"
    without = ACCOUNTS.model_copy(update={"revenue_zero": None})
    assert refusal(untaxed(), KOR, accounts=without) == "account-not-chosen"


def test_reverse_charge() -> None:
    """A supply to an EU business is Geen on the account of that function, without VAT, for a customer with a number."""
    sold = order(
        line(paid("100.00", "0")),
        line(paid("6.95", "0"), kind="shipping"),
        line(paid("-10.00", "0"), kind="discount"),
        total="96.95",
        tax=(("0.00", "0"),),
        debtor=to("BE", number=BELGIAN),
        tax_region="BE",
        **REVERSED,
    )
    planned = plan(sold, profile(), HOME)
    assert booked(planned) == ([(8300, "100.00", "Geen"), (8300, "6.95", "Geen"), (8300, "-10.00", "Geen")], [])
    assert (planned.regime, planned.country, planned.vat_number) == ("reverse_charge", "BE", "BE0428759497")
    assert planned.total == Decimal("96.95")
    assert not planned.markering


@pytest.mark.parametrize(("number", "carried"), [(GREEK, "EL094259216"), ("EL 094259216", "EL094259216")])
def test_greek_numbers(number: str, carried: str) -> None:
    """Greece is GR in an address and EL in a VAT number, whichever the customer typed."""
    planned = plan(untaxed(debtor=to("GR", number=number), **REVERSED), profile(), HOME)
    assert (planned.country, planned.vat_number, country_of(carried)) == ("GR", carried, "GR")


@pytest.mark.parametrize(
    ("country", "number", "code"),
    [
        ("BE", "", "vat-number-missing"),
        ("BE", "BE0428759498", "vat-number-malformed"),
        ("BE", "geen", "vat-number-malformed"),
        ("BE", "GB980780684", "vat-number-malformed"),
        ("BE", "XI432525179", "vat-number-malformed"),
        ("BE", "EU528003555", "vat-number-malformed"),
        ("BE", "B" * 60, "vat-number-malformed"),
        ("BE", DUTCH, "vat-number-dutch"),
    ],
)
def test_reverse_charge_needs_a_number(country: str, number: str, code: str) -> None:
    """Without a valid VAT number of another EU country the reverse charge is refused."""
    assert refusal(untaxed(debtor=to(country, number=number), **REVERSED)) == code


def test_number_without_prefix() -> None:
    """A number typed without its country is read with that of the invoice address, where its check digits agree."""
    planned = plan(untaxed(debtor=to("BE", number="0428759497"), **REVERSED), profile(), HOME)
    assert planned.vat_number == "BE0428759497"
    assert valid("0428759497") is None


def test_reverse_charge_with_vat() -> None:
    """Charged VAT and reverse charge contradict each other, whether the shop states it or the lines have it."""
    debtor = to("BE", number=BELGIAN)
    assert refusal(simple(debtor=debtor, **REVERSED)) == "vat-reverse-charged-with-vat"
    silent = order(line(paid("121.00")), total="121.00", debtor=debtor, **REVERSED)
    assert refusal(silent) == "vat-reverse-charged-with-vat"


def test_export() -> None:
    """What leaves the EU without VAT is Geen on the account of that function."""
    planned = plan(untaxed(debtor=to("US"), **ZERO), profile(), HOME)
    assert booked(planned) == ([(8310, "100.00", "Geen")], [])
    assert (planned.regime, planned.country, planned.markering) == ("export", "US", False)
    silent = plan(untaxed(debtor=to("GB"), tax_region=""), profile(), HOME)
    assert (silent.regime, silent.markering) == ("export", True)


@pytest.mark.parametrize(
    ("country", "inside"), [("MC", True), ("UK", False), ("GB", False), ("IC", False), ("JE", False), ("AX", False)]
)
def test_territories(country: str, *, inside: bool) -> None:
    """Monaco is inside the EU for VAT, as France; the British and those outside of a member's VAT territory are not."""
    sold = untaxed(debtor=to(country), **ZERO)
    if inside:
        assert refusal(sold) == "vat-zero-percent-place"
    else:
        assert plan(sold, profile(), HOME).regime == "export"


@pytest.mark.parametrize("strategy", ["", "zero_percent"])
def test_export_with_dutch_vat(strategy: str) -> None:
    """Dutch VAT on an export was invoiced, so it is owed: booked as domestic, marked, with a note."""
    planned = plan(simple(debtor=to("US"), tax_strategy=strategy), profile(), HOME)
    assert booked(planned) == DOMESTIC
    assert planned.markering
    assert "Nederlandse btw" in planned.notes[0]


@pytest.mark.parametrize("name", ["revenue_eu", "revenue_export"])
def test_accounts_by_function(name: str) -> None:
    """An account of another function than the regime's is refused: the VAT return would be wrong."""
    sold = {
        "revenue_eu": untaxed(debtor=to("BE", number=BELGIAN), **REVERSED),
        "revenue_export": untaxed(debtor=to("US"), **ZERO),
    }[name]
    assert refusal(sold, accounts=ACCOUNTS.model_copy(update={name: 8240})) == "account-function-mismatch"
    assert refusal(sold, accounts=ACCOUNTS.model_copy(update={name: None})) == "account-not-chosen"


def test_business_with_dutch_vat() -> None:
    """An EU business that was charged Dutch VAT is domestic and marked; with OSS on it must carry its number."""
    sold = simple(debtor=to("BE", number=BELGIAN))
    for administration, number in ((HOME, None), (OSS, "BE0428759497")):
        planned = plan(sold, profile(), administration)
        assert booked(planned) == DOMESTIC
        assert (planned.markering, planned.country, planned.vat_number) == (True, "BE", number)


@pytest.mark.parametrize("region", ["NL", ""])
def test_below_the_threshold(region: str) -> None:
    """With OSS off, Dutch VAT for a consumer elsewhere in the EU is booked as domestic, with a note."""
    planned = plan(simple(debtor=to("BE"), tax_region=region), profile(), HOME)
    assert booked(planned) == DOMESTIC
    assert (planned.regime, planned.country, planned.markering) == ("domestic", "BE", False)
    assert "onder de drempel" in planned.notes[0]


@pytest.mark.parametrize("region", ["NL", "DE", ""])
def test_no_vat_to_a_consumer_abroad(region: str) -> None:
    """Without any VAT to a consumer abroad it is booked as such, marked, and nobody is told that it holds Dutch VAT."""
    planned = plan(untaxed(debtor=to("DE"), tax_region=region), profile(), HOME)
    assert booked(planned) == ([(8240, "100.00", "Geen")], [])
    assert planned.markering
    assert planned.notes == ("Aan een consument in DE is geen btw berekend: als binnenlands zonder btw geboekt.",)


def test_foreign_vat_without_oss() -> None:
    """With OSS off, another country's VAT is refused, by region or by rate."""
    assert refusal(simple(debtor=to("BE"), tax_region="BE")) == "oss-not-enabled"
    assert refusal(taxed("19", "19.00", "119.00", debtor=to("DE"), tax_region="")) == "oss-not-enabled"


def test_oss() -> None:
    """Under OSS revenue is Geen on the account of the country's rate code, and the VAT one line per rate."""
    sold = order(
        line(paid("119.00", "19")),
        line(paid("10.70", "7")),
        line(paid("4.76", "19"), paid("0.54", "7"), kind="shipping"),
        total="135.00",
        tax=(("19.76", "19"), ("0.74", "7")),
        debtor=to("DE"),
        tax_region="DE",
    )
    planned = plan(sold, profile(), OSS)
    lines, vat = booked(planned)
    assert lines == [
        (8320, "100.00", "Geen"),
        (8321, "10.00", "Geen"),
        (8320, "4.00", "Geen"),
        (8321, "0.50", "Geen"),
        (1520, "19.76", "Geen"),
        (1520, "0.74", "Geen"),
    ]
    assert vat == []
    assert (planned.regime, planned.country, planned.total) == ("oss", "DE", Decimal("135.00"))
    assert [regel.omschrijving for regel in planned.regels][-2:] == ["Btw DE 19%", "Btw DE 7%"]


def test_oss_vat_as_stated() -> None:
    """Under OSS the VAT is the shop's within one cent per line, and refused beyond it."""
    abroad = {"debtor": to("DE"), "tax_region": ""}
    assert str(plan(taxed("19", "19.01", "119.00", **abroad), profile(), OSS).regels[-1].bedrag) == "19.01"
    assert refusal(taxed("19", "19.02", "119.00", **abroad), OSS) == "vat-total"
    both_off = order(line(paid("5.95", "19")), line(paid("5.95", "19")), total="11.88", tax=(("1.92", "19"),), **abroad)
    assert refusal(both_off, OSS) == "vat-total"


def test_oss_belgian_rate() -> None:
    """A rate that is Dutch as well is the country's own, unless the shop says it computed Dutch VAT."""
    assert plan(simple(debtor=to("BE"), tax_region=""), profile(), OSS).regime == "oss"
    assert plan(simple(debtor=to("BE"), tax_region="BE"), profile(), OSS).regime == "oss"
    assert refusal(simple(debtor=to("BE"), tax_region="NL"), OSS) == "oss-dutch-vat"


def test_oss_refusals() -> None:
    """What the administration is not set up for under OSS is refused, saying what is missing."""
    assert refusal(simple(debtor=to("DE"), tax_region=""), OSS) == "oss-dutch-vat"
    assert refusal(taxed("18", "18.00", "118.00", debtor=to("DE"), tax_region="DE"), OSS) == "oss-rate-unknown"
    assert refusal(untaxed(debtor=to("DE"), tax_region="DE"), OSS) == "oss-rate-unknown"
    assert refusal(taxed("6", "6.00", "106.00", debtor=to("BE"), tax_region="BE"), OSS) == "oss-account-missing"
    sold = taxed("19", "19.00", "119.00", debtor=to("DE"), tax_region="DE")
    unset = OSS.company.model_copy(update={"buitenlandse_btw_grootboek_id": ""})
    assert refusal(sold, OSS.model_copy(update={"company": unset})) == "oss-vat-account-missing"
    closed = {number: each.model_copy(update={"nonactief": number == 1520}) for number, each in OSS.accounts.items()}
    assert refusal(sold, OSS.model_copy(update={"accounts": closed})) == "oss-vat-account-missing"
    for demanding in (8320, 1520):
        asks = {
            n: each.model_copy(update={"kostenplaats_verplicht": n == demanding}) for n, each in OSS.accounts.items()
        }
        centred = OSS.model_copy(update={"accounts": asks})
        assert refusal(sold, centred) == "account-cost-centre-required"
        assert plan(sold, profile(cost_centre=1), centred).regels[-1].kostenplaats_id == "kp-1"


@pytest.mark.parametrize(("administration", "region"), [(OSS, "NL"), (OSS, "DE"), (HOME, "NL"), (HOME, "DE")])
def test_gift_card_sold_abroad(administration: Chart, region: str) -> None:
    """A gift card sold to a consumer abroad carries no VAT of any country, and is a debt like any other."""
    sold = order(line(paid("50.00", "0"), kind="gift_card"), total="50.00", tax=(), debtor=to("DE"), tax_region=region)
    assert booked(plan(sold, profile(), administration)) == ([(1360, "50.00", "Geen")], [])


def test_oss_two_codes_for_one_rate() -> None:
    """Where two of a country's codes have the same rate, the one with an account is used."""
    sold = taxed("13", "13.00", "113.00", debtor=to("AT"), tax_region="AT")
    assert plan(sold, profile(), OSS).regels[0].grootboek_nummer == 8323


@pytest.mark.parametrize(
    ("day", "rate"), [("2023-12-31", "20"), ("2024-01-01", "22"), ("2025-06-30", "22"), ("2025-07-01", "24")]
)
def test_oss_historic_rates(day: str, rate: str) -> None:
    """A country's rate is that of the invoice date."""
    for tried in ("20", "22", "24"):
        sold = taxed(tried, f"{tried}.00", f"1{tried}.00", debtor=to("EE"), tax_region="EE", date=day)
        if tried == rate:
            assert plan(sold, profile(), OSS).regels[0].grootboek_nummer == 8320
        else:
            assert refusal(sold, OSS) == "oss-rate-unknown"


@pytest.mark.parametrize("business_model", ["B2C", "B2B"])
@pytest.mark.parametrize("number", ["", "DE000000000"])
def test_no_valid_number_is_a_consumer(business_model: str, number: str) -> None:
    """Without a valid VAT number a customer is a consumer, and marked where that is odd."""
    debtor = to("DE", number=number)
    sold = taxed("19", "19.00", "119.00", debtor=debtor, tax_region="DE", business_model=business_model)
    planned = plan(sold, profile(), OSS)
    assert planned.regime == "oss"
    assert planned.markering == bool(number or business_model == "B2B")


def test_oss_not_before_it_began() -> None:
    """Before 1 July 2021 there is no OSS, whatever the administration says."""
    early = {"debtor": to("BE"), "tax_region": "BE", "date": "2021-06-30"}
    assert refusal(simple(**early), OSS) == "oss-not-enabled"
    assert plan(simple(**early | {"date": "2021-07-01"}), profile(), OSS).regime == "oss"


def _ticks(moment: str) -> int:
    return (datetime.fromisoformat(moment).replace(tzinfo=UTC) - datetime(1, 1, 1, tzinfo=UTC)).days * 864_000_000_000


def _seconds(moment: str) -> int:
    return int(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (20240101, 20241231),
        ("20240101", "20241231"),
        (_seconds("2024-01-01"), _seconds("2024-12-31")),
        (_seconds("2024-01-01"), _seconds("2024-12-31T23:59:59")),
        (_seconds("2023-12-31T23:00:00"), _seconds("2024-12-30T23:00:00")),
        (_seconds("2024-01-01") * 1000, _seconds("2024-12-31") * 1000),
        (_ticks("2024-01-01"), _ticks("2024-12-31")),
        (_ticks("2024-01-01"), _ticks("2024-12-31") + 864_000_000_000 - 1),
    ],
)
def test_range_units(first: object, last: object) -> None:
    """Ranges are read in whatever unit they come: yyyymmdd, seconds, milliseconds or ticks, both days included."""
    company = chart(oss=True, ranges=[(20220101, 20221231), (first, last)]).company
    days = ["2021-12-31", "2022-01-01", "2022-12-31", "2023-12-31", "2024-01-01", "2024-12-31", "2025-01-01"]
    held = [oss.enabled(company, date.fromisoformat(day)) for day in days]
    assert held == [False, True, True, False, True, True, False]


@pytest.mark.parametrize(
    "last",
    [None, 0, "", 99991231, _seconds("9999-12-31"), _seconds("9999-12-31") * 1000, _ticks("9999-12-31"), 2**63 - 1],
)
def test_open_ranges(last: object) -> None:
    """A range without an end, however that is written, holds on."""
    company = chart(oss=True, ranges=[(20240101, last)]).company
    assert not oss.enabled(company, date(2023, 12, 31))
    assert oss.enabled(company, date(2024, 1, 1))
    assert oss.enabled(company, date(2099, 1, 1))


def test_switched_off() -> None:
    """Ranges of an administration that does not invoice foreign VAT mean nothing."""
    company = CompanyInfo.parse({"factureerBuitenlandsBtwRanges": [{"from": 20240101, "to": 20991231}]})
    assert not oss.enabled(company, date(2024, 6, 1))


def test_chart_keeps_vatrates() -> None:
    """Foreign rates survive the cache, and a chart cached without them is still read."""
    assert Chart.from_json(OSS.to_json()) == OSS
    assert Chart.from_json(HOME.to_json()).vatrates == ()
