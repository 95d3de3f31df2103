"""How each refusal about VAT and VAT numbers comes about."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from koppeling import onboard
from koppeling.failures import Reason
from sandbox.world import simulator
from tests.booking.world import line, paid
from tests.exactly_once.rig import environment
from tests.refusals.scene import ORDINARY, Scenario, Scene, seen
from tests.regimes.winkel import (
    BELGIAN,
    CANCELLED,
    GERMAN_NUMBER,
    Json,
    buyer,
    days_ago,
    next_name,
    on,
    reversed_to,
    thing,
    to,
    untaxed,
)

_DUTCH_NUMBER = "NL004495445B01"
_WRONG_CHECK_DIGITS = "BE0428759498"


def _under_kor(scene: Scene, raw: Json) -> Reason:
    """This order, offered to an administration under the small business scheme, is refused."""
    return scene.refused(raw, scene.connect(kor=True))


def _from(country: str) -> Json:
    """Fields of an order whose invoice address has this country, whatever that is."""
    return {"debtor": buyer("NL", next_name(), country_code=country), "tax_region": ""}


def _stated(rate: str, amount: str) -> Json:
    """Fields of an order of 121.00 that states this VAT alone."""
    return {"price": {"tax": [{"amount": amount, "rate": rate}], "total": "121.00"}}


def _refused_by_snelstart(scene: Scene) -> Reason:
    """German VAT for goods to Germany, for a customer who lives in Belgium: SnelStart computes Belgian VAT."""
    there = to("BE", delivery="DE") | {"tax_region": "DE"}
    return scene.refused(thing("119.00", "19", "19.00", **there), scene.connect(foreign_vat=True))


def _rate_past(scene: Scene) -> Reason:
    """The order is of the last day of 6% VAT; that period is closed, and on the first open day the rate is no more."""
    connected = scene.connect(
        f'closed_period = "first-open-day"\n{ORDINARY}', huidig_boekjaar=2020, blocked=[["2018-01-01", "2018-12-31"]]
    )
    onboard.change_profile(scene.stage.table, connected.connection, "start_date = 2018-01-01\n")
    return scene.refused(thing("106.00", "6", "6.00", **on("2018-12-31")), connected)


def _booked_differs(scene: Scene) -> Reason:
    """The rate of an order that is in the books is changed in the shop, and the order cancelled after that."""
    raw = thing()
    number = str(raw["number"])
    assert scene.deliver(raw).state == "paid"
    price = {"tax": [{"amount": "9.99", "rate": "9"}], "total": "121.00"}
    scene.stage.change(scene.home, number, status=CANCELLED, orderlines=[line(paid("121.00", "9"))], price=price)
    return seen(scene.again(number), "refused")


def _oss_changed(scene: Scene) -> Reason:
    """Dutch VAT from before OSS was on, in a period that is closed: on the first open day that is not taken."""
    first, last = days_ago(40), days_ago(32)
    connected = scene.connect(
        f'closed_period = "first-open-day"\n{ORDINARY}',
        blocked=[[first, days_ago(1)]],
        foreign_vat=True,
        foreign_vat_ranges=[[last, ""]],
    )
    return scene.refused(thing(**to("BE") | {"tax_region": "NL"}, **on(first)), connected)


def _number_refused_by_snelstart(scene: Scene) -> Reason:
    """A number that is well-formed, and that SnelStart does not take all the same."""
    scene.answers("REL-0088", "/relaties")
    return scene.refused(untaxed(**reversed_to("BE")))


@contextmanager
def _vies(register: Mapping[str, Any]) -> Iterator[None]:
    """A deployment that asks a simulated VIES, which answers so."""
    with simulator("sandbox.vies") as url:
        httpx.post(f"{url}/_sim/register", json=dict(register), trust_env=False).raise_for_status()
        with environment({"VIES_URL": url}):
            yield


def _not_in_vies(scene: Scene) -> Reason:
    with _vies({"unregistered": [BELGIAN]}):
        return scene.refused(untaxed(**reversed_to("BE")))


def _vies_unavailable(scene: Scene) -> Reason:
    with _vies({"errors": {"BE": "MS_UNAVAILABLE"}}):
        return scene.failed(untaxed(**reversed_to("BE")))


SCENARIOS: Mapping[str, Scenario] = {
    "oss-changed": _oss_changed,
    "vat-booked-differs": _booked_differs,
    "vat-country-unknown": lambda scene: scene.refused(thing(**_from("XYZ"))),
    "vat-kor-abroad": lambda scene: _under_kor(scene, untaxed(**to("BE"))),
    "vat-kor-charged": lambda scene: _under_kor(scene, thing()),
    "vat-number-country": lambda scene: scene.refused(untaxed(**reversed_to("BE", GERMAN_NUMBER))),
    "vat-number-dutch": lambda scene: scene.refused(untaxed(**reversed_to("BE", _DUTCH_NUMBER))),
    "vat-number-invalid": _number_refused_by_snelstart,
    "vat-number-malformed": lambda scene: scene.refused(untaxed(**reversed_to("BE", _WRONG_CHECK_DIGITS))),
    "vat-number-missing": lambda scene: scene.refused(untaxed(**reversed_to("BE", ""))),
    "vat-number-not-in-vies": _not_in_vies,
    "vat-number-vies-unavailable": _vies_unavailable,
    "vat-rate-past": _rate_past,
    "vat-rate-unknown": lambda scene: scene.refused(thing("106.00", "6", "6.00")),
    "vat-rate-without-lines": lambda scene: scene.refused(thing(**_stated("9", "9.00"))),
    "vat-refused": _refused_by_snelstart,
    "vat-region-abroad": lambda scene: scene.refused(thing(tax_region="BE")),
    "vat-reverse-charged-place": lambda scene: scene.refused(untaxed(**reversed_to("US"))),
    "vat-reverse-charged-with-vat": lambda scene: scene.refused(thing(**reversed_to("BE"))),
    "vat-strategy-unknown": lambda scene: scene.refused(thing(tax_strategy="iets")),
    "vat-territory": lambda scene: scene.refused(thing(**_from("XI"))),
    "vat-total": lambda scene: scene.refused(thing(**_stated("21", "20.00"))),
    "vat-zero-percent-place": lambda scene: scene.refused(untaxed(**to("BE"), tax_strategy="zero_percent")),
}
