"""`koppeling reconcile --repair` against the deployed worker: afterwards shop and books close."""

import json
from datetime import datetime, timedelta

import httpx

from sandbox.world import SUBSCRIPTION_KEY, Connected, World
from tests.journey.steps import AMSTERDAM, Json, book, connect, generated, settled


def _by_hand(stage: World, connected: Connected, http: httpx.Client, *paths: str) -> None:
    """Remove these bookings in SnelStart, as its owner would."""
    form = {"grant_type": "clientkey", "clientkey": connected.koppelsleutel}
    minted = http.post(f"{stage.books.url}/b2b/token", data=form).raise_for_status().json()
    headers = {"Authorization": f"Bearer {minted['access_token']}", "Ocp-Apim-Subscription-Key": SUBSCRIPTION_KEY}
    for path in paths:
        http.delete(f"{stage.books.url}/v2/{path}", headers=headers).raise_for_status()


def _payment(stage: World, connected: Connected, order: Json) -> str:
    """Where the payment of an order is."""
    ledger = stage.ledger(connected)
    [path] = [
        f"{journal}/{booking['id']}"
        for journal in ("bankboekingen", "kasboekingen")
        for booking in ledger[journal]
        if booking["id"] == order["payment_id"]
    ]
    return path


def test_what_is_removed_or_missing_is_repaired_and_compared_again(stage: World, http: httpx.Client) -> None:
    """An invoice and a payment removed, an order never announced: one command repairs all three and waits."""
    connected = connect(stage, "Vergelijking")
    *announced, missing = [dict(made.raw) for made in generated(31, 4)]
    book(stage, connected, *announced)
    stage.place(connected, [missing])
    removed, unpaid, untouched = (str(raw["number"]) for raw in announced)
    before = stage.orders(connected)
    _by_hand(
        stage,
        connected,
        http,
        _payment(stage, connected, before[removed]),
        f"verkoopboekingen/{before[removed]['verkoopboeking_id']}",
        _payment(stage, connected, before[unpaid]),
    )
    first = (datetime.now(AMSTERDAM) - timedelta(days=1)).date().isoformat()

    seen = stage.run_koppeling("reconcile", connected.id, "--from", first, "--json")
    assert seen.returncode == 1
    found = {(one["order_number"], one["kind"]) for one in json.loads(seen.stdout)["differences"]}
    assert found == {(removed, "missing"), (unpaid, "not-paid"), (str(missing["number"]), "missing")}

    done = stage.run_koppeling("reconcile", connected.id, "--from", first, "--repair", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert set(told["repair"]["queued"]) == {removed, unpaid, str(missing["number"])}
    assert (told["closes"], told["differences"], told["repair"]["left"]) == (True, [], [])
    assert told["shop_total"] == told["books_total"]

    after, invoices = stage.orders(connected), stage.invoices(connected)
    assert len(invoices) == len(announced) + 1
    for raw in (*announced, missing):
        row = after[str(raw["number"])]
        assert row["state"] == "paid"
        settled(invoices[row["invoice_number"]], row["total"])
    assert after[removed]["verkoopboeking_id"] != before[removed]["verkoopboeking_id"]
    assert after[unpaid]["verkoopboeking_id"] == before[unpaid]["verkoopboeking_id"]
    assert after[untouched] == before[untouched]
