"""An answer of DynamoDB that cannot be read, each time it is asked, says nothing: not that a row is not there."""

from collections.abc import Iterator

import pytest

from koppeling.failures import Unavailable
from koppeling.table import Key
from tests.chaos.taps import ATTEMPTS, Strike, Taps, by, tapped
from tests.chaos.world import connect
from tests.exactly_once.rig import Stage


@pytest.fixture(scope="module")
def taps(module_stage: Stage) -> Iterator[Taps]:
    """The hooks of this process, on a stage where all is calm."""
    module_stage.calm()
    with tapped(module_stage) as made:
        yield made


def test_a_garbled_answer_is_not_that_there_is_no_row(module_stage: Stage, taps: Taps) -> None:
    """Botocore makes an empty answer of one that is no JSON: a credit's original was taken for one never booked."""
    connection = connect(module_stage, taps).connected
    key = Key(f"CONNECTION#{connection.id}", "CONNECTION")
    garbled = by(Strike("dynamodb.GetItem", "malformed-200", times=ATTEMPTS))
    with pytest.raises(Unavailable):
        taps.run(garbled, lambda: _demand(module_stage, key, there=False))
    taps.run(by(Strike("", "malformed-200")), lambda: _demand(module_stage, key, there=True))
    taps.run(by(Strike("", "malformed-200")), lambda: _demand(module_stage, Key(key.pk, "NOTHING"), there=False))


def _demand(stage: Stage, key: Key, *, there: bool) -> None:
    assert (stage.table.get(key) is not None) is there


def test_a_webhook_is_sent_again_when_its_sender_could_not_be_read(module_stage: Stage, taps: Taps) -> None:
    """It is told 503, not that its key is wrong."""
    post = connect(module_stage, taps)
    garbled = by(Strike("dynamodb.GetItem", "malformed-200", times=ATTEMPTS))
    assert post.told("1", garbled)["statusCode"] == 503
    assert post.told("1")["statusCode"] == 202
