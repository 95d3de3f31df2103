"""Closed periods: refused and never moved, or booked on the first open day where the profile says so."""

from datetime import date, datetime

import pytest

from tests.booking.world import line, paid
from tests.exactly_once.rig import AMSTERDAM, Stage
from tests.regimes.winkel import (
    CANCELLED,
    CARDS,
    Json,
    booked,
    buyer,
    connect,
    credit_of,
    days_ago,
    invoices,
    next_name,
    refusal,
    run,
    settled,
    thing,
)

OPEN_DAY = f'closed_period = "first-open-day"\n{CARDS}'
OPTIONS = {"blocked": "period-blocked", "vat_filed": "period-vat-filed", "accountant": "period-accountant-lock"}
TODAY = datetime.now(AMSTERDAM).date()


def month(back: int) -> date:
    """The first day of the month so many months ago."""
    months = TODAY.year * 12 + TODAY.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def of(day: date) -> Json:
    """The date of an order of this day."""
    return {"date": day.isoformat(), "time": "12:00:00"}


def through(first: date, after: date) -> list[list[str]]:
    """A closed period from `first` up to but not including `after`."""
    return [[first.isoformat(), date.fromordinal(after.toordinal() - 1).isoformat()]]


@pytest.mark.parametrize("option", OPTIONS)
def test_refused(stage: Stage, option: str) -> None:
    """A closed day is refused with the code of who closed it, and the invoice goes nowhere else."""
    options: Json = {option: through(month(3), month(1))}
    connected = connect(stage, **options)
    raw = thing(**of(month(2)))
    assert refusal(stage, connected, raw) == OPTIONS[option]
    assert invoices(stage, connected) == {}
    # The period is opened again: the order is booked on its own day.
    stage.books.tell(f"administrations/{connected.administration}", {option: []})
    booked(stage, connected, raw)
    assert invoices(stage, connected)[f"MWW{raw['number']}"]["factuurdatum"].startswith(month(2).isoformat())


@pytest.mark.parametrize("option", OPTIONS)
def test_first_open_day(stage: Stage, option: str) -> None:
    """Where the profile says so: the first day of the first open month, said in the notes and in the books."""
    options: Json = {option: through(month(4), month(1))}
    connected = connect(stage, OPEN_DAY, **options)
    raw = thing(**of(month(3)))
    booked(stage, connected, raw)
    number = str(raw["number"])
    invoice = settled(stage, connected, f"MWW{number}")
    assert invoice["factuurdatum"].startswith(month(1).isoformat())
    assert "factuur van" in invoice["omschrijving"]
    assert invoice["betalingen"][0]["datum"].startswith(month(1).isoformat())
    assert any("is gesloten; de factuur is geboekt op" in note for note in stage.row(connected, number).notes)


def test_today_is_the_first_open_day(stage: Stage) -> None:
    """When everything before today is closed, today it is; when today is closed as well, it is refused."""
    connected = connect(stage, OPEN_DAY, blocked=through(month(4), TODAY))
    raw = thing(**of(month(1)))
    booked(stage, connected, raw)
    assert invoices(stage, connected)[f"MWW{raw['number']}"]["factuurdatum"].startswith(TODAY.isoformat())
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": [[days_ago(400), "2999-12-31"]]})
    assert refusal(stage, connected, thing(**of(month(1)))) == "period-blocked"
    assert refusal(stage, connected, thing()) == "period-blocked"


def test_a_lost_answer_on_the_way_to_an_open_day(stage: Stage) -> None:
    """The answer to the second try is lost: the invoice is found where it went and settled, not sent once more."""
    connected = connect(stage, OPEN_DAY, blocked=through(month(4), month(1)))
    raw = thing(**of(month(3)))
    number = str(raw["number"])
    stage.place(connected, raw)
    opened = f'"factuurdatum": "{month(1).isoformat()}'
    stage.trouble(connected, "cut-after", "/verkoopboekingen", body_contains=opened)
    assert stage.deliver(connected, number) is not None
    assert stage.row(connected, number).state == "failed"
    stage.time_passes(connected)
    stage.until_done(connected, number)
    assert list(invoices(stage, connected)) == [f"MWW{number}"]
    assert settled(stage, connected, f"MWW{number}")["factuurdatum"].startswith(month(1).isoformat())
    assert any("is gesloten" in note for note in stage.row(connected, number).notes)


def test_a_customer_made_inactive_and_a_closed_period(stage: Stage) -> None:
    """Two reasons at once: the customer is made anew and the invoice goes to the first open day."""
    connected = connect(stage, OPEN_DAY)
    debtor = buyer("NL", next_name())
    first = thing(debtor=debtor)
    booked(stage, connected, first)
    klant = invoices(stage, connected)[f"MWW{first['number']}"]["klant"]
    inactive = {"administration": connected.administration, "id": klant["id"], "email": klant["email"]}
    stage.books.tell("relaties", inactive | {"naam": klant["naam"], "nonactief": True})
    closed = through(month(4), month(1))
    stage.books.tell(f"administrations/{connected.administration}", {"blocked": closed})
    again = thing(debtor=debtor, **of(month(2)))
    booked(stage, connected, again)
    invoice = invoices(stage, connected)[f"MWW{again['number']}"]
    assert invoice["factuurdatum"].startswith(month(1).isoformat())
    assert invoice["klant"]["id"] != klant["id"]


def test_a_credit_order_in_a_closed_period(stage: Stage) -> None:
    """A credit order of a closed day is refused or goes to the first open day, as a sale does."""
    for profile, expected in ((CARDS, "refused"), (OPEN_DAY, "credited")):
        connected = connect(stage, profile)
        sale = thing(**of(month(3)))
        booked(stage, connected, sale)
        closed = through(month(4), month(1))
        stage.books.tell(f"administrations/{connected.administration}", {"vat_filed": closed})
        tax = {"21": "21.00"}
        raw = credit_of(str(sale["number"]), line(paid("121.00")), total="121.00", tax=tax, **of(month(2)))
        credit = run(stage, connected, raw)
        row = stage.row(connected, credit)
        assert row.state == expected
        if expected == "refused":
            assert row.reason is not None
            assert row.reason.code == "period-vat-filed"
        else:
            assert settled(stage, connected, f"MWW{credit}")["factuurdatum"].startswith(month(1).isoformat())


def test_a_reversal_stands_on_the_day_it_is_made(stage: Stage) -> None:
    """A cancelled order of a period that is closed by now is taken back today; what was filed stays as it was."""
    connected = connect(stage)
    sale = thing(**of(month(3)))
    booked(stage, connected, sale)
    number = str(sale["number"])
    closed = through(month(4), month(1))
    stage.books.tell(f"administrations/{connected.administration}", {"vat_filed": closed})
    stage.change(connected, number, status=CANCELLED)
    assert stage.deliver(connected, number) is None
    assert settled(stage, connected, f"MWW{number}C")["factuurdatum"].startswith(TODAY.isoformat())
    assert stage.row(connected, number).state == "credited"


@pytest.mark.parametrize("profile", [CARDS, OPEN_DAY])
def test_too_old(stage: Stage, profile: str) -> None:
    """More than five years before the book year: skipped, wherever a closed period would be booked."""
    connected = connect(stage, profile, huidig_boekjaar=TODAY.year + 5)
    number = run(stage, connected, thing(**of(date(TODAY.year - 1, 12, 31))))
    row = stage.row(connected, number)
    assert (row.state, row.reason and row.reason.code) == ("skipped", "period-too-old")
    assert invoices(stage, connected) == {}
