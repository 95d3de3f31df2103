"""The documents say what is so. `python -m tests.test_docs` writes the guide's tables of reasons from the catalogue."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import typer

from koppeling.booking.ledgers import GIFT_CARDS
from koppeling.booking.profile import Accounts, Profile
from koppeling.catalogue import FACTS, REASONS, facts_of, reason
from ops.cli import app
from ops.views import STATES

ROOT = Path(__file__).resolve().parent.parent
README, GUIDE, DECISIONS = ROOT / "README.md", ROOT / "docs" / "handleiding.md", ROOT / "docs" / "decisions.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
PRIVACY = ROOT / "docs" / "privacy.md"
BEGIN, END = "<!-- redenen: begin -->", "<!-- redenen: einde -->"

# The beginnings of the codes, in the guide's order, and what they are about.
GROUPS: Final = {
    "amount": "Bedragen",
    "currency": "Munt",
    "vat": "Btw",
    "oss": "Verkoop elders in de EU",
    "customer": "Klant",
    "account": "Grootboeken en kostenplaatsen",
    "journal": "Dagboeken",
    "number": "Factuurnummers",
    "period": "Perioden",
    "shop": "Webwinkel",
    "snelstart": "SnelStart",
    "koppeling": "De koppeling zelf",
}
# The goals in the README, in its order, each with its figure and facts of `make bench`.
GOALS: Final = (
    ("worker", "worker, a new customer, x its calls made bare"),
    ("worker", "worker, a known customer, x its calls made bare"),
    ("worker", "worker, ten at once, new customers, x its calls made bare"),
    ("webhook", "webhook, x a bare handler"),
    ("imports", "import, webhook handler"),
    ("polling", "idle poll of 10,000, shop calls each", "idle poll of 10,000, SnelStart calls"),
    ("polling", "functions for 10,000 polls in 15 minutes"),
    ("fairness", "its p95 in the first 20 s, x alone"),
    ("fairness", "quiet shop's p95 beside a noisy one, x alone"),
    ("fairness", "its p95 after a flood of webhooks, x alone"),
    ("cost", "DynamoDB write units, new customer"),
    ("cost", "DynamoDB write units, known customer"),
)
READERS: Final = {"owner": "winkelier", "bookkeeper": "boekhouder"}

EXAMPLES: Final[dict[str, str | int]] = {
    "account": 8000,
    "amount": "€ 25,00",
    "booked": "€ 120,00",
    "captured": "€ 121,00",
    "choice": "omzet hoog (revenue_high)",
    "computed": "€ 20,00",
    "cost_centre": 10,
    "country": "BE",
    "currency": "USD",
    "date": "23 november 2026",
    "days": 90,
    "error_code": "BOE-0000",
    "expected": "€ 121,00",
    "field": "price.total",
    "invoice_number": "MWW1001",
    "journal": 1103,
    "kind": "Hoog",
    "length": 26,
    "lines": "€ 120,00",
    "message": "toelichting van SnelStart",
    "of": "1001",
    "open": "€ 21,00",
    "payment": "mollie:ideal",
    "payment_status": "pending",
    "rate": "21%",
    "refunded": "€ 21,00",
    "scope": "boekhouden:write",
    "start_date": "1 december 2026",
    "stated": "€ 21,00",
    "status": "In behandeling",
    "total": "€ 121,00",
}

# Where a general example would make no sense.
BETTER_EXAMPLES: Final[dict[str, dict[str, str | int]]] = {
    "account-function-mismatch": {"choice": "omzet binnen de EU (revenue_eu)"},
    "amount-decimals": {"total": "€ 121,005"},
    "amount-negative-total": {"total": "€ -121,00"},
    "number-too-long": {"invoice_number": "WEBWINKELFACTUUR0000001001"},
    "oss-account-missing": {"kind": "SR", "rate": "19%", "country": "DE"},
    "oss-rate-unknown": {"rate": "22%"},
    "shop-cancelled": {"status": "Geannuleerd"},
    "snelstart-scope-missing": {"scope": "bankieren:write"},
    "vat-rate-unknown": {"rate": "6%"},
    "vat-reverse-charged-place": {"country": "CH"},
    "vat-territory": {"country": "XI"},
}


def tables() -> str:
    """The guide's tables: every reason an owner or a bookkeeper can be given, filled in with made-up facts."""
    return "\n".join(line for group, title in GROUPS.items() for line in _table(group, title))


def _table(group: str, title: str) -> Iterator[str]:
    codes = [code for code, (_, _, whose) in REASONS.items() if code.split("-")[0] == group and whose in READERS]
    if not codes:
        return
    yield from ("", f"### {title}", "", "| code | wat er aan de hand is | wat u doet | wie |", "|---|---|---|---|")
    for code in sorted(codes):
        examples = EXAMPLES | BETTER_EXAMPLES.get(code, {})
        told = reason(code, **{fact: examples[fact] for fact in facts_of(code)})
        yield f"| `{code}` | {told.sentence} | {told.advice} | {READERS[told.whose]} |"


def _between(text: str) -> tuple[str, str, str]:
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return before, inside, after


def _code(text: str) -> str:
    """What stands in code, in blocks and within lines."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE))
    return "\n".join((*blocks, *inline))


def _template_names(section: str) -> set[str]:
    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    block = re.search(rf"^{section}:\n((?:  .*\n|\n)+)", text, re.MULTILINE)
    assert block
    return set(re.findall(r"^  (\w+):$", block[1], re.MULTILINE))


def _rows_after(heading: str) -> set[str]:
    """The names in the first column of the table that follows this line of the README."""
    table = README.read_text(encoding="utf-8").partition(heading)[2].strip().partition("\n\n")[0]
    return {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}


def test_make_targets_exist() -> None:
    """Every `make` target that the README names can be made, and every one there is, is named."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):(?!=)", makefile, re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)$", _code(README.read_text(encoding="utf-8")), re.MULTILINE))
    assert named == targets


def test_commands_exist() -> None:
    """Every `koppeling` command and option that the README names exists, and every command there is, is named."""
    commands: dict[str, Any] = vars(typer.main.get_command(app))["commands"]
    found = re.findall(
        r"^koppeling(?: --stack \S+)? ([a-z]+)(.*)$", _code(README.read_text(encoding="utf-8")), re.MULTILINE
    )
    assert {command for command, _ in found} == commands.keys()
    for command, rest in found:
        options = {option for parameter in commands[command].params for option in parameter.opts} | {"--help"}
        assert set(re.findall(r"--[a-z-]+", rest)) <= options, command


def test_parameters_and_outputs_are_those_of_the_template() -> None:
    """The README lists exactly the template's parameters and outputs."""
    assert _rows_after("Parameters, given as `--parameter-overrides Name=value`:") == _template_names("Parameters")
    assert _rows_after("Outputs:") == _template_names("Outputs")


def test_the_figures_in_the_readme_are_those_of_the_bench() -> None:
    """Each as `bench/results.json` has it, to the README's decimals; in bold where the goal was missed."""
    kept = json.loads((ROOT / "bench" / "results.json").read_text(encoding="utf-8"))
    table = README.read_text(encoding="utf-8").partition("| goal | at most | found |")[2].partition("\n\n")[0]
    told = [line.split("|")[3].strip() for line in table.splitlines()[2:]]
    assert len(told) == len(GOALS)
    for found, (figure, *names) in zip(told, GOALS, strict=True):
        known = kept["anywhere"].get(figure, {}) | kept["on this machine"][figure]
        facts = [known[name] for name in names]
        shown = found.strip("*").split(", ")
        for text, fact in zip(shown, facts, strict=True):
            assert float(text) == round(fact["value"], len(text.partition(".")[2])), names
        assert found.startswith("**") != all(fact["reached"] for fact in facts), names


def test_config_envs_exist() -> None:
    """Every `--config-env` that the README names stands in samconfig.toml."""
    known = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    named = set(re.findall(r"--config-env (\w+)", README.read_text(encoding="utf-8")))
    assert named
    assert named <= known.keys()


@pytest.mark.parametrize("document", [README, GUIDE, DECISIONS, PRIVACY, RUNBOOK], ids=lambda path: path.name)
def test_links_resolve(document: Path) -> None:
    """Every link to a file or a heading leads somewhere."""
    for target in re.findall(r"\]\(([^)\s]+)\)", document.read_text(encoding="utf-8")):
        path, _, heading = target.partition("#")
        linked = (document.parent / path).resolve() if path else document
        assert linked.exists(), target
        if heading:
            headings = re.findall(r"^#+ (.+)$", linked.read_text(encoding="utf-8"), re.MULTILINE)
            assert heading in {re.sub(r"[^\w -]", "", text).lower().replace(" ", "-") for text in headings}, target


@pytest.mark.parametrize("document", [README, GUIDE], ids=lambda path: path.name)
def test_states_are_explained(document: Path) -> None:
    """Every state an order can be in has a line of its own."""
    explained = re.findall(r"^\| `([a-z]+)` \|", document.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(STATES) <= set(explained)


def test_every_fact_has_an_example() -> None:
    """The made-up facts are those the catalogue knows, and every reason belongs to a group."""
    assert EXAMPLES.keys() == FACTS
    assert {code.split("-")[0] for code in REASONS} == GROUPS.keys()


def test_the_guide_explains_every_reason() -> None:
    """The guide's tables are the catalogue's own words; `python -m tests.test_docs` renews them."""
    _, inside, _ = _between(GUIDE.read_text(encoding="utf-8"))
    assert inside.strip() == tables().strip()


@pytest.mark.parametrize("document", [README, GUIDE, DECISIONS, RUNBOOK], ids=lambda path: path.name)
def test_codes_named_exist(document: Path) -> None:
    """Every whole code that a document names exists."""
    # `koppeling-dev` is a stack.
    beginnings = "|".join(GROUPS.keys() - {"koppeling"})
    named = re.findall(rf"`((?:{beginnings})-[a-z-]*[a-z])`", document.read_text(encoding="utf-8"))
    assert named
    assert set(named) <= REASONS.keys()


def test_decisions_are_whole() -> None:
    """Every decision has a date, a choice, a road not taken and a way back, in that order."""
    entries = re.split(r"^### ", DECISIONS.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    for entry in entries:
        assert re.match(r"\d{4}-\d{2}-\d{2} · ", entry), entry
        assert re.findall(r"^\* \*\*(.+?)\*\*", entry, re.MULTILINE) == ["Choice.", "Not taken.", "Way back."], entry


def test_ways_back_lead_somewhere() -> None:
    """What a decision names as standing in a file stands there."""
    text = " ".join(DECISIONS.read_text(encoding="utf-8").split())
    named = re.findall(r"((?:`\w+(?:\.\w+)?`(?:,| and)? )+)in \[[^\]]+\]\(([^)]+)\)", text)
    assert named
    for names, path in named:
        source = (DECISIONS.parent / path).read_text(encoding="utf-8")
        for name in re.findall(r"(\w+)`", names):
            assert re.search(rf"\b{name}\b", source), (name, path)


def test_the_guides_profile_is_one() -> None:
    """The example profile is read without complaint and shows every choice, which the guide then explains."""
    text = GUIDE.read_text(encoding="utf-8")
    examples = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert examples
    for example in examples:
        profile = Profile.from_toml(example)
        shown = tomllib.loads(example)
        assert shown.keys() == Profile.model_fields.keys()
        assert set(shown["customers"]) == set(type(profile.customers).model_fields)
    for name in (*Profile.model_fields, "collective", "without_email"):
        assert f"`{name}`" in text or f"`[{name}]`" in text, name
    stems = {name if name == GIFT_CARDS else name.rpartition("_")[0] for name in Accounts.model_fields}
    assert {stem for stem in stems if f"`{stem}`" in text} == stems


if __name__ == "__main__":
    before, _, after = _between(GUIDE.read_text(encoding="utf-8"))
    GUIDE.write_text(f"{before}{BEGIN}\n{tables()}\n\n{END}{after}", encoding="utf-8")
