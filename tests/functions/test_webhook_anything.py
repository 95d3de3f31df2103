"""Whatever arrives at the webhook's door, it has an answer."""

import base64
import json
import string

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.webhook import app
from tests.functions.rig import Connection, Rig, call
from tests.functions.webhooks import event, headers

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NUMBERS = (
    ANYTHING | st.integers(1, 10**20).map(str) | st.text(string.ascii_letters + string.digits + "._-é", max_size=34)
)
BODIES = st.one_of(
    st.none(),
    st.text(max_size=200),
    ANYTHING.map(json.dumps),
    NUMBERS.map(lambda number: json.dumps({"data": {"order_number": number}})),
    NUMBERS.map(lambda number: json.dumps({"data": 1, "order_number": number})),
    st.binary(max_size=60).map(lambda raw: base64.b64encode(raw).decode()),
    st.just("x" * 65_537),
)
PAIRS = st.dictionaries(
    st.sampled_from(["webhook-id", "Webhook-Timestamp", "webhook-signature", "key", "x"]) | st.text(max_size=5),
    st.text(max_size=30) | st.sampled_from(["v1,", "1795442400"]),
    max_size=4,
)
LISTS = st.dictionaries(st.sampled_from(["webhook-signature", "key"]), st.lists(st.text(max_size=9), max_size=2))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=BODIES, encoded=st.booleans(), pairs=PAIRS, lists=LISTS, proof=st.sampled_from(["none", "key", "signature"])
)
def test_no_event_breaks_it(
    fresh: Rig,
    body: str | None,
    encoded: bool,  # noqa: FBT001 (drawn, not passed)
    pairs: dict[str, str],
    lists: dict[str, list[str]],
    proof: str,
) -> None:
    """Whatever arrives is answered 202, 400, 401 or 413, and 202 only to a proven sender of a number."""
    connection = Connection("1f" * 8, ("whsec_" + base64.b64encode(bytes(32)).decode(),), "sleutel")
    if not app._held:  # noqa: SLF001 (stored once, not 300 times)
        fresh.store(connection)
    query, head = dict(pairs), dict(pairs)
    if proof == "key":
        head = {name: value for name, value in head.items() if name.lower() != "webhook-signature"}
        lists = {}
        query = {"key": connection.key}
    if proof == "signature" and body is not None and body.isascii() and not encoded:
        head = headers(connection, body)
    status, _ = call(
        event(
            connection.id,
            body,
            isBase64Encoded=encoded,
            headers=head or None,
            multiValueHeaders=lists or None,
            queryStringParameters=query or None,
            multiValueQueryStringParameters=lists or None,
        )
    )
    assert status in {202, 400, 401, 413}
    if proof == "none":
        assert status in {401, 413}
    if proof == "key":
        assert status != 401
