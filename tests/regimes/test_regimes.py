"""Every VAT regime, from the shop's order to the paid invoice in the strict SnelStart."""

from typing import Any

import pytest

from tests.booking.world import line, paid
from tests.exactly_once.rig import Connected, Stage
from tests.regimes.winkel import (
    BELGIAN,
    CARDS,
    GERMAN_NUMBER,
    Json,
    booked,
    buyer,
    connect,
    days_ago,
    german,
    invoices,
    next_name,
    refusal,
    reversed_to,
    run,
    settled,
    sold,
    thing,
    to,
    untaxed,
)

ZERO = {"tax_strategy": "zero_percent"}
CARD = line(paid("-21.00", "0"), kind="gift_card")
WHOLE = line(paid("-121.00", "0"), kind="store_credit")
DOMESTIC = ([(8200, "100.00")], {"VerkopenHoog": "21.00"})


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


@pytest.fixture(scope="module")
def kor(module_stage: Stage) -> Connected:
    """An administration under the small business scheme."""
    return connect(module_stage, kor=True)


@pytest.fixture(scope="module")
def oss(module_stage: Stage) -> Connected:
    """An administration that invoices the VAT of other EU countries."""
    return connect(module_stage, foreign_vat=True)


def test_domestic(stage: Stage, home: Connected) -> None:
    """High, low and no VAT in one order, costs at the rates of the goods: each on its own account."""
    raw = sold(
        line(paid("121.00")),
        line(paid("10.90", "9")),
        line(paid("5.00", "0")),
        line(paid("6.05"), paid("1.09", "9"), kind="shipping"),
        line(paid("-12.10"), kind="discount"),
        total="131.94",
        tax={"21": "19.95", "9": "0.99", "0": "0.00"},
    )
    lines, vat = booked(stage, home, raw)
    assert lines == [
        (8200, "100.00"),
        (8210, "10.00"),
        (8240, "5.00"),
        (8202, "5.00"),
        (8212, "1.00"),
        (8204, "-10.00"),
    ]
    assert vat == {"VerkopenHoog": "19.95", "VerkopenLaag": "0.99"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"tax_strategy": "iets"}, "vat-strategy-unknown"),
        ({"tax_region": "BE"}, "vat-region-abroad"),
        (ZERO, "vat-zero-percent-place"),
        ({"tax_strategy": "reverse_charged_vat"}, "vat-reverse-charged-place"),
        ({"currency": "USD"}, "currency-not-eur"),
        ({"price": {"tax": [], "total": "121.005"}}, "amount-decimals"),
        ({"price": {"tax": [], "total": "122.00"}}, "amount-lines-total"),
        ({"price": {"tax": [], "total": "-121.00"}}, "amount-negative-total"),
        ({"price": {"tax": [{"amount": "20.00", "rate": "21"}], "total": "121.00"}}, "vat-total"),
        ({"price": {"tax": [{"amount": "9.00", "rate": "9"}], "total": "121.00"}}, "vat-rate-without-lines"),
        ({"orderlines": []}, "amount-no-lines"),
    ],
)
def test_what_contradicts_itself(stage: Stage, home: Connected, changes: Json, code: str) -> None:
    """An order whose own statements do not fit each other is refused, each with its own code."""
    assert refusal(stage, home, thing(**changes)) == code


def test_a_rate_that_does_not_exist(stage: Stage, home: Connected) -> None:
    """A percentage that the administration does not know on that day is refused."""
    assert refusal(stage, home, thing("106.00", "6", "6.00")) == "vat-rate-unknown"


def test_countries_that_cannot_be_told(stage: Stage, home: Connected) -> None:
    """A country nobody knows, and one with rules of its own, are refused."""
    for country, code in (("XYZ", "vat-country-unknown"), ("XI", "vat-territory")):
        debtor = buyer("NL", next_name(), country_code=country)
        assert refusal(stage, home, thing(debtor=debtor, tax_region="")) == code


def test_small_business_scheme(stage: Stage, kor: Connected) -> None:
    """Under the KOR nothing has VAT; with VAT, or sent abroad, it is refused."""
    assert booked(stage, kor, untaxed()) == ([(8240, "100.00")], {})
    assert refusal(stage, kor, thing()) == "vat-kor-charged"
    assert refusal(stage, kor, untaxed(**to("BE"))) == "vat-kor-abroad"


def test_reverse_charge(stage: Stage, home: Connected) -> None:
    """A supply to an EU business has no VAT entry, on the account of that function, for a relatie with the number."""
    raw = untaxed(**reversed_to("BE", "be 0428.759.497"))
    assert booked(stage, home, raw) == ([(8300, "100.00")], {})
    invoice = invoices(stage, home)[f"MWW{raw['number']}"]
    assert invoice["klant"]["btwNummer"] == BELGIAN
    assert invoice["regels"][0]["grootboekfunctie"] == "VerkopenExportBinnenEU"


@pytest.mark.parametrize("written", [{"country_code": "BEL"}, {"country_code": "", "country": "België"}])
def test_a_country_written_otherwise(stage: Stage, home: Connected, oss: Connected, written: dict[str, str]) -> None:
    """A country that tells the VAT rules is the customer's in SnelStart too, however the shop wrote it."""
    for connected, raw, lines in (
        (home, untaxed(**reversed_to("BE")), [(8300, "100.00")]),
        (oss, thing(**to("BE")), [(8320, "100.00"), (1520, "21.00")]),
    ):
        raw["debtor"]["address"]["invoice"] |= written
        assert booked(stage, connected, raw)[0] == lines
        assert not any("weggelaten" in note for note in stage.row(connected, str(raw["number"])).notes)


def test_a_number_typed_without_its_country(stage: Stage, home: Connected) -> None:
    """A valid VAT number is kept on the customer with its prefix, also where the shop's field held none."""
    raw = thing(**to("BE", BELGIAN.removeprefix("BE")) | {"tax_region": "NL"})
    booked(stage, home, raw)
    assert invoices(stage, home)[f"MWW{raw['number']}"]["klant"]["btwNummer"] == BELGIAN


def test_reverse_charge_greece(stage: Stage, home: Connected) -> None:
    """Greece is GR in an address and EL in a VAT number: SnelStart takes them together."""
    raw = untaxed(**reversed_to("GR", "EL094259216"))
    assert booked(stage, home, raw) == ([(8300, "100.00")], {})
    assert invoices(stage, home)[f"MWW{raw['number']}"]["klant"]["btwNummer"] == "EL094259216"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        (reversed_to("BE", ""), "vat-number-missing"),
        (reversed_to("BE", "BE0428759498"), "vat-number-malformed"),
        (reversed_to("BE", "NL004495445B01"), "vat-number-dutch"),
        (reversed_to("BE", GERMAN_NUMBER), "vat-number-country"),
        # Without a whole address SnelStart cannot tell that the customer is in the EU.
        (reversed_to("BE", city=""), "account-eu-not-allowed"),
        (reversed_to("US"), "vat-reverse-charged-place"),
    ],
)
def test_reverse_charge_refused(stage: Stage, home: Connected, changes: Json, code: str) -> None:
    """Without a valid number of another EU country that is the customer's own, nothing is reverse-charged."""
    assert refusal(stage, home, untaxed(**changes)) == code


def test_reverse_charge_with_vat(stage: Stage, home: Connected) -> None:
    """VAT that was charged all the same contradicts the reverse charge."""
    assert refusal(stage, home, thing(**reversed_to("BE"))) == "vat-reverse-charged-with-vat"


def test_reverse_charge_for_a_known_customer(stage: Stage, home: Connected) -> None:
    """A customer whom SnelStart knows without a VAT number: refused, and the bookkeeper's relatie left as it is."""
    raw = untaxed(**reversed_to("BE"))
    email = raw["debtor"]["email"]
    address = {"landcode": "BE", "straat": "Kerkstraat 1", "postcode": "1000", "plaats": "Brussel"}
    known = {"administration": home.administration, "naam": "Bekend", "email": email, "vestigingsAdres": address}
    stage.books.tell("relaties", known)

    def there() -> list[Any]:
        return [relatie for relatie in stage.ledger(home)["relaties"] if relatie["email"] == email]

    before = there()
    assert refusal(stage, home, raw) == "customer-without-vat-number"
    assert there() == before
    assert len(before) == 1


def test_reverse_charge_needs_its_account(stage: Stage) -> None:
    """Without an account of that function in the administration the reverse charge says which choice is missing."""
    plant = [{"nummer": 8300, "nonactief": True}, {"nummer": 8310, "nonactief": True}]
    connected = connect(stage, plant=plant)
    assert refusal(stage, connected, untaxed(**reversed_to("BE"))) == "account-not-chosen"
    assert refusal(stage, connected, untaxed(**to("US"), **ZERO)) == "account-not-chosen"


def test_export(stage: Stage, home: Connected) -> None:
    """What leaves the EU has no VAT and stands on the account of that function; with Dutch VAT it is marked."""
    assert booked(stage, home, untaxed(**to("US"), **ZERO)) == ([(8310, "100.00")], {})
    charged = thing(**to("US"))
    assert booked(stage, home, charged) == DOMESTIC
    assert invoices(stage, home)[f"MWW{charged['number']}"]["markering"] is True
    assert refusal(stage, home, untaxed(**to("BE"), **ZERO)) == "vat-zero-percent-place"


def test_consumer_abroad_below_the_threshold(stage: Stage, home: Connected) -> None:
    """With OSS off, Dutch VAT for a consumer elsewhere in the EU is domestic, with a note; foreign VAT is refused."""
    raw = thing(**to("BE") | {"tax_region": "NL"})
    assert booked(stage, home, raw) == DOMESTIC
    assert any("onder de drempel" in note for note in stage.row(home, str(raw["number"])).notes)
    assert refusal(stage, home, german()) == "oss-not-enabled"


def test_business_abroad_with_dutch_vat(stage: Stage, home: Connected, oss: Connected) -> None:
    """An EU business that was charged Dutch VAT is domestic and marked, with OSS off and on."""
    for connected in (home, oss):
        raw = thing(**to("BE", BELGIAN) | {"tax_region": "NL", "business_model": "B2B"})
        assert booked(stage, connected, raw) == DOMESTIC
        assert invoices(stage, connected)[f"MWW{raw['number']}"]["markering"] is True


def test_oss(stage: Stage, oss: Connected) -> None:
    """Revenue on the account of the country's rate code, VAT a line per rate on the foreign VAT account."""
    raw = sold(
        line(paid("119.00", "19")),
        line(paid("10.70", "7")),
        line(paid("4.76", "19"), paid("0.54", "7"), kind="shipping"),
        total="135.00",
        tax={"19": "19.76", "7": "0.74"},
        **to("DE"),
    )
    lines, vat = booked(stage, oss, raw)
    assert lines == [
        (8320, "100.00"),
        (8321, "10.00"),
        (8320, "4.00"),
        (8321, "0.50"),
        (1520, "19.76"),
        (1520, "0.74"),
    ]
    assert vat == {}


def test_oss_vat_a_cent_off(stage: Stage, oss: Connected) -> None:
    """The VAT the shop states is booked as it is within a cent per line."""
    for vat, net in (("19.01", "99.99"), ("18.99", "100.01")):
        assert booked(stage, oss, thing("119.00", "19", vat, **to("DE"))) == ([(8320, net), (1520, vat)], {})
    assert refusal(stage, oss, thing("119.00", "19", "19.02", **to("DE"))) == "vat-total"


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (thing(**to("BE") | {"tax_region": "NL"}), "oss-dutch-vat"),
        (thing("118.00", "18", "18.00", **to("DE")), "oss-rate-unknown"),
        (german(tax_region="FR"), "vat-region-abroad"),
        # The relatie's country is that of the invoice: SnelStart computes that country's VAT.
        (german(**to("BE", delivery="DE") | {"tax_region": "DE"}), "vat-refused"),
        (german(**to("DE", city="")), "account-eu-not-allowed"),
    ],
)
def test_oss_refused(stage: Stage, oss: Connected, raw: Json, code: str) -> None:
    """Dutch VAT for a consumer abroad, a rate the country does not have, or a customer elsewhere: refused."""
    assert refusal(stage, oss, raw) == code


def test_oss_needs_its_accounts(stage: Stage) -> None:
    """An account that OSS needs and that is not there, or asks for a cost centre, is named."""
    connected = connect(stage, foreign_vat=True, plant=[{"nummer": 8320, "nonactief": True}])
    assert refusal(stage, connected, german()) == "oss-account-missing"
    connected = connect(stage, foreign_vat=True, plant=[{"nummer": 1520, "nonactief": True}])
    assert refusal(stage, connected, german()) == "oss-vat-account-missing"
    connected = connect(stage, foreign_vat=True, plant=[{"nummer": 8320, "kostenplaatsVerplicht": True}])
    assert refusal(stage, connected, german()) == "account-cost-centre-required"


def test_oss_holds_in_its_ranges(stage: Stage) -> None:
    """Before the first day of the range the administration has no OSS: Dutch VAT then, German VAT from that day."""
    before, first = days_ago(20), days_ago(10)
    connected = connect(stage, foreign_vat=True, foreign_vat_ranges=[[first, ""]])
    dated = {"date": before, "time": "12:00:00"}
    assert refusal(stage, connected, german(**dated)) == "oss-not-enabled"
    assert booked(stage, connected, thing(**to("DE") | {"tax_region": "NL"}, **dated)) == DOMESTIC
    assert booked(stage, connected, german(date=first))[0] == [(8320, "100.00"), (1520, "19.00")]


def test_oss_does_not_book_on_the_collective_debtor(stage: Stage) -> None:
    """With one debtor for all consumers, a consumer under OSS still is a relatie of its own, in its country."""
    connected = connect(stage, f'{CARDS}[customers]\ncollective = "Webwinkelklanten"\n', foreign_vat=True)
    assert booked(stage, connected, thing()) == DOMESTIC
    raw = german()
    assert booked(stage, connected, raw)[0] == [(8320, "100.00"), (1520, "19.00")]
    klant = invoices(stage, connected)[f"MWW{raw['number']}"]["klant"]
    assert klant["email"] == raw["debtor"]["email"]
    # Made inactive, it is made anew, not taken for the collective one.
    relaties = {"administration": connected.administration, "id": klant["id"], "nonactief": True}
    stage.books.tell("relaties", relaties | {"email": klant["email"], "naam": klant["naam"]})
    again = german(debtor=raw["debtor"])
    assert booked(stage, connected, again)[0] == [(8320, "100.00"), (1520, "19.00")]
    assert invoices(stage, connected)[f"MWW{again['number']}"]["klant"]["id"] != klant["id"]


def test_no_email_across_the_border(stage: Stage, home: Connected, oss: Connected) -> None:
    """The relatie for orders without e-mail stands for many: what depends on who and where is refused."""
    for connected, raw in ((home, untaxed(**reversed_to("BE"))), (oss, german())):
        assert refusal(stage, connected, raw | {"debtor": raw["debtor"] | {"email": ""}}) == "customer-email-needed"


def test_gift_card_as_payment(stage: Stage, home: Connected) -> None:
    """A redeemed gift card takes its debt away; VAT is that of the whole price, and what was paid is settled."""
    raw = sold(line(paid("121.00")), CARD, total="100.00", tax={"21": "21.00"})
    assert booked(stage, home, raw) == ([(8200, "100.00"), (1360, "-21.00")], {"VerkopenHoog": "21.00"})
    assert settled(stage, home, f"MWW{raw['number']}")["betalingen"][0]["bedrag"] == "100.00"


def test_gift_card_pays_all(stage: Stage, home: Connected) -> None:
    """Paid whole by gift card: an invoice of 0.00 with all its VAT, and no settlement at all."""
    raw = sold(line(paid("121.00")), WHOLE, total="0.00", tax={"21": "21.00"}, payment=None, payment_status="")
    before = len(stage.ledger(home)["bankboekingen"])
    assert booked(stage, home, raw) == ([(8200, "100.00"), (1360, "-121.00")], {"VerkopenHoog": "21.00"})
    assert len(stage.ledger(home)["bankboekingen"]) == before


def test_gift_card_as_discount(stage: Stage) -> None:
    """Where the profile calls a gift card a discount it lowers revenue, and VAT where the shop took VAT off."""
    connected = connect(stage, f'gift_cards = "discount"\n{CARDS}')
    off = sold(line(paid("121.00")), line(paid("-12.10"), kind="gift_card"), total="108.90", tax={"21": "18.90"})
    assert booked(stage, connected, off) == ([(8200, "100.00"), (8204, "-10.00")], {"VerkopenHoog": "18.90"})
    free = sold(line(paid("121.00")), WHOLE, total="0.00", tax={"21": "21.00"})
    # The shop left all of the VAT on an invoice of nothing: it is declared.
    assert booked(stage, connected, free) == ([(8200, "100.00"), (8240, "-121.00")], {"VerkopenHoog": "21.00"})
    free = sold(line(paid("121.00")), line(paid("-121.00"), kind="gift_card"), total="0.00", tax={"21": "0.00"})
    run(stage, connected, free)
    row = stage.row(connected, str(free["number"]))
    assert (row.state, row.reason and row.reason.code) == ("skipped", "shop-zero-total")


def test_gift_card_sold(stage: Stage, home: Connected, oss: Connected) -> None:
    """Selling a gift card is a debt and no revenue, at home, under the KOR's 0 % and to a consumer abroad."""
    card = line(paid("50.00", "0"), kind="gift_card")
    assert booked(stage, home, sold(card, total="50.00", tax={"0": "0.00"})) == ([(1360, "50.00")], {})
    assert booked(stage, oss, sold(card, total="50.00", tax={}, **to("DE"))) == ([(1360, "50.00")], {})


def test_gift_card_under_oss(stage: Stage, oss: Connected) -> None:
    """Redeemed by a consumer abroad, a gift card pays and lowers no VAT."""
    raw = sold(line(paid("119.00", "19")), CARD, total="98.00", tax={"19": "19.00"}, **to("DE"))
    assert booked(stage, oss, raw)[0] == [(8320, "100.00"), (1360, "-21.00"), (1520, "19.00")]


def test_gift_card_refused(stage: Stage, home: Connected) -> None:
    """VAT taken off over a payment, and gift cards without an account for them, are refused."""
    off = sold(line(paid("121.00")), line(paid("-12.10"), kind="gift_card"), total="108.90", tax={"21": "18.90"})
    assert refusal(stage, home, off) == "amount-gift-card-vat"
    without = connect(stage, "")
    assert refusal(stage, without, sold(line(paid("121.00")), CARD, total="100.00", tax={})) == "account-not-chosen"
