"""Where the live API, as far as anybody knows, is not what its document says. Each with its source."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from tests.contract.finding import Finding, Side

_WALL_CLOCK: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?")


def is_wall_clock(value: object) -> bool:
    """Whether a text is how SnelStart writes a date-time: no zone, though the document says RFC 3339.

    Source: snelstart.md, Reading [live].
    """
    return not isinstance(value, str) or _WALL_CLOCK.fullmatch(value) is not None


@dataclass(frozen=True)
class Difference:
    """Findings that are right all the same; patterns are matched against the whole of the finding's field."""

    api: Literal["snelstart", "mijnwebwinkel"]
    side: Side
    at: str
    rule: str
    found: str
    source: str
    wanted: str = ".*"
    call: str = ".*"
    setting: str = ""
    """The setting of the simulated shop it comes with; "" for always."""

    def covers(self, finding: Finding) -> bool:
        """Whether this is the finding meant."""
        patterns = (
            (self.at, finding.at),
            (self.rule, finding.rule),
            (self.found, finding.found),
            (self.wanted, finding.wanted),
            (self.call, finding.call),
        )
        return (
            (self.api, self.side) == (finding.api, finding.side)
            and self.setting in {"", finding.setting}
            and all(re.fullmatch(pattern, text) for pattern, text in patterns)
        )


_MAY_BE_EMPTY: Final = (
    "boekstuk|omschrijving|kostenplaats|eenmaligeIncassoMachtiging|doorlopendeIncassoMachtiging"
    "|email|ccEmail|telefoon|mobieleTelefoon|btwNummer|kvkNummer|oin|iban|bic|websiteUrl|memo|contactpersoon"
    "|vestigingsAdres|correspondentieAdres|krediettermijn|kredietLimiet|factuurRelatie"
    "|vatRateCode|buitenlandseBtwGrootboek|factuurNummer|relatiePublicIdentifier"
)
_AMOUNTS: Final = "amount|amount_including_tax|rate|total|weight"

KNOWN: Final = (
    Difference(
        "snelstart",
        "answer",
        at=rf"(.*\.)?({_MAY_BE_EMPTY})",
        rule="type",
        found="null",
        source="no schema has nullable; snelstart.md, Booking an invoice: kostenplaats may be null; the others [open]",
    ),
    Difference(
        "snelstart",
        "answer",
        at="",
        rule="whole",
        found="MissingData",
        call="DELETE .*",
        source="its schema is an object of which nothing is said, taken for no body [open]; our client reads none",
    ),
    Difference(
        "mijnwebwinkel",
        "request",
        at=r"\?status_changed_(start|end)_date",
        rule="format",
        found="text",
        source="the document's own text beside the parameter: format yyyy-mm-dd hh:mm:ss",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r".*orderlines\[\]\.articles\[\]",
        rule="required",
        wanted="amount, rate",
        found="nothing",
        source="the document's own example: they stand in the article's price",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r".*articles\[\]\.options\[\]",
        rule="required",
        wanted="list_option_id",
        found="nothing",
        source="the document's own example: a cart discount among the options has none",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r".*articles\[\]\.options\[\]\.price",
        rule="type",
        wanted="string",
        found="object",
        source="the document's own example: a price with amount and rate",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=rf"(.*\.)?({_AMOUNTS})",
        rule="type",
        wanted="string",
        found="number",
        setting="numbers=number",
        source="mijnwebwinkel.md, The order: numbers come as strings or as numbers [doc, live]",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r"payments\[\](\.mutations\[\])?\.price",
        rule="type",
        found="text",
        setting="numbers=text",
        call="GET .*/payments",
        source="mijnwebwinkel.md, Calls used: cents, as number or as text",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r"(.*\.)?(quantity|status)",
        rule="type",
        wanted="integer",
        found="text",
        setting="integers=text",
        source="mijnwebwinkel.md, The order: numbers come as strings or as numbers [doc, live]",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r"(\[\]\.)?(number|credited_order_number)",
        rule="type",
        wanted="integer",
        found="text",
        setting="order_number=text",
        source="mijnwebwinkel.md, The order: number (int; live also as string)",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r"(\[\]\.)?number",
        rule="type",
        wanted="integer",
        found="text",
        call=r"GET /v\{version\}/orders",
        source="mijnwebwinkel.md, Calls used: test orders carry a number with a T suffix [doc]",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r".*shipping\[\]\.country",
        rule="type",
        found="empty list",
        setting="country=empty-list",
        source="mijnwebwinkel.md, The order: live: country may be []",
    ),
    Difference(
        "mijnwebwinkel",
        "answer",
        at=r".*",
        rule="unknown property",
        wanted="channel, sustainability|fulfilment|settlement",
        found="there",
        setting="unknown_fields=True",
        source="this setting makes fields up, to prove that they are passed over",
    ),
)
