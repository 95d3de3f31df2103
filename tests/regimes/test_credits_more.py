"""Taking back where something stands in the way: a rate that is gone, a rest, a credit order that is refused."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from koppeling import clock, onboard
from koppeling.connections import partition
from koppeling.table import Key
from tests.booking.world import line, paid
from tests.exactly_once.rig import Connected, Stage
from tests.regimes.crediting import paid_order, state
from tests.regimes.test_periods import OPEN_DAY
from tests.regimes.winkel import (
    CANCELLED,
    CARDS,
    Json,
    booked,
    connect,
    content,
    credit_of,
    days_ago,
    german,
    invoices,
    of,
    on,
    refusal,
    reversed_to,
    run,
    settled,
    thing,
    to,
    untaxed,
)

HALF: Json = {"total": "60.50", "tax": {"21": "10.50"}}
WHOLE: Json = {"total": "121.00", "tax": {"21": "21.00"}}


@pytest.fixture(scope="module")
def home(module_stage: Stage) -> Connected:
    """An ordinary administration."""
    return connect(module_stage)


@pytest.fixture(scope="module")
def long_ago(module_stage: Stage) -> Connected:
    """An administration that is still in the book year 2019, and books orders of the year before."""
    return back_then(module_stage)


def back_then(stage: Stage, profile: str = CARDS, **options: Any) -> Connected:  # noqa: ANN401 -- any option
    """A connection to an administration of 2019 whose orders begin in 2018."""
    connected = connect(stage, profile, huidig_boekjaar=2019, **options)
    onboard.change_profile(stage.table, connected.connection, "start_date = 2018-01-01\n")
    return connected


def told(stage: Stage, connected: Connected, number: str) -> str:
    """The order's reason as people read it."""
    reason = stage.row(connected, number).reason
    assert reason is not None
    return f"{reason.sentence} {reason.advice}"


def old(gross: str = "106.00", vat: str = "6.00", rate: str = "6", day: str = "2018-12-28") -> Json:
    """An order of the last days of the 6 %."""
    return thing(gross, rate, vat, **on(day))


def old_credit(number: str, gross: str = "106.00", vat: str = "6.00") -> Json:
    """A credit order of 2019 of such an order."""
    return credit_of(number, line(paid(gross, "6")), total=gross, tax={"6": vat}, **on("2019-01-04"))


def test_a_credit_at_a_rate_that_is_gone(stage: Stage, long_ago: Connected) -> None:
    """The rate of the supply counts, SnelStart takes that of the booking's day: refused, with what to do."""
    number = paid_order(stage, long_ago, old())
    credit = old_credit(number)
    assert refusal(stage, long_ago, credit) == "vat-rate-past"
    assert "6%" in told(stage, long_ago, str(credit["number"]))
    assert "4 januari 2019" in told(stage, long_ago, str(credit["number"]))
    assert state(stage, long_ago, number) == ("paid", None)


def test_a_credit_at_a_rate_that_is_gone_within_snelstarts_tolerance(stage: Stage, long_ago: Connected) -> None:
    """Where SnelStart takes the VAT as it stands on the invoice, it is booked so, under the kind of the supply."""
    number = paid_order(stage, long_ago, old("0.53", "0.03"))
    credit = run(stage, long_ago, old_credit(number, "0.53", "0.03"))
    assert content(settled(stage, long_ago, f"MWW{credit}")) == ([(8210, "-0.50")], {"VerkopenLaag": "-0.03"})
    assert [state(stage, long_ago, each)[0] for each in (number, credit)] == ["credited", "credited"]
    assert any("6% geldt niet meer op 4 januari 2019" in note for note in stage.row(long_ago, credit).notes)


def test_a_credit_at_the_rate_of_its_own_day(stage: Stage, long_ago: Connected) -> None:
    """A credit order at the new rate is booked at the new rate, whatever the sale's was."""
    number = paid_order(stage, long_ago, old("109.00", "6.17"))
    raw = credit_of(number, line(paid("54.50", "9")), total="54.50", tax={"9": "4.50"}, **on("2019-01-04"))
    credit = run(stage, long_ago, raw)
    assert content(settled(stage, long_ago, f"MWW{credit}"))[1] == {"VerkopenLaag": "-4.50"}


def test_a_rate_that_never_was(stage: Stage, long_ago: Connected) -> None:
    """A rate that neither day knows is refused as unknown."""
    number = paid_order(stage, long_ago, old())
    raw = credit_of(number, line(paid("108.00", "8")), total="108.00", tax={"8": "8.00"}, **on("2019-01-04"))
    assert refusal(stage, long_ago, raw) in ("vat-rate-unknown", "amount-credit-exceeds")
    raw = credit_of(number, line(paid("54.00", "8")), total="54.00", tax={"8": "4.00"}, **on("2019-01-04"))
    assert refusal(stage, long_ago, raw) == "vat-rate-unknown"


def test_a_reversal_at_a_rate_that_is_gone(stage: Stage, long_ago: Connected) -> None:
    """An order of the old rate that is cancelled now is refused with the same reason, and its sale stays."""
    number = paid_order(stage, long_ago, old())
    stage.change(long_ago, number, status=CANCELLED)
    assert stage.deliver(long_ago, number) is None
    assert state(stage, long_ago, number) == ("refused", "vat-rate-past")
    assert of(stage, long_ago, number) == [f"MWW{number}"]


def test_a_credit_of_a_sale_from_before_oss(stage: Stage) -> None:
    """SnelStart takes no Dutch VAT for a consumer abroad once OSS is on: the reason says so, and the sale stays."""
    before, first = days_ago(20), days_ago(10)
    connected = connect(stage, foreign_vat=True, foreign_vat_ranges=[[first, ""]])
    abroad = to("BE") | {"tax_region": "NL"}
    number = paid_order(stage, connected, thing(**abroad, **on(before)))
    credit = credit_of(number, line(paid("60.50")), **HALF, **abroad)
    assert refusal(stage, connected, credit) == "oss-changed"
    assert "gelden voor BE andere btw-regels (OSS)" in told(stage, connected, str(credit["number"]))
    assert state(stage, connected, number) == ("paid", None)


def test_a_credit_of_a_sale_under_oss_that_ended(stage: Stage) -> None:
    """The other way about: another country's VAT is not turned into Dutch VAT by crediting it."""
    connected = connect(stage, foreign_vat=True, foreign_vat_ranges=[["2025-01-01", days_ago(10)]])
    number = paid_order(stage, connected, german(**on(days_ago(20))))
    credit = credit_of(number, line(paid("59.50", "19")), total="59.50", tax={"19": "9.50"}, **to("DE"))
    assert refusal(stage, connected, credit) == "oss-changed"
    assert state(stage, connected, number) == ("paid", None)


def test_moved_past_the_end_of_a_rate(stage: Stage) -> None:
    """A sale of a closed December at 6 % cannot stand in January: refused with that reason, not booked at 9 %."""
    connected = back_then(stage, OPEN_DAY, blocked=[["2018-12-01", "2018-12-31"]])
    assert refusal(stage, connected, old()) == "vat-rate-past"
    assert invoices(stage, connected) == {}


@pytest.mark.parametrize("change", [{"status": CANCELLED}, {"payment_status": "refunded"}])
def test_the_rest_of_a_cancelled_order_is_told(stage: Stage, home: Connected, change: Json) -> None:
    """Partly credited, then cancelled or refunded whole: paid, with what is left and what to do; never booked by us."""
    number = paid_order(stage, home)
    credit = run(stage, home, credit_of(number, line(paid("60.50")), **HALF))
    stage.change(home, number, **change)
    assert stage.deliver(home, number) is None
    assert state(stage, home, number) == ("paid", "shop-partly-credited")
    assert "van de € 121,00 is € 60,50 niet" in told(stage, home, number)
    assert of(stage, home, number) == sorted((f"MWW{number}", f"MWW{credit}"))
    # Part of the rest, then all of it: renewed, and gone.
    run(stage, home, credit_of(number, line(paid("12.10")), total="12.10", tax={"21": "2.10"}))
    assert "is € 48,40 niet" in told(stage, home, number)
    run(stage, home, credit_of(number, line(paid("48.40")), total="48.40", tax={"21": "8.40"}))
    assert state(stage, home, number) == ("credited", None)


def test_the_rest_of_a_cancelled_order_whose_credit_order_is_listed(stage: Stage, home: Connected) -> None:
    """Told as soon as it is cancelled, and no longer once the credit order of all of it is in the books."""
    number = paid_order(stage, home)
    raw = credit_of(number, line(paid("121.00")), **WHOLE)
    credit = str(raw["number"])
    stage.place(home, raw)
    stage.change(home, number, status=CANCELLED, credit_order_numbers=[int(credit)])
    assert stage.deliver(home, number) is None
    assert state(stage, home, number) == ("paid", "shop-partly-credited")
    assert [message.order_number for message in stage.queued()] == [credit]
    assert stage.deliver(home, credit) is None
    assert [state(stage, home, each) for each in (number, credit)] == [("credited", None)] * 2


def test_a_cancelled_order_that_is_restored_has_no_rest(stage: Stage, home: Connected) -> None:
    """Restored in the shop, a partly credited order is an ordinary paid one again."""
    number = paid_order(stage, home)
    run(stage, home, credit_of(number, line(paid("60.50")), **HALF))
    for status, code in ((CANCELLED, "shop-partly-credited"), (4, None)):
        stage.change(home, number, status=status)
        assert stage.deliver(home, number) is None
        assert state(stage, home, number) == ("paid", code)


def test_a_refused_credit_order_and_a_cancellation(stage: Stage) -> None:
    """A refused credit order keeps its order from being reversed as well; the order says so until it is booked."""
    connected = connect(stage)
    number = paid_order(stage, connected)
    options = f"administrations/{connected.administration}"
    stage.books.tell(options, {"blocked": [["2000-01-01", "2999-12-31"]]})
    credit = run(stage, connected, credit_of(number, line(paid("121.00")), **WHOLE))
    assert state(stage, connected, credit) == ("refused", "period-blocked")
    stage.change(connected, number, status=CANCELLED)
    assert stage.deliver(connected, number) is None
    assert state(stage, connected, number) == ("paid", "shop-partly-credited")
    assert "is € 121,00 niet" in told(stage, connected, number)
    assert "geweigerd" in told(stage, connected, number)
    stage.books.tell(options, {"blocked": []})
    assert stage.deliver(connected, credit) is None
    assert of(stage, connected, number) == sorted((f"MWW{number}", f"MWW{credit}"))
    assert [state(stage, connected, each) for each in (number, credit)] == [("credited", None)] * 2


def test_a_credit_order_that_waits_for_its_settlement_is_not_told_as_a_rest(stage: Stage) -> None:
    """A credit order that is booked and not yet settled is credited already: nobody is told to book it by hand."""
    connected = connect(stage)
    number = paid_order(stage, connected)
    raw = credit_of(number, line(paid("121.00")), **WHOLE)
    credit = str(raw["number"])
    stage.place(connected, raw)
    stage.trouble(connected, "refused", "/bankboekingen", error_code="BOE-0008")
    assert stage.deliver(connected, credit) is None
    assert state(stage, connected, credit)[0] == "booked"
    stage.change(connected, number, status=CANCELLED)
    assert stage.deliver(connected, number) is None
    assert state(stage, connected, number) == ("paid", None)
    assert stage.deliver(connected, credit) is None
    assert state(stage, connected, number) == ("credited", None)


@pytest.fixture
def later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Callable[[Connected], None]:
    """Another worker, ten minutes after the reference data was read: it takes that from the table."""

    def passes(connected: Connected) -> None:
        key = Key(partition(connected.id), "CHART")
        row = stage.table.get(key)
        assert row is not None
        stage.table.put(row | {"read_at": clock.iso(clock.now() - timedelta(minutes=10))})
        monkeypatch.setattr("koppeling.charts._memory", {})

    return passes


def credited(stage: Stage, connected: Connected, number: str) -> str:
    """Have the whole order credited; the credit's number."""
    return run(stage, connected, credit_of(number, line(paid("121.00")), **WHOLE))


def cancelled(stage: Stage, connected: Connected, number: str) -> str:
    """Have the order cancelled; its own number."""
    stage.change(connected, number, status=CANCELLED)
    assert stage.deliver(connected, number) is None
    return number


@pytest.mark.parametrize("take_back", [credited, cancelled])
def test_an_account_that_is_no_longer_there(
    stage: Stage, later: Callable[[Connected], None], take_back: Callable[[Stage, Connected, str], str]
) -> None:
    """SnelStart no longer knows what was read: read anew, the account named, and taken back once another is chosen."""
    connected = connect(stage)
    number = paid_order(stage, connected)
    stage.books.tell("grootboeken", {"administration": connected.administration, "nummer": 8200, "nonactief": True})
    stage.trouble(connected, "404", "/verkoopboekingen")
    later(connected)
    back = take_back(stage, connected, number)
    assert state(stage, connected, back) == ("refused", "account-inactive")
    onboard.change_profile(stage.table, connected.connection, "[accounts]\nrevenue_high = 8202\n")
    assert stage.deliver(connected, back) is None
    assert [state(stage, connected, each) for each in (back, number)] == [("credited", None)] * 2
    assert len(of(stage, connected, number)) == 2


UNCURABLE = {
    "vat-total": lambda: thing(price={"tax": [{"amount": "20.00", "rate": "21"}], "total": "121.00"}),
    "vat-number-missing": lambda: untaxed(**reversed_to("BE", "")),
    "vat-strategy-unknown": lambda: thing(tax_strategy="iets"),
    "vat-zero-percent-place": lambda: untaxed(**to("BE"), tax_strategy="zero_percent"),
}


@pytest.mark.parametrize("code", UNCURABLE)
def test_a_refusal_that_no_account_cures_costs_no_reading(
    stage: Stage, home: Connected, later: Callable[[Connected], None], code: str
) -> None:
    """What only the shop can mend is refused without asking SnelStart for anything."""
    later(home)
    stage.books.tell("calls/reset")
    assert refusal(stage, home, UNCURABLE[code]()) == code
    assert stage.books.ask("calls", administration=home.administration)["total"] == 0


def test_a_refusal_that_newer_reference_data_cures(stage: Stage, later: Callable[[Connected], None]) -> None:
    """KOR that was switched off a minute ago is read anew before an order is refused over it."""
    connected = connect(stage, kor=True)
    stage.books.tell(f"administrations/{connected.administration}", {"kor": False})
    later(connected)
    booked(stage, connected, thing())


def test_a_credit_order_that_waited_too_long(stage: Stage, home: Connected) -> None:
    """After ninety days of waiting for its original it is skipped with a reason about that, not about its payment.

    However old it was when it came: a history that is imported begins to wait then.
    """
    number = run(stage, home, thing(currency="USD"))
    stage.place(home, raw := credit_of(number, line(paid("121.00")), **WHOLE, **on(days_ago(91))))
    credit = str(raw["number"])
    stage.deliver(home, credit)
    assert state(stage, home, credit) == ("waiting", "shop-credit-waits")
    stage.time_passes(home, 91 * 86_400)
    stage.deliver(home, credit)
    assert state(stage, home, credit) == ("skipped", "shop-credit-waited-too-long")
    assert f"bestelling {number}" in told(stage, home, credit)


def test_a_gift_card_sold_where_redeeming_is_a_discount(stage: Stage) -> None:
    """A debt that would never go is not booked: refused, with the choice to make."""
    connected = connect(stage, f'gift_cards = "discount"\n{CARDS}')
    raw = thing("50.00", "0", "0.00")
    raw["orderlines"] = [line(paid("50.00", "0"), kind="gift_card")]
    assert refusal(stage, connected, raw) == "amount-gift-card-sold"
    onboard.change_profile(stage.table, connected.connection, 'gift_cards = "payment"\n')
    assert booked(stage, connected, raw) == ([(1360, "50.00")], {})


def test_reverse_charge_once_the_relatie_has_its_number(stage: Stage, home: Connected) -> None:
    """Refused for the relatie that was there without a VAT number, and booked on it once that is filled in."""
    raw = untaxed(**reversed_to("BE"))
    address = {"landcode": "BE", "straat": "Kerkstraat 1", "postcode": "1000", "plaats": "Brussel"}
    known = {"administration": home.administration, "naam": "Bekend", "email": raw["debtor"]["email"]}
    made = stage.books.tell("relaties", known | {"vestigingsAdres": address})
    assert refusal(stage, home, raw) == "customer-without-vat-number"
    changed = {
        "id": made["id"],
        "vestigingsAdres": address,
        "btwNummer": raw["debtor"]["address"]["invoice"]["taxnumber"],
    }
    stage.books.tell("relaties", known | changed)
    assert booked(stage, home, raw) == ([(8300, "100.00")], {})
    assert invoices(stage, home)[f"MWW{raw['number']}"]["klant"]["id"] == made["id"]
