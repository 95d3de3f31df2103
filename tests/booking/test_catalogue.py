import ast
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from koppeling import reasons, reasons_own, reasons_services
from koppeling.catalogue import FACTS, REASONS, euro, facts_of, from_snelstart, on, percentage, reason, without
from koppeling.snelstart.errors import refused
from koppeling.transport import Answer

ROOT = Path(__file__).resolve().parents[2]
PREFIXES = (
    *("amount-", "currency-", "vat-", "vat-number-", "oss-", "customer-", "account-", "journal-", "number-"),
    *("period-", "shop-", "snelstart-", "koppeling-"),
)


@pytest.mark.parametrize("code", sorted(REASONS))
def test_every_reason_can_be_told(code: str) -> None:
    """Each code, with exactly its facts, gives a whole Dutch sentence and an advice to somebody."""
    told = reason(code, **dict.fromkeys(facts_of(code), "12"))
    assert told.code == code
    assert told.code.startswith(PREFIXES)
    assert told.whose in ("owner", "bookkeeper", "operator")
    for text in (told.sentence, told.advice):
        assert text.endswith(".")
        assert "{" not in text
        assert len(text) < 200


def test_facts_name_nobody() -> None:
    """Facts come from a closed list, in which no name, address or e-mail address occurs."""
    used = frozenset[str]().union(*(facts_of(code) for code in REASONS))
    assert used == FACTS
    assert not used & {"name", "email", "company", "address", "phone", "customer"}


def test_missing_and_superfluous_facts() -> None:
    """A fact too many or too few, or an unknown code, is our mistake and raises."""
    with pytest.raises(ValueError, match="account-unknown"):
        reason("account-unknown", account=8000)
    with pytest.raises(ValueError, match="shop-test-order"):
        reason("shop-test-order", account=8000)
    with pytest.raises(KeyError):
        reason("no-such-code")


def test_one_catalogue() -> None:
    """The parts of the catalogue share no code."""
    assert len(REASONS) == len(reasons.REASONS) + len(reasons_services.REASONS) + len(reasons_own.REASONS)


def calls() -> list[tuple[str, int, str, frozenset[str]]]:
    """Every call of `reason` with a code written out: file, line, code and the facts given."""
    found = []
    for folder in ("shared/koppeling", "functions", "ops"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
                    continue
                name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                if name == "reason" and isinstance(node.args[0].value, str):
                    facts = frozenset(keyword.arg for keyword in node.keywords if keyword.arg)
                    found.append((path.name, node.lineno, node.args[0].value, facts))
    return found


def test_every_call_gives_the_facts() -> None:
    """Every place in the code that gives a reason names an existing code with exactly its facts."""
    found = calls()
    assert len(found) > 30
    wrong = [call for call in found if call[2] not in REASONS or facts_of(call[2]) != call[3]]
    assert wrong == []


@pytest.mark.parametrize(
    ("error_code", "code", "whose"),
    [
        ("BOE-0008", "account-refused", "bookkeeper"),
        ("BOE-0021", "number-taken", "bookkeeper"),
        ("BOE-0022", "account-cost-centre-refused", "bookkeeper"),
        ("BOE-0028", "snelstart-request-faulty", "operator"),
        ("BOE-0042", "period-blocked", "bookkeeper"),
        ("BOE-0046", "period-vat-filed", "bookkeeper"),
        ("BOE-0051", "period-accountant-lock", "bookkeeper"),
        ("BOE-0054", "customer-inactive", "bookkeeper"),
        ("BOE-0082", "vat-refused", "bookkeeper"),
        ("BOE-0024", "journal-refused", "bookkeeper"),
        ("BOE-0096", "journal-refused", "bookkeeper"),
        ("ALG-0105", "journal-refused", "bookkeeper"),
        ("REL-0088", "vat-number-invalid", "owner"),
        ("REL-9999", "customer-refused", "owner"),
        ("BOE-9999", "snelstart-refused", "operator"),
        ("", "snelstart-refused", "operator"),
    ],
)
def test_snelstart_codes(error_code: str, code: str, whose: str) -> None:
    """Each of SnelStart's codes means one of ours; what is not in the table keeps its code and message."""
    told = from_snelstart(error_code, "Het kan niet", booked_on=date(2026, 11, 23), invoice_number="MWW1")
    assert (told.code, told.whose) == (code, whose)


def test_unknown_codes_are_kept() -> None:
    """An unknown refusal carries SnelStart's code and message, without what may be personal in it."""
    told = from_snelstart("BOE-9999", "Klant k@example.org met NL39RABO0300065264 mag niet op '8000'")
    assert "BOE-9999: Klant … met … mag niet op '8000'" in told.sentence
    assert "Jansen" not in from_snelstart("REL-9999", "De naam 'Jansen' is te kort").sentence


@pytest.mark.parametrize("spare", range(-5, 20))
def test_a_long_message_ends_with_no_half_name(spare: int) -> None:
    """Wherever a message of SnelStart is cut off: half a name is not recognised as one, so it is left out."""
    message = f"{'x' * (270 - spare)} de naam is Wilhelmina Oosterveld-Hagedoorn"
    refusal = refused(Answer(400, [{"errorCode": "REL-0007", "message": message}], None))
    told = without(refusal.reason, ("Wilhelmina", "Oosterveld-Hagedoorn")).sentence
    assert "de naam is" in told
    assert not {"Wil", "Oost"} & {word[:length] for word in told.split() for length in (3, 4)}


def test_a_long_quotation_is_taken_out_whole() -> None:
    """Somebody quoted who is not on the order, where the message is cut off: not a word of it stays."""
    message = f"{'x' * 270} bestaat al voor 'Wilhelmina van den Oosterveld-Hagedoorn te Nieuwveen', zie daar"
    told = refused(Answer(400, [{"errorCode": "REL-0007", "message": message}], None)).reason.sentence
    assert "bestaat al voor …" in told
    assert "Wilhelmina" not in told


def test_dutch_figures() -> None:
    """Amounts, rates and dates read as a Dutch reader writes them."""
    assert euro(Decimal("1234567.5")) == "€ 1.234.567,50"
    assert euro(Decimal("-0.1")) == "€ -0,10"
    assert euro(Decimal("1.215")) == "€ 1,215"
    assert percentage(Decimal("5.50")) == "5,5%"
    assert percentage(Decimal("21.000")) == "21%"
    assert on(date(2026, 11, 3)) == "3 november 2026"
