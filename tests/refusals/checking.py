"""Whether every code of the catalogue is produced, and told as the catalogue has it."""

from collections.abc import Mapping

from koppeling import catalogue
from koppeling.failures import Reason
from tests.exactly_once.rig import Stage
from tests.refusals import scenarios_books, scenarios_rest
from tests.refusals.scene import Scenario, Scene

SCENARIOS: Mapping[str, Scenario] = {**scenarios_books.SCENARIOS, **scenarios_rest.SCENARIOS}

_BOOKS = ("account-", "amount-", "currency-", "customer-", "journal-", "number-", "oss-", "period-")
BOOKS = sorted(code for code in catalogue.REASONS if code.startswith(_BOOKS))
"""The codes about what is booked where."""

REST = sorted(catalogue.REASONS.keys() - set(BOOKS))
"""All others: of the shop, of VAT, of SnelStart's answers and of the koppeling itself."""


def produce(code: str, stage: Stage) -> Reason:
    """Play the scenario of this code. Its reason must be the catalogue's, with every fact filled in."""
    scenario = SCENARIOS.get(code)
    assert scenario is not None, f"no scenario produces {code}"
    scene = Scene(stage)
    try:
        reason = scenario(scene)
    finally:
        scene.leave()
    assert reason.code == code
    assert reason.whose == catalogue.REASONS[code][2]
    for text in (reason.sentence, reason.advice):
        assert "{" not in text
        assert text.endswith(".")
    return reason
